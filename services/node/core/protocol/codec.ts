import { assertNever } from '../assert.js';
import type { VersionedRecord } from '../types.js';
import { ENCODED_RECORD_BYTES_MAX, readRecord, writeRecord } from '../versioning/recordCodec.js';
import { ByteReader, ByteWriter } from './bytes.js';
import type { ForwardAnswer, Message, ReadAnswer, RequestNumber, WriteAnswer } from './messages.js';
import {
  INTEGER_BYTES_MAX,
  integerBytes,
  keyBytes,
  putOutcomeBytes,
  putRequestBytes,
  readKey,
  readPutOutcome,
  readPutRequest,
  writePutOutcome,
  writePutRequest,
} from './requestCodec.js';
import { wordCodec } from './words.js';

/**
 * Binary form of every node-to-node message: type, request number, then the fields in order. Decoding is strict: an
 * unknown code, a field out of range or a byte too many is a DecodeError, and nothing is allocated on the word of a length
 * that the input does not have.
 */

/** No message is longer when encoded; a longer one cannot be sent. */
export const MESSAGE_BYTES_MAX = ENCODED_RECORD_BYTES_MAX + 64 * 1024;

const TYPES = wordCodec<Message['type']>({
  read: 1,
  readReply: 2,
  write: 3,
  writeReply: 4,
  forward: 5,
  forwardReply: 6,
  ping: 7,
  pong: 8,
});
const READ_STATUSES = wordCodec<ReadAnswer['status']>({ found: 0, missing: 1, incomplete: 2, refused: 3 });
const WRITE_ANSWERS = wordCodec<WriteAnswer>({ stored: 0, refused: 1, incomplete: 2 });
const FORWARD_STATUSES = wordCodec<ForwardAnswer['status']>({ done: 0, declined: 1 });

/**
 * Upper bound of the encoded length in bytes, close enough for filling batches and for counting what is queued. Throws
 * where a field is beyond what a reader accepts: a message that was measured can be written and read.
 */
export function messageBytes(message: Message): number {
  return 1 + integerBytes(message.request) + bodyBytes(message);
}

export function encodeMessage(message: Message): Uint8Array {
  const out = new ByteWriter(messageBytes(message));
  writeMessage(out, message);
  return out.bytes();
}

/** Values share memory with the input. */
export function decodeMessage(bytes: Uint8Array): Message {
  const input = new ByteReader(bytes);
  const type = TYPES.read(input);
  const message = readBody(type, input.varint(), input);
  input.end();
  return message;
}

/** The caller has measured the message with {@link messageBytes}. */
export function writeMessage(out: ByteWriter, message: Message): void {
  TYPES.write(out, message.type);
  out.varint(message.request);
  switch (message.type) {
    case 'read':
      out.latin1(message.key);
      return;
    case 'readReply':
      READ_STATUSES.write(out, message.answer.status);
      if (message.answer.status === 'found') writeRecord(out, message.answer.record);
      return;
    case 'write':
      out.latin1(message.key);
      writeRecord(out, message.record);
      return;
    case 'writeReply':
      WRITE_ANSWERS.write(out, message.answer);
      return;
    case 'forward':
      writePutRequest(out, message.put);
      return;
    case 'forwardReply':
      FORWARD_STATUSES.write(out, message.answer.status);
      if (message.answer.status === 'done') writePutOutcome(out, message.answer.outcome);
      return;
    case 'ping':
    case 'pong':
      return;
    default:
      assertNever(message);
  }
}

function readBody(type: Message['type'], request: RequestNumber, input: ByteReader): Message {
  switch (type) {
    case 'read':
      return { type, request, key: readKey(input) };
    case 'readReply':
      return { type, request, answer: readReadAnswer(input) };
    case 'write':
      return { type, request, key: readKey(input), record: readRecord(input) };
    case 'writeReply':
      return { type, request, answer: WRITE_ANSWERS.read(input) };
    case 'forward':
      return { type, request, put: readPutRequest(input) };
    case 'forwardReply':
      return { type, request, answer: readForwardAnswer(input) };
    case 'ping':
    case 'pong':
      return { type, request };
    default:
      return assertNever(type);
  }
}

function readReadAnswer(input: ByteReader): ReadAnswer {
  const status = READ_STATUSES.read(input);
  return status === 'found' ? { status, record: readRecord(input) } : { status };
}

function readForwardAnswer(input: ByteReader): ForwardAnswer {
  const status = FORWARD_STATUSES.read(input);
  return status === 'done' ? { status, outcome: readPutOutcome(input) } : { status };
}

function bodyBytes(message: Message): number {
  switch (message.type) {
    case 'read':
      return keyBytes(message.key);
    case 'readReply':
      return 1 + (message.answer.status === 'found' ? recordBytes(message.answer.record) : 0);
    case 'write':
      return keyBytes(message.key) + recordBytes(message.record);
    case 'forward':
      return putRequestBytes(message.put);
    case 'forwardReply':
      return 1 + (message.answer.status === 'done' ? putOutcomeBytes(message.answer.outcome) : 0);
    case 'writeReply':
    case 'ping':
    case 'pong':
      return 1;
    default:
      return assertNever(message);
  }
}

function recordBytes(record: VersionedRecord): number {
  let bytes = 3 * INTEGER_BYTES_MAX;
  for (const entry of record.clock) bytes += entry.actor.length + 3 * INTEGER_BYTES_MAX;
  for (const { dot, value } of record.siblings) {
    bytes += dot.actor.length + value.length + 3 * INTEGER_BYTES_MAX;
  }
  for (const { requestId, dot } of record.marks) {
    bytes += 3 * requestId.length + dot.actor.length + 4 * INTEGER_BYTES_MAX;
  }
  return bytes;
}
