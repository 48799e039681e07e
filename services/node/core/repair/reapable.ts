import type { ReapItem } from '../protocol/messages.js';
import type { Key, VersionedRecord } from '../types.js';
import { isTombstone } from '../versioning/record.js';
import { hashRecord } from '../versioning/recordHash.js';
import { spentEntry, isSpent, surplusEntries } from '../versioning/trim.js';
import { expiresInMs, isExpired } from './tombstones.js';

/** What may be forgotten of a record when it is old enough: all of a tombstone (R13), some of a long clock (R14). */
export interface ReapRules {
  readonly graceMs: number;
  /** As many entries of a clock are kept in any case. */
  readonly clockEntriesMax: number;
}

/** Whether there may ever be something. */
export function mayBeReaped(record: VersionedRecord, { clockEntriesMax }: ReapRules): boolean {
  return isTombstone(record) || record.clock.length > clockEntriesMax;
}

/** What is older than `ageMs`, and how long it takes until more is; Infinity where nothing will. */
export function reapableOf(
  key: Key,
  record: VersionedRecord,
  rules: Pick<ReapRules, 'clockEntriesMax'> & { readonly wallMs: number; readonly ageMs: number },
): { readonly items: readonly ReapItem[]; readonly nextInMs: number } {
  const { wallMs, ageMs, clockEntriesMax } = rules;
  if (isTombstone(record)) {
    const inMs = expiresInMs(record, wallMs, ageMs);
    if (inMs > 0) return { items: [], nextInMs: inMs };
    return { items: [{ what: 'tombstone', key, hash: hashRecord(key, record) }], nextInMs: Infinity };
  }
  const items: ReapItem[] = [];
  for (const { actor, counter, timestamp } of surplusEntries(record, clockEntriesMax)) {
    const inMs = timestamp + ageMs - wallMs;
    if (inMs > 0) return { items, nextInMs: inMs };
    items.push({ what: 'entry', key, dot: { actor, counter } });
  }
  return { items, nextInMs: Infinity };
}

/** Whether a record is no obstacle to the forgetting of the item, by the clock of whoever holds it. */
export function allows(item: ReapItem, record: VersionedRecord, wallMs: number, graceMs: number): boolean {
  if (item.what === 'tombstone') {
    return hashRecord(item.key, record) === item.hash && isExpired(record, wallMs, graceMs);
  }
  const entry = spentEntry(record, item.dot);
  return entry !== undefined && isSpent(record, item.dot) && entry.timestamp + graceMs <= wallMs;
}
