import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, DecodeError } from '../../core/protocol/bytes.js';
import type { Actor, Height, NodeId, VersionedRecord } from '../../core/types.js';
import { readRecord, writeRecord } from '../../core/versioning/recordCodec.js';
import { keyBytes } from './keys.js';

/**
 * Values in the database: format byte | CRC-32 u32 | payload. The checksum covers the key as well, so that a record that
 * turns up under another key is damage too. LevelDB's own block checksums are not verified on reads.
 */

const FORMAT = 1;
const HEADER_BYTES = 5;
const ACTOR_CHARS_MAX = 32;
const NAME_BYTES_MAX = 256;

/** What the directory knows about itself; part of every synced batch (R2). */
export interface Metadata {
  readonly partitions: number;
  readonly actor: Actor;
  /** Highest counter ever given. */
  readonly counter: number;
  /** Number of this batch. */
  readonly sequence: number;
  readonly incarnation: number;
  readonly complete: boolean;
  /** Records found damaged so far. */
  readonly damaged: number;
}

export function sealRecord(objectKey: Uint8Array, record: VersionedRecord): Uint8Array {
  const size = record.siblings.reduce((sum, sibling) => sum + sibling.value.length, 256);
  return sealed(keyBytes(objectKey), size, (out) => writeRecord(out, record));
}

/** Throws DecodeError where the record is damaged. Values share memory with `value`. */
export function openRecord(objectKey: Uint8Array, value: Uint8Array): VersionedRecord {
  return opened(keyBytes(objectKey), value, readRecord);
}

export function sealMetadata(key: Uint8Array, metadata: Metadata): Uint8Array {
  return sealed(key, 64, (out) => {
    out.varint(metadata.partitions).latin1(metadata.actor).varint(metadata.counter).varint(metadata.sequence);
    out
      .varint(metadata.incarnation)
      .u8(metadata.complete ? 1 : 0)
      .varint(metadata.damaged);
  });
}

/** Throws DecodeError where the metadata is damaged. */
export function openMetadata(key: Uint8Array, value: Uint8Array): Metadata {
  return opened(key, value, (input) => ({
    partitions: input.varint(),
    actor: input.latin1(ACTOR_CHARS_MAX) as Actor,
    counter: input.varint(),
    sequence: input.varint(),
    incarnation: input.varint(),
    complete: input.u8() === 1,
    damaged: input.varint(),
  }));
}

/** `order` is that of a hint; `key` its whole key in the database. */
export function sealHint(key: Uint8Array, order: number): Uint8Array {
  return sealed(key, 8, (out) => out.varint(order));
}

/** The order of a hint. Throws DecodeError where it is damaged. */
export function openHint(key: Uint8Array, value: Uint8Array): number {
  return opened(key, value, (input) => input.varint());
}

export function sealHeights(key: Uint8Array, heights: ReadonlyMap<NodeId, Height>): Uint8Array {
  return sealed(key, heights.size * 64, (out) => {
    out.varint(heights.size);
    for (const [node, { actor, incarnation, sequence }] of heights) {
      out.text(node).latin1(actor).varint(incarnation).varint(sequence);
    }
  });
}

/** Throws DecodeError where they are damaged. */
export function openHeights(key: Uint8Array, value: Uint8Array): ReadonlyMap<NodeId, Height> {
  return opened(key, value, (input) => {
    const heights = new Map<NodeId, Height>();
    for (let left = input.varint(); left > 0; left--) {
      const node = input.text(NAME_BYTES_MAX) as NodeId;
      const actor = input.latin1(ACTOR_CHARS_MAX) as Actor;
      heights.set(node, { actor, incarnation: input.varint(), sequence: input.varint() });
    }
    return heights;
  });
}

function sealed(covered: Uint8Array, size: number, write: (out: ByteWriter) => unknown): Uint8Array {
  const out = new ByteWriter(HEADER_BYTES + size);
  out.u8(FORMAT).u32(0);
  write(out);
  const bytes = out.bytes();
  const checksum = checksumOf(covered, bytes);
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(1, checksum);
  return bytes;
}

function opened<T>(covered: Uint8Array, value: Uint8Array, read: (input: ByteReader) => T): T {
  const input = new ByteReader(value);
  if (input.u8() !== FORMAT) throw new DecodeError('the format is unknown');
  if (input.u32() !== checksumOf(covered, value)) throw new DecodeError('the checksum does not match');
  const result = read(input);
  input.end();
  return result;
}

function checksumOf(covered: Uint8Array, value: Uint8Array): number {
  return crc32(value.subarray(HEADER_BYTES), crc32(covered));
}
