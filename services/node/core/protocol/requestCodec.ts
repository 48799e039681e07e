import { assert } from '../assert.js';
import type { ErrorCode, Outcome, RequestError } from '../errors.js';
import { ERRORS } from '../errors.js';
import type { Key, NodeId } from '../types.js';
import { LIMITS } from '../types.js';
import { ENCODED_RECORD_BYTES_MAX } from '../versioning/recordCodec.js';
import type { ByteReader, ByteWriter } from './bytes.js';
import { DecodeError } from './bytes.js';
import type { OnConflict, PutOutcome, PutRequest, Quorum } from './messages.js';
import { wordCodec } from './words.js';

/**
 * Binary form of what a forwarded PUT asks and is answered. Optional fields are announced by the bits of one byte.
 * Each `…Bytes` function is the upper bound of what its writer writes, and refuses what the reader would refuse.
 */

/** Room for any integer or length prefix. */
export const INTEGER_BYTES_MAX = 8;
const NODE_CHARS_MAX = 256;
const DETAIL_CHARS_MAX = 1024;
const ERROR_CODE_CHARS_MAX = 64;
/** UTF-8 bytes of one UTF-16 unit, at most. */
const UTF8_BYTES_MAX = 3;

const QUORUMS = wordCodec<Quorum>({ sloppy: 0, strict: 1 });
const ON_CONFLICT = wordCodec<OnConflict>({ refuse: 0, sibling: 1 });
const OUTCOMES = wordCodec<Outcome>({ none: 0, unknown: 1 });
const ANSWERS = wordCodec<'done' | 'doneHidden' | 'failed'>({ done: 0, doneHidden: 1, failed: 2 });

const PUT_FIELDS = { minWrites: 1, requestId: 2 } as const;
const ERROR_FIELDS = { got: 1, wanted: 2, version: 4, detail: 8 } as const;

export function keyBytes(key: Key): number {
  assert(key.length > 0 && key.length <= LIMITS.keyBytesMax, 'a key on the bus is within its bounds');
  return INTEGER_BYTES_MAX + key.length;
}

export function readKey(input: ByteReader): Key {
  const key = input.latin1(LIMITS.keyBytesMax);
  if (key === '') throw new DecodeError('a key is empty');
  return key as Key;
}

export function nodeBytes(node: NodeId): number {
  assert(node.length > 0, "a node's id on the bus is not empty");
  return textBytes(node, NODE_CHARS_MAX);
}

export function readNode(input: ByteReader): NodeId {
  const node = input.recurringText(UTF8_BYTES_MAX * NODE_CHARS_MAX);
  if (node === '' || node.length > NODE_CHARS_MAX) throw new DecodeError("a node's id has no sound length");
  return node as NodeId;
}

/** Checks a number that is to be written as a varint, and gives its room. */
export function integerBytes(value: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, 'a number on the bus is a safe non-negative integer');
  return INTEGER_BYTES_MAX;
}

export function putRequestBytes(put: PutRequest): number {
  return (
    keyBytes(put.key) +
    valueBytes(put.value) +
    textBytes(put.fromVersion, LIMITS.versionCharsMax) +
    textBytes(put.requestId ?? '', LIMITS.requestIdCharsMax) +
    integerBytes(put.minWrites ?? 0) +
    INTEGER_BYTES_MAX
  );
}

export function writePutRequest(out: ByteWriter, put: PutRequest): void {
  out.latin1(put.key).blob(put.value).text(put.fromVersion);
  QUORUMS.write(out, put.quorum);
  ON_CONFLICT.write(out, put.onConflict);
  const { minWrites, requestId } = put;
  out.u8(
    (minWrites === undefined ? 0 : PUT_FIELDS.minWrites) |
      (requestId === undefined ? 0 : PUT_FIELDS.requestId),
  );
  if (minWrites !== undefined) out.varint(minWrites);
  if (requestId !== undefined) out.text(requestId);
}

/** The value shares memory with the input. */
export function readPutRequest(input: ByteReader): PutRequest {
  const key = readKey(input);
  const value = input.blob(ENCODED_RECORD_BYTES_MAX);
  const fromVersion = readText(input, LIMITS.versionCharsMax);
  const quorum = QUORUMS.read(input);
  const onConflict = ON_CONFLICT.read(input);
  const fields = readFields(input, PUT_FIELDS.minWrites | PUT_FIELDS.requestId);
  return {
    key,
    value,
    fromVersion,
    quorum,
    onConflict,
    ...(fields & PUT_FIELDS.minWrites && { minWrites: input.varint() }),
    ...(fields & PUT_FIELDS.requestId && { requestId: readText(input, LIMITS.requestIdCharsMax) }),
  };
}

export function putOutcomeBytes(outcome: PutOutcome): number {
  const version = textBytes(outcome.version ?? '', LIMITS.versionCharsMax);
  if (outcome.ok) return INTEGER_BYTES_MAX + version + integerBytes(outcome.siblings);
  return (
    INTEGER_BYTES_MAX +
    textBytes(outcome.code, ERROR_CODE_CHARS_MAX) +
    integerBytes(outcome.got ?? 0) +
    integerBytes(outcome.wanted ?? 0) +
    version +
    UTF8_BYTES_MAX * DETAIL_CHARS_MAX
  );
}

export function writePutOutcome(out: ByteWriter, outcome: PutOutcome): void {
  if (!outcome.ok) {
    ANSWERS.write(out, 'failed');
    writeError(out, outcome);
  } else if (outcome.version === null) {
    ANSWERS.write(out, 'doneHidden');
    out.varint(outcome.siblings);
  } else {
    ANSWERS.write(out, 'done');
    out.varint(outcome.siblings).text(outcome.version);
  }
}

export function readPutOutcome(input: ByteReader): PutOutcome {
  const answer = ANSWERS.read(input);
  if (answer === 'failed') return readError(input);
  const siblings = input.varint();
  const version = answer === 'doneHidden' ? null : readText(input, LIMITS.versionCharsMax);
  return { ok: true, version, siblings };
}

/** Error codes travel as words: their table is edited by people, its order means nothing. */
function writeError(out: ByteWriter, error: RequestError): void {
  const { got, wanted, version, detail } = error;
  out.text(error.code);
  OUTCOMES.write(out, error.outcome);
  out.u8(
    (got === undefined ? 0 : ERROR_FIELDS.got) |
      (wanted === undefined ? 0 : ERROR_FIELDS.wanted) |
      (version === undefined ? 0 : ERROR_FIELDS.version) |
      (detail === undefined ? 0 : ERROR_FIELDS.detail),
  );
  if (got !== undefined) out.varint(got);
  if (wanted !== undefined) out.varint(wanted);
  if (version !== undefined) out.text(version);
  if (detail !== undefined) out.text(detail.slice(0, DETAIL_CHARS_MAX));
}

function readError(input: ByteReader): RequestError {
  const code = input.text(ERROR_CODE_CHARS_MAX);
  if (!isErrorCode(code)) throw new DecodeError('an error code is unknown');
  const outcome = OUTCOMES.read(input);
  const fields = readFields(input, 15);
  return {
    ok: false,
    code,
    outcome,
    ...(fields & ERROR_FIELDS.got && { got: input.varint() }),
    ...(fields & ERROR_FIELDS.wanted && { wanted: input.varint() }),
    ...(fields & ERROR_FIELDS.version && { version: readText(input, LIMITS.versionCharsMax) }),
    ...(fields & ERROR_FIELDS.detail && { detail: readText(input, DETAIL_CHARS_MAX) }),
  };
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

function readFields(input: ByteReader, known: number): number {
  const fields = input.u8();
  if ((fields & ~known) !== 0) throw new DecodeError('a field is unknown');
  return fields;
}

function valueBytes(value: Uint8Array): number {
  assert(value.length <= ENCODED_RECORD_BYTES_MAX, 'a value on the bus is within its bounds');
  return INTEGER_BYTES_MAX + value.length;
}

/** Room for a text, which must not be longer. */
export function textBytes(text: string, charsMax: number): number {
  assert(text.length <= charsMax, 'a text on the bus is within its bounds');
  return INTEGER_BYTES_MAX + UTF8_BYTES_MAX * text.length;
}

export function readText(input: ByteReader, charsMax: number): string {
  const text = input.text(UTF8_BYTES_MAX * charsMax);
  if (text.length > charsMax) throw new DecodeError('a text is too long');
  return text;
}
