import type { ClockEntry, Dot, VersionedRecord } from '../types.js';

/**
 * Taking entries out of clocks (R14). An entry says which writes of its actor are known, so that none of them is taken
 * for news where it was overwritten long ago. It is needed no more once no record anywhere has a live value of that actor
 * for the key; finding that out is the business of whoever trims (repair/reaping.ts).
 */

/** Whether a live value, or a delete, was written under the actor of the entry. */
function isInUse({ siblings }: VersionedRecord, { actor }: Dot): boolean {
  return siblings.some(({ dot }) => dot.actor === actor);
}

/** Whether the record knows the writes up to `dot`, no more and no less, and all of them as overwritten. */
export function isSpent(record: VersionedRecord, dot: Dot): boolean {
  return !isInUse(record, dot) && spentEntry(record, dot) !== undefined;
}

/** The entry that {@link isSpent} speaks of, where it is there. */
export function spentEntry({ clock }: VersionedRecord, { actor, counter }: Dot): ClockEntry | undefined {
  return clock.find((entry) => entry.actor === actor && entry.counter === counter);
}

/** The entries beyond `entriesMax` that nothing uses, those first that were overwritten longest ago. */
export function surplusEntries(record: VersionedRecord, entriesMax: number): readonly ClockEntry[] {
  const surplus = record.clock.length - entriesMax;
  if (surplus <= 0) return [];
  return record.clock
    .filter((entry) => !isInUse(record, entry))
    .sort((a, b) => a.timestamp - b.timestamp)
    .slice(0, surplus);
}

/** The record without that entry; itself where the entry is another by now, or used. */
export function trimmed(record: VersionedRecord, dot: Dot): VersionedRecord {
  if (!isSpent(record, dot)) return record;
  return { ...record, clock: record.clock.filter(({ actor }) => actor !== dot.actor) };
}
