import { ByteReader, ByteWriter, DecodeError } from '../protocol/bytes.js';
import type { Actor, Clock, ClockEntry, Dot, RequestMark, Sibling, VersionedRecord } from '../types.js';
import { LIMITS } from '../types.js';
import { compareDots } from './clock.js';

/**
 * Binary form of clocks and records, the same on the bus, on disk and inside version strings. Decoding checks what the
 * algebra relies on: order, uniqueness and that the clock covers every dot.
 */

export const ACTOR_CHARS_MAX = 32;
const COUNT_MAX = 100_000;

/** Upper bound of {@link encodeRecord}'s length for a record as large as a merge of bounded records may become. */
export const ENCODED_RECORD_BYTES_MAX = 8 * LIMITS.recordBytesMax;

export function readActor(input: ByteReader): Actor {
  const actor = input.recurringLatin1(ACTOR_CHARS_MAX);
  if (actor === '') throw new DecodeError('an actor is empty');
  return actor as Actor;
}

export function writeClock(out: ByteWriter, clock: Clock): void {
  out.varint(clock.length);
  for (const entry of clock) {
    writeDot(out, entry);
    out.varint(entry.timestamp);
  }
}

export function readClock(input: ByteReader): Clock {
  const entries: ClockEntry[] = [];
  // Sorts before every actor, as none is empty.
  let previous = '';
  for (let left = readCount(input); left > 0; left--) {
    const actor = readActor(input);
    const counter = readCounter(input);
    if (previous >= actor) throw new DecodeError('clock entries are out of order');
    entries.push({ actor, counter, timestamp: input.varint() });
    previous = actor;
  }
  return entries;
}

export function writeRecord(out: ByteWriter, record: VersionedRecord): void {
  writeClock(out, record.clock);
  out.varint(record.siblings.length);
  for (const sibling of record.siblings) {
    writeDot(out, sibling.dot);
    out.blob(sibling.value);
  }
  out.varint(record.marks.length);
  for (const mark of record.marks) {
    out.text(mark.requestId);
    writeDot(out, mark.dot);
    out.varint(mark.timestamp);
  }
}

/** Values share memory with the input. */
export function readRecord(input: ByteReader): VersionedRecord {
  const clock = readClock(input);
  const siblings = readSiblings(input, clock);
  const marks = readMarks(input);
  return { clock, siblings, marks };
}

export function encodeRecord(record: VersionedRecord): Uint8Array {
  const out = new ByteWriter(128 + valueBytes(record));
  writeRecord(out, record);
  return out.bytes();
}

export function decodeRecord(bytes: Uint8Array): VersionedRecord {
  const input = new ByteReader(bytes);
  const record = readRecord(input);
  input.end();
  return record;
}

function valueBytes(record: VersionedRecord): number {
  return record.siblings.reduce((sum, sibling) => sum + sibling.value.length, 0);
}

function readSiblings(input: ByteReader, clock: Clock): Sibling[] {
  const siblings: Sibling[] = [];
  let at = 0;
  let previous: Dot | undefined;
  for (let left = readCount(input); left > 0; left--) {
    const dot = readDot(input);
    if (previous && compareDots(previous, dot) >= 0) throw new DecodeError('siblings are out of order');
    // Both are sorted by actor: one pass, so that a hostile record costs no more than its length.
    while ((clock[at]?.actor ?? dot.actor) < dot.actor) at++;
    const covering = clock[at];
    if (covering?.actor !== dot.actor || covering.counter < dot.counter) {
      throw new DecodeError('a sibling is beyond the clock');
    }
    siblings.push({ dot, value: input.blob(ENCODED_RECORD_BYTES_MAX) });
    previous = dot;
  }
  return siblings;
}

function readMarks(input: ByteReader): RequestMark[] {
  const marks: RequestMark[] = [];
  const count = readCount(input);
  if (count > LIMITS.requestMarksMax) throw new DecodeError('too many request marks');
  for (let left = count; left > 0; left--) {
    const requestId = input.text(4 * LIMITS.requestIdCharsMax);
    marks.push({ requestId, dot: readDot(input), timestamp: input.varint() });
  }
  return marks;
}

export function writeDot(out: ByteWriter, dot: Dot): void {
  out.latin1(dot.actor).varint(dot.counter);
}

export function readDot(input: ByteReader): Dot {
  return { actor: readActor(input), counter: readCounter(input) };
}

function readCounter(input: ByteReader): number {
  const counter = input.varint();
  if (counter < 1) throw new DecodeError('a counter is zero');
  return counter;
}

function readCount(input: ByteReader): number {
  const count = input.varint();
  if (count > COUNT_MAX || count > input.remaining) throw new DecodeError('a count is too large');
  return count;
}
