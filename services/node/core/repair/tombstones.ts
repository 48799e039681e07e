import type { VersionedRecord } from '../types.js';
import { isTombstone } from '../versioning/record.js';

/**
 * Whether a tombstone is old enough to be reaped (R13), by the wall clock of whoever asks. Clocks only decide when a round
 * of reaping is worth its messages: that nothing comes back rests on what every node answers in it.
 */
export function isExpired(record: VersionedRecord, wallMs: number, graceMs: number): boolean {
  return expiresInMs(record, wallMs, graceMs) <= 0;
}

/** Infinity where the record is no tombstone. */
export function expiresInMs(record: VersionedRecord, wallMs: number, graceMs: number): number {
  if (!isTombstone(record)) return Infinity;
  let newest = 0;
  for (const { dot } of record.siblings) {
    const entry = record.clock.find(({ actor }) => actor === dot.actor);
    newest = Math.max(newest, entry?.timestamp ?? 0);
  }
  return newest + graceMs - wallMs;
}
