import type { Clock, ClockEntry, Dot, RequestMark, Sibling, VersionedRecord } from '../types.js';
import { LIMITS } from '../types.js';
import { advance, compareDots, covers, EMPTY_CLOCK, mergeClocks } from './clock.js';

/**
 * Records as dotted version vector sets (Preguiça, Baquero, Almeida, Fonte, Gonçalves 2012): the clock says which
 * writes a record has ever known, each sibling carries the dot of the write that made it. A sibling that one record
 * lacks although its clock covers the dot was overwritten there; one that its clock does not cover is news to it.
 * Merging is therefore a set union minus what either side knows to be overwritten: commutative, associative,
 * idempotent, and it never loses a concurrent write (I3, I6).
 */

export const EMPTY_RECORD: VersionedRecord = { clock: EMPTY_CLOCK, siblings: [], marks: [] };

/** A write about to be minted: its dot with timestamp, what its client had seen, and its value. */
export interface Write {
  readonly entry: ClockEntry;
  readonly context: Clock;
  readonly value: Uint8Array;
  readonly requestId?: string;
}

/** What both records know. Returns `a` itself where `b` adds nothing. */
export function mergeRecords(a: VersionedRecord, b: VersionedRecord): VersionedRecord {
  // Replicas that agree are the usual case.
  if (a === b || sameRecord(a, b)) return a;
  const merged: VersionedRecord = {
    clock: mergeClocks(a.clock, b.clock),
    siblings: unite(survivors(a, b), survivors(b, a)),
    marks: mergeMarks(a.marks, b.marks),
  };
  return sameRecord(merged, a) ? a : merged;
}

/** The record after `write`: everything its context covers is replaced, the rest stays beside it. */
export function applyWrite(record: VersionedRecord, write: Write): VersionedRecord {
  const { entry, context, value, requestId } = write;
  const dot = { actor: entry.actor, counter: entry.counter };
  const kept = record.siblings.filter((sibling) => !covers(context, sibling.dot));
  const mark = requestId === undefined ? [] : [newestMark(record, requestId, entry)];
  const seen = context.map((one) => (isNews(record, one) ? { ...one, timestamp: entry.timestamp } : one));
  return {
    clock: advance(mergeClocks(record.clock, seen), entry),
    siblings: unite(kept, [{ dot, value }]),
    marks: mergeMarks(record.marks, mark),
  };
}

/**
 * Whether a write that has this entry in its context overwrites values here, or perhaps elsewhere, of which nothing is
 * known here. The time of that counts for the entry, which must not be trimmed soon after it (R14).
 */
function isNews({ clock, siblings }: VersionedRecord, { actor, counter }: ClockEntry): boolean {
  return (
    !covers(clock, { actor, counter }) ||
    siblings.some(({ dot }) => dot.actor === actor && dot.counter <= counter)
  );
}

/**
 * A mark that is newer than those of the record, also where the wall clock of this coordinator is behind that of others:
 * else it would be among the oldest, be forgotten at once, and a repeat of the request be taken for a new one.
 */
function newestMark(record: VersionedRecord, requestId: string, entry: ClockEntry): RequestMark {
  const { actor, counter, timestamp } = entry;
  const newest = record.marks[0]?.timestamp ?? 0;
  return { requestId, dot: { actor, counter }, timestamp: Math.max(timestamp, newest + 1) };
}

/** Whether two records are the same. One dot names one write (I4), so that equal dots mean equal values. */
export function sameRecord(a: VersionedRecord, b: VersionedRecord): boolean {
  return (
    sameList(a.clock, b.clock, sameEntry) &&
    sameList(a.siblings, b.siblings, (x, y) => compareDots(x.dot, y.dot) === 0) &&
    sameList(a.marks, b.marks, (x, y) => compareMarks(x, y) === 0)
  );
}

/** Whether the key was deleted and nothing else remains. */
export function isTombstone(record: VersionedRecord): boolean {
  return record.siblings.length > 0 && record.siblings.every((sibling) => sibling.value.length === 0);
}

/**
 * The values that a client is shown: tombstones left out, and a request that was retried at another coordinator, and
 * minted twice, taken for the one write that it is: shown once, and not at all where either was overwritten.
 */
export function visibleValues(record: VersionedRecord): readonly Uint8Array[] {
  const shown = record.siblings.filter(({ value, dot }) => value.length > 0 && !isSurplus(record, dot));
  return shown.map(({ value }) => value);
}

function isSurplus({ siblings, marks }: VersionedRecord, dot: Dot): boolean {
  const requestId = marks.find((mark) => compareDots(mark.dot, dot) === 0)?.requestId;
  const others = marks.filter((mark) => mark.requestId === requestId && compareDots(mark.dot, dot) !== 0);
  return others.some((other) => {
    const isOverwritten = !siblings.some((sibling) => compareDots(sibling.dot, other.dot) === 0);
    return isOverwritten || compareDots(other.dot, dot) < 0;
  });
}

/** Approximate size in bytes, for bounds and accounts. */
export function recordBytes(record: VersionedRecord): number {
  const overhead = 40 * (record.clock.length + record.siblings.length + 2 * record.marks.length);
  return record.siblings.reduce((sum, sibling) => sum + sibling.value.length, overhead);
}

function survivors(mine: VersionedRecord, theirs: VersionedRecord): readonly Sibling[] {
  return mine.siblings.filter(
    (sibling) =>
      !covers(theirs.clock, sibling.dot) ||
      theirs.siblings.some((other) => compareDots(other.dot, sibling.dot) === 0),
  );
}

/** Union of two lists sorted by dot. */
function unite(a: readonly Sibling[], b: readonly Sibling[]): readonly Sibling[] {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const sorted = [...a, ...b].sort((x, y) => compareDots(x.dot, y.dot));
  return sorted.filter((sibling, i) => {
    const previous = sorted[i - 1];
    return !previous || compareDots(previous.dot, sibling.dot) !== 0;
  });
}

/** The newest marks of both; "the largest k of a union" merges associatively, which "the last k seen" would not. */
function mergeMarks(a: readonly RequestMark[], b: readonly RequestMark[]): readonly RequestMark[] {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const sorted = [...a, ...b].sort(compareMarks);
  return sorted
    .filter((mark, i) => {
      const previous = sorted[i - 1];
      return !previous || compareMarks(previous, mark) !== 0;
    })
    .slice(0, LIMITS.requestMarksMax);
}

/** Newest first; a total order, because a dot names one write. */
function compareMarks(a: RequestMark, b: RequestMark): number {
  return b.timestamp - a.timestamp || compareDots(a.dot, b.dot);
}

function sameEntry(a: ClockEntry, b: ClockEntry): boolean {
  return a.actor === b.actor && a.counter === b.counter && a.timestamp === b.timestamp;
}

function sameList<T>(a: readonly T[], b: readonly T[], same: (x: T, y: T) => boolean): boolean {
  return (
    a.length === b.length &&
    a.every((x, i) => {
      const y = b[i];
      return y !== undefined && same(x, y);
    })
  );
}
