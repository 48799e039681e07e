import { assert } from '../assert.js';
import type { NodeId } from '../types.js';
import { ByteReader, ByteWriter, DecodeError } from './bytes.js';
import type { Chunk } from './chunks.js';
import { CHUNK_BYTES, isSound } from './chunks.js';
import { decodeMessage, messageBytes, writeMessage } from './codec.js';
import type { Message } from './messages.js';
import { wordCodec } from './words.js';

/**
 * What travels between two nodes at one time: who sends to whom, in which life of the sender, and a batch of messages or
 * a chunk of a large one. An envelope with nothing in it is a heartbeat. Deadlines travel as what is left of them, never
 * as a time of day, so that nodes need not agree on the clock.
 */

/** `fast` carries batches, `large` carries chunks: a large message never stands in the way of small ones. */
export type Lane = 'fast' | 'large';

export interface Parcel {
  readonly message: Message;
  readonly remainingMs: number;
}

interface EnvelopeHeader {
  readonly clusterId: string;
  /** Of the sender's cluster document. */
  readonly epoch: number;
  readonly sender: NodeId;
  readonly receiver: NodeId;
  /** Grows by one with each life of the sender. */
  readonly incarnation: number;
  /** Grows with each envelope of this sender, receiver, incarnation and lane. */
  readonly counter: number;
}

export type Envelope = EnvelopeHeader &
  (
    | { readonly lane: 'fast'; readonly messages: readonly Parcel[] }
    | { readonly lane: 'large'; readonly chunks: readonly Chunk[] }
  );

/** Bounds of one batch; a message that alone is larger than the bytes goes to the large lane. */
export const BATCH_BYTES_MAX = 64 * 1024;
export const BATCH_MESSAGES_MAX = 64;

/** Room for everything in an envelope but messages and chunks. */
export const ENVELOPE_OVERHEAD_BYTES = 1024;
/** Room for what stands in front of one message or chunk. */
export const PARCEL_OVERHEAD_BYTES = 32;

const FORMAT = 1;
const NAME_BYTES_MAX = 256;
const REMAINING_MS_MAX = 0xffff_ffff;
const LANES = wordCodec<Lane>({ fast: 1, large: 2 });

export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const out = new ByteWriter(ENVELOPE_OVERHEAD_BYTES + contentBytes(envelope));
  writeEnvelope(out, envelope);
  return out.bytes();
}

/** Every message has been measured with {@link messageBytes} and is at most {@link BATCH_BYTES_MAX} long. */
export function writeEnvelope(out: ByteWriter, envelope: Envelope): void {
  out.u8(FORMAT).text(envelope.clusterId).varint(envelope.epoch);
  out.text(envelope.sender).text(envelope.receiver).varint(envelope.incarnation);
  LANES.write(out, envelope.lane);
  out.varint(envelope.counter);
  if (envelope.lane === 'fast') {
    assert(envelope.messages.length <= BATCH_MESSAGES_MAX, 'a batch is within its bounds');
    out.varint(envelope.messages.length);
    for (const parcel of envelope.messages) writeParcel(out, parcel);
  } else {
    out.varint(envelope.chunks.length);
    for (const chunk of envelope.chunks) writeChunk(out, chunk);
  }
}

/**
 * Values share memory with the input. A message that cannot be decoded inside a sound envelope is handed to `onDamaged`
 * and left out, so that one unknown message does not take its neighbours with it.
 */
export function decodeEnvelope(
  bytes: Uint8Array,
  onDamaged: (error: DecodeError) => void = rethrow,
): Envelope {
  const input = new ByteReader(bytes);
  if (input.u8() !== FORMAT) throw new DecodeError('the envelope has another format');
  const header = readHeader(input);
  const lane = LANES.read(input);
  const counter = input.varint();
  const envelope: Envelope =
    lane === 'fast'
      ? { ...header, lane, counter, messages: readParcels(input, onDamaged) }
      : { ...header, lane, counter, chunks: readChunks(input) };
  input.end();
  return envelope;
}

function rethrow(error: DecodeError): never {
  throw error;
}

function readHeader(input: ByteReader): Omit<EnvelopeHeader, 'counter'> {
  const clusterId = input.text(NAME_BYTES_MAX);
  const epoch = input.varint();
  const sender = input.text(NAME_BYTES_MAX) as NodeId;
  const receiver = input.text(NAME_BYTES_MAX) as NodeId;
  return { clusterId, epoch, sender, receiver, incarnation: input.varint() };
}

/** The length stands in front of the message but is known after it: a fixed-width number, filled in at the end. */
function writeParcel(out: ByteWriter, parcel: Parcel): void {
  out.varint(wholeMs(parcel.remainingMs)).u32(0);
  const start = out.length;
  writeMessage(out, parcel.message);
  putU32(out.bytes(), start - 4, out.length - start);
}

function readParcels(input: ByteReader, onDamaged: (error: DecodeError) => void): Parcel[] {
  const parcels: Parcel[] = [];
  for (let left = readCount(input, BATCH_MESSAGES_MAX); left > 0; left--) {
    const remainingMs = readRemainingMs(input);
    const bytes = input.raw(input.u32());
    try {
      parcels.push({ message: decodeMessage(bytes), remainingMs });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      onDamaged(error);
    }
  }
  return parcels;
}

function writeChunk(out: ByteWriter, chunk: Chunk): void {
  out.varint(chunk.transferId).varint(chunk.index).varint(chunk.count);
  out.varint(wholeMs(chunk.remainingMs)).blob(chunk.bytes);
}

function readChunks(input: ByteReader): Chunk[] {
  const chunks: Chunk[] = [];
  for (let left = readCount(input, 1); left > 0; left--) {
    const transferId = input.varint();
    const index = input.varint();
    const count = input.varint();
    const remainingMs = readRemainingMs(input);
    const chunk: Chunk = { transferId, index, count, remainingMs, bytes: input.blob(CHUNK_BYTES) };
    if (!isSound(chunk)) throw new DecodeError('a chunk does not fit its message');
    chunks.push(chunk);
  }
  return chunks;
}

function readCount(input: ByteReader, max: number): number {
  const count = input.varint();
  if (count > max) throw new DecodeError('a count is too large');
  return count;
}

function readRemainingMs(input: ByteReader): number {
  const remainingMs = input.varint();
  if (remainingMs > REMAINING_MS_MAX) throw new DecodeError('a deadline is too far away');
  return remainingMs;
}

function wholeMs(remainingMs: number): number {
  return Math.min(REMAINING_MS_MAX, Math.max(0, Math.ceil(remainingMs)));
}

/** Writes a big-endian number over bytes already written. */
export function putU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

function contentBytes(envelope: Envelope): number {
  if (envelope.lane === 'large') return envelope.chunks.length * (CHUNK_BYTES + PARCEL_OVERHEAD_BYTES);
  return envelope.messages.reduce(
    (sum, { message }) => sum + messageBytes(message) + PARCEL_OVERHEAD_BYTES,
    0,
  );
}
