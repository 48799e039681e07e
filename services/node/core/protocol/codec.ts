import { assert } from '../assert.js';
import type { Key, NodeId } from '../types.js';
import {
  ACTOR_CHARS_MAX,
  ENCODED_RECORD_BYTES_MAX,
  readActor,
  readRecord,
  writeRecord,
} from '../versioning/recordCodec.js';
import {
  answerBytes,
  readPullAnswer,
  readReadAnswer,
  readWriteAnswer,
  recordBytes,
  writePullAnswer,
  writeReadAnswer,
  writeWriteAnswer,
} from './answerCodec.js';
import { ByteReader, ByteWriter, DecodeError } from './bytes.js';
import type { ForwardAnswer, Message, NodeHeight, RequestNumber } from './messages.js';
import { HEIGHTS_MAX } from './messages.js';
import {
  INTEGER_BYTES_MAX,
  integerBytes,
  keyBytes,
  nodeBytes,
  putOutcomeBytes,
  putRequestBytes,
  readKey,
  readNode,
  readPutOutcome,
  readPutRequest,
  writePutOutcome,
  writePutRequest,
} from './requestCodec.js';
import { comparisonBytes, readComparison, writeComparison } from './comparisonCodec.js';
import { wordCodec } from './words.js';
import { membershipBytes, readMembership, writeMembership } from './membershipCodec.js';

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
  compare: 9,
  compared: 10,
  leaves: 11,
  leavesReply: 12,
  list: 13,
  listed: 14,
  pull: 15,
  pulled: 16,
  reap: 17,
  reaped: 18,
  prepare: 32,
  promise: 33,
  accept: 34,
  accepted: 35,
  document: 36,
  fetchDocument: 37,
  hello: 38,
  found: 39,
  foundVote: 40,
  founded: 41,
});
/** Whether the sender of a write asks for a hint. */
const WRITES = wordCodec<'own' | 'hint'>({ own: 0, hint: 1 });
const STRICTNESS = wordCodec<'any' | 'strict'>({ any: 0, strict: 1 });
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
  return readMessage(new ByteReader(bytes));
}

/** The input holds one message and nothing else. */
export function readMessage(input: ByteReader): Message {
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
      out.latin1(message.key).varint(message.since);
      STRICTNESS.write(out, message.strict ? 'strict' : 'any');
      return;
    case 'readReply':
      writeReadAnswer(out, message.answer);
      return;
    case 'write':
      out.latin1(message.key).varint(message.since);
      WRITES.write(out, message.hintFor === undefined ? 'own' : 'hint');
      if (message.hintFor !== undefined) out.text(message.hintFor);
      writeRecord(out, message.record);
      return;
    case 'writeReply':
      writeWriteAnswer(out, message.answer);
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
      out.varint(message.epoch);
      writeHeights(out, message.heights);
      return;
    case 'pull':
      out.latin1(message.key);
      return;
    case 'pulled':
      writePullAnswer(out, message.answer);
      return;
    case 'compare':
    case 'compared':
    case 'leaves':
    case 'leavesReply':
    case 'list':
    case 'listed':
    case 'reap':
    case 'reaped':
      writeComparison(out, message);
      return;
    default:
      writeMembership(out, message);
  }
}

function writeHeights(out: ByteWriter, heights: readonly NodeHeight[]): void {
  out.varint(heights.length);
  for (const { node, actor, incarnation, sequence } of heights) {
    out.text(node).latin1(actor).varint(incarnation).varint(sequence);
  }
}

function readBody(type: Message['type'], request: RequestNumber, input: ByteReader): Message {
  switch (type) {
    case 'read':
      return readRead(request, readKey(input), input.varint(), input);
    case 'readReply':
      return { type, request, answer: readReadAnswer(input) };
    case 'write':
      return readWrite(request, readKey(input), input.varint(), input);
    case 'writeReply':
      return { type, request, answer: readWriteAnswer(input) };
    case 'forward':
      return { type, request, put: readPutRequest(input) };
    case 'forwardReply':
      return { type, request, answer: readForwardAnswer(input) };
    case 'ping':
    case 'pong':
      return { type, request, epoch: input.varint(), heights: readHeights(input) };
    case 'pull':
      return { type, request, key: readKey(input) };
    case 'pulled':
      return { type, request, answer: readPullAnswer(input) };
    case 'compare':
    case 'compared':
    case 'leaves':
    case 'leavesReply':
    case 'list':
    case 'listed':
    case 'reap':
    case 'reaped':
      return readComparison(type, request, input);
    default:
      return readMembership(type, request, input);
  }
}

function readRead(request: RequestNumber, key: Key, since: number, input: ByteReader): Message {
  return { type: 'read', request, key, since, strict: STRICTNESS.read(input) === 'strict' };
}

function readWrite(request: RequestNumber, key: Key, since: number, input: ByteReader): Message {
  const hintFor: NodeId | undefined = WRITES.read(input) === 'hint' ? readNode(input) : undefined;
  const record = readRecord(input);
  const write = { type: 'write', request, key, since, record } as const;
  return hintFor === undefined ? write : { ...write, hintFor };
}

function readHeights(input: ByteReader): NodeHeight[] {
  const heights: NodeHeight[] = [];
  const count = input.varint();
  if (count > HEIGHTS_MAX) throw new DecodeError('too many heights');
  for (let left = count; left > 0; left--) {
    const node = readNode(input);
    const actor = readActor(input);
    heights.push({ node, actor, incarnation: input.varint(), sequence: input.varint() });
  }
  return heights;
}

function readForwardAnswer(input: ByteReader): ForwardAnswer {
  const status = FORWARD_STATUSES.read(input);
  return status === 'done' ? { status, outcome: readPutOutcome(input) } : { status };
}

function bodyBytes(message: Message): number {
  switch (message.type) {
    case 'read':
      return keyBytes(message.key) + integerBytes(message.since) + 1;
    case 'readReply':
    case 'pulled':
      return answerBytes(message.answer);
    case 'pull':
      return keyBytes(message.key);
    case 'compare':
    case 'compared':
    case 'leaves':
    case 'leavesReply':
    case 'list':
    case 'listed':
    case 'reap':
    case 'reaped':
      return comparisonBytes(message);
    case 'write':
      return (
        keyBytes(message.key) +
        integerBytes(message.since) +
        1 +
        (message.hintFor === undefined ? 0 : nodeBytes(message.hintFor)) +
        recordBytes(message.record)
      );
    case 'forward':
      return putRequestBytes(message.put);
    case 'forwardReply':
      return 1 + (message.answer.status === 'done' ? putOutcomeBytes(message.answer.outcome) : 0);
    case 'writeReply':
      return 1 + INTEGER_BYTES_MAX;
    case 'ping':
    case 'pong':
      return integerBytes(message.epoch) + heightsBytes(message.heights);
    default:
      return membershipBytes(message);
  }
}

function heightsBytes(heights: readonly NodeHeight[]): number {
  assert(heights.length <= HEIGHTS_MAX, 'heights are told in turns');
  let bytes = INTEGER_BYTES_MAX;
  for (const { node, actor, incarnation, sequence } of heights) {
    assert(actor.length > 0 && actor.length <= ACTOR_CHARS_MAX, 'an actor on the bus is within its bounds');
    bytes += nodeBytes(node) + INTEGER_BYTES_MAX + actor.length;
    bytes += integerBytes(incarnation) + integerBytes(sequence);
  }
  return bytes;
}
