import { assert, assertNever } from '../assert.js';
import type { NodeId } from '../types.js';
import { ByteReader, ByteWriter, DecodeError } from './bytes.js';
import type { Chunk } from './chunks.js';
import { CHUNK_BYTES, isSound } from './chunks.js';
import { messageBytes, readMessage, writeMessage } from './codec.js';
import type { Message } from './messages.js';
import { wordCodec } from './words.js';

/**
 * What travels between two nodes at one time: who sends to whom, in which life of the sender, and a batch of messages or
 * a chunk of a large one. An envelope with nothing in it is a heartbeat. Deadlines travel as what is left of them, never
 * as a time of day, so that nodes need not agree on the clock.
 */

/**
 * `fast` carries batches, `large` carries chunks: a large message never stands in the way of small ones. `bulk` carries
 * both for work that nobody waits for, so that it stands in the way of neither.
 */
export type Lane = 'fast' | 'large' | 'bulk';

export interface Parcel {
  readonly message: Message;
  readonly remainingMs: number;
}

export type Content =
  | { readonly lane: 'fast' | 'bulk'; readonly messages: readonly Parcel[] }
  | { readonly lane: 'large' | 'bulk'; readonly chunks: readonly Chunk[] };

export interface EnvelopeHeader {
  readonly clusterId: string;
  /** Of the sender's cluster document. */
  readonly epoch: number;
  readonly sender: NodeId;
  readonly receiver: NodeId;
  /** Grows with each life of the sender. */
  readonly incarnation: number;
  /** Grows with each envelope of this sender, receiver, incarnation and lane. */
  readonly counter: number;
}

export interface Envelope {
  readonly header: EnvelopeHeader;
  readonly content: Content;
}

/** Bounds of one batch; a message that alone is larger than the bytes travels in chunks. */
export const BATCH_BYTES_MAX = 64 * 1024;
export const BATCH_MESSAGES_MAX = 64;

/** Room for everything in an envelope but messages and chunks. */
export const ENVELOPE_OVERHEAD_BYTES = 1024;
/** Room for what stands in front of one message or chunk. */
export const PARCEL_OVERHEAD_BYTES = 32;

const FORMAT = 1;
const NAME_BYTES_MAX = 256;
const REMAINING_MS_MAX = 0xffff_ffff;
/** Lane and kind of content in one: no other combination can be said. */
type Form = Lane | 'bulkChunks';
const FORMS = wordCodec<Form>({ fast: 1, large: 2, bulk: 3, bulkChunks: 4 });

export function encodeEnvelope({ header, content }: Envelope): Uint8Array {
  const out = new ByteWriter(ENVELOPE_OVERHEAD_BYTES + contentBytes(content));
  writeEnvelope(out, header, content);
  return out.bytes();
}

/** Every message has been measured with {@link messageBytes} and is at most {@link BATCH_BYTES_MAX} long. */
export function writeEnvelope(out: ByteWriter, header: EnvelopeHeader, content: Content): void {
  out.u8(FORMAT).text(header.clusterId).varint(header.epoch);
  out.text(header.sender).text(header.receiver).varint(header.incarnation);
  FORMS.write(out, formOf(content));
  out.varint(header.counter);
  if ('messages' in content) {
    assert(content.messages.length <= BATCH_MESSAGES_MAX, 'a batch is within its bounds');
    out.varint(content.messages.length);
    for (const parcel of content.messages) writeParcel(out, parcel);
  } else {
    out.varint(content.chunks.length);
    for (const chunk of content.chunks) writeChunk(out, chunk);
  }
}

function formOf(content: Content): Form {
  return 'chunks' in content && content.lane === 'bulk' ? 'bulkChunks' : content.lane;
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
  const clusterId = input.recurringText(NAME_BYTES_MAX);
  const epoch = input.varint();
  const sender = input.recurringText(NAME_BYTES_MAX) as NodeId;
  const receiver = input.recurringText(NAME_BYTES_MAX) as NodeId;
  const incarnation = input.varint();
  const form = FORMS.read(input);
  const counter = input.varint();
  const header = { clusterId, epoch, sender, receiver, incarnation, counter };
  const content = readContent(form, input, onDamaged);
  input.end();
  return { header, content };
}

function rethrow(error: DecodeError): never {
  throw error;
}

function readContent(form: Form, input: ByteReader, onDamaged: (error: DecodeError) => void): Content {
  switch (form) {
    case 'fast':
    case 'bulk':
      return { lane: form, messages: readParcels(input, onDamaged) };
    case 'large':
      return { lane: form, chunks: readChunks(input) };
    case 'bulkChunks':
      return { lane: 'bulk', chunks: readChunks(input) };
    default:
      return assertNever(form);
  }
}

/** The length stands in front of the message but is known after it: a fixed-width number, filled in at the end. */
function writeParcel(out: ByteWriter, parcel: Parcel): void {
  out.varint(wholeMs(parcel.remainingMs)).u32(0);
  const start = out.length;
  writeMessage(out, parcel.message);
  out.putU32(start - 4, out.length - start);
}

function readParcels(input: ByteReader, onDamaged: (error: DecodeError) => void): Parcel[] {
  const parcels: Parcel[] = [];
  for (let left = readCount(input, BATCH_MESSAGES_MAX); left > 0; left--) {
    const remainingMs = readRemainingMs(input);
    const part = input.part(input.u32());
    try {
      parcels.push({ message: readMessage(part), remainingMs });
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

function contentBytes(content: Content): number {
  if ('chunks' in content) return content.chunks.length * (CHUNK_BYTES + PARCEL_OVERHEAD_BYTES);
  return content.messages.reduce(
    (sum, { message }) => sum + messageBytes(message) + PARCEL_OVERHEAD_BYTES,
    0,
  );
}
