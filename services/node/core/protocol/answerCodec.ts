import type { VersionedRecord } from '../types.js';
import { readRecord, writeRecord } from '../versioning/recordCodec.js';
import type { ByteReader, ByteWriter } from './bytes.js';
import type { OtherEpoch, PullAnswer, ReadAnswer, WriteAnswer } from './messages.js';
import { INTEGER_BYTES_MAX } from './requestCodec.js';
import { type WordCodec, wordCodec } from './words.js';

/** Binary form of what replicas answer. */

const READ_CODES = { found: 0, missing: 1, incomplete: 2, refused: 3 } as const;
const READ_STATUSES = wordCodec<(ReadAnswer | OtherEpoch)['status']>({ ...READ_CODES, otherEpoch: 5 });
const PULL_STATUSES = wordCodec<PullAnswer['status']>({ ...READ_CODES, damaged: 4 });
const WRITE_ANSWERS = wordCodec<WriteAnswer | 'otherEpoch'>({
  stored: 0,
  refused: 1,
  incomplete: 2,
  otherEpoch: 3,
});

export function writeReadAnswer(out: ByteWriter, answer: ReadAnswer | OtherEpoch): void {
  writeAnswer(out, READ_STATUSES, answer);
}

export function writePullAnswer(out: ByteWriter, answer: PullAnswer): void {
  writeAnswer(out, PULL_STATUSES, answer);
}

export function readPullAnswer(input: ByteReader): PullAnswer {
  return readAnswer(input, PULL_STATUSES.read(input));
}

/** Upper bound of an encoded answer. */
export function answerBytes(answer: PullAnswer | OtherEpoch): number {
  return 1 + INTEGER_BYTES_MAX + (answer.status === 'found' ? recordBytes(answer.record) : 0);
}

export function writeWriteAnswer(out: ByteWriter, answer: WriteAnswer | OtherEpoch): void {
  WRITE_ANSWERS.write(out, typeof answer === 'string' ? answer : answer.status);
  if (typeof answer !== 'string') out.varint(answer.epoch);
}

function writeAnswer<A extends PullAnswer | OtherEpoch>(
  out: ByteWriter,
  statuses: WordCodec<A['status']>,
  answer: A,
): void {
  statuses.write(out, answer.status);
  if (answer.status === 'otherEpoch') out.varint(answer.epoch);
  if (answer.status === 'found') writeRecord(out, answer.record);
}

export function readWriteAnswer(input: ByteReader): WriteAnswer | OtherEpoch {
  const status = WRITE_ANSWERS.read(input);
  return status === 'otherEpoch' ? { status, epoch: input.varint() } : status;
}

export function readReadAnswer(input: ByteReader): ReadAnswer | OtherEpoch {
  const status = READ_STATUSES.read(input);
  return status === 'otherEpoch' ? { status, epoch: input.varint() } : readAnswer(input, status);
}

function readAnswer<S extends PullAnswer['status']>(input: ByteReader, status: S) {
  if (status === 'found') return { status: 'found', record: readRecord(input) } as const;
  return { status: status as Exclude<S, 'found'> };
}

export function recordBytes(record: VersionedRecord): number {
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
