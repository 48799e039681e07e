import { DecodeError } from '../../core/protocol/bytes.js';
import type { ScanRange } from '../../core/protocol/events.js';
import type { Digests, Key, NodeId } from '../../core/types.js';

/**
 * Keys in the database: `o` | partition u16 | position u64 | key for records, the same with `q` for the raw bytes of
 * quarantined ones, `h` | length of target u8 | target | key for hints, `m` | name for metadata. A partition is one
 * contiguous range, in the order of positions.
 */

const SPACES = { object: 0x6f, quarantine: 0x71, hint: 0x68, metadata: 0x6d } as const;
type Space = 'object' | 'quarantine' | 'hint';

const POSITION_OFFSET = 3;
const KEY_OFFSET = 11;
const TARGET_OFFSET = 2;
const TARGET_BYTES_MAX = 0xff;

export interface Range {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

export interface KeyLayout {
  objectKey(key: Key): Uint8Array;
  quarantineKey(key: Key): Uint8Array;
  /** Where the records of a scan lie. */
  objectRange(range: ScanRange): Range;
}

/** `partitions` is a power of two up to 65,536. */
export function createKeyLayout(partitions: number, digests: Pick<Digests, 'md5'>): KeyLayout {
  const shift = 16 - Math.log2(partitions);
  const make = (space: Space, key: Key): Uint8Array => {
    const bytes = Buffer.allocUnsafe(KEY_OFFSET + key.length);
    const position = digests.md5(key);
    bytes[0] = SPACES[space];
    for (let i = 0; i < 8; i++) bytes[POSITION_OFFSET + i] = position[i] ?? 0;
    bytes.writeUInt16BE(bytes.readUInt16BE(POSITION_OFFSET) >>> shift, 1);
    bytes.write(key, KEY_OFFSET, 'latin1');
    return bytes;
  };
  const start = (position: Uint8Array): Uint8Array => {
    const bytes = Buffer.from([SPACES.object, 0, 0, ...position]);
    bytes.writeUInt16BE(bytes.readUInt16BE(POSITION_OFFSET) >>> shift, 1);
    return bytes;
  };
  const startBehind = (position: Uint8Array): Uint8Array => {
    const next = Buffer.from(position);
    next.writeBigUInt64BE(BigInt.asUintN(64, next.readBigUInt64BE() + 1n));
    return next.readBigUInt64BE() === 0n ? Uint8Array.of(SPACES.object + 1) : start(next);
  };
  return {
    objectKey: (key) => make('object', key),
    quarantineKey: (key) => make('quarantine', key),
    objectRange({ from, through, after }) {
      const first = start(from);
      const next = after === undefined ? first : Buffer.concat([make('object', after), Uint8Array.of(0)]);
      return { gte: Buffer.compare(first, next) < 0 ? next : first, lt: startBehind(through) };
    },
  };
}

export function metadataKey(name: string): Uint8Array {
  return Buffer.from(`${String.fromCharCode(SPACES.metadata)}${name}`, 'latin1');
}

/** Of what was last heard of the directories of other nodes. */
export const HEIGHTS_KEY = metadataKey('heights');

/** Throws RangeError where the target is longer than 255 bytes of UTF-8. */
export function hintKey(target: NodeId, key: Key): Uint8Array {
  const name = Buffer.from(target, 'utf8');
  if (name.length > TARGET_BYTES_MAX) throw new RangeError('the target of a hint has too long a name');
  const bytes = Buffer.allocUnsafe(TARGET_OFFSET + name.length + key.length);
  bytes[0] = SPACES.hint;
  bytes[1] = name.length;
  bytes.set(name, TARGET_OFFSET);
  bytes.write(key, TARGET_OFFSET + name.length, 'latin1');
  return bytes;
}

/** Throws DecodeError where `stored` is shorter than it says. */
export function hintedBy(stored: Uint8Array): { readonly target: NodeId; readonly key: Key } {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.length);
  const end = TARGET_OFFSET + (bytes[1] ?? 0);
  if (bytes.length < end) throw new DecodeError('the key of a hint ends too early');
  const target = bytes.toString('utf8', TARGET_OFFSET, end) as NodeId;
  return { target, key: bytes.toString('latin1', end) as Key };
}

/** All keys of a space. */
export function rangeOf(space: Space): Range {
  return { gte: Uint8Array.of(SPACES[space]), lt: Uint8Array.of(SPACES[space] + 1) };
}

/** Whether a key is one that this program could have written. */
export function isOurs(stored: Uint8Array): boolean {
  return Object.values<number | undefined>(SPACES).includes(stored[0]);
}

/** Everything that a database can hold. */
export const WHOLE_RANGE: Range = { gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) };

/** The bytes of the key itself in an object or quarantine key; shares memory. */
export function keyBytes(stored: Uint8Array): Uint8Array {
  return stored.subarray(KEY_OFFSET);
}

export function keyOf(stored: Uint8Array): Key {
  return Buffer.from(stored.buffer, stored.byteOffset, stored.length).toString('latin1', KEY_OFFSET) as Key;
}
