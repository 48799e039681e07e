import type { Clock, ClockEntry, Dot } from '../types.js';

/**
 * Version vectors: "this much of every actor's writes to this key is known here". One clock descends another when it
 * knows at least as much; two that each know something more are concurrent (Fidge, Mattern; Riak's vclock).
 * Entries are sorted by actor, so that merging and comparing are single passes and equal clocks are equal bytes.
 */

export const EMPTY_CLOCK: Clock = [];

export type ClockOrder = 'equal' | 'older' | 'newer' | 'concurrent';

/** Orders dots by actor, then counter; for sorting only, not for causality. */
export function compareDots(a: Dot, b: Dot): number {
  if (a.actor !== b.actor) return a.actor < b.actor ? -1 : 1;
  return a.counter - b.counter;
}

/** Whether the write that `dot` names is known to `clock`. */
export function covers(clock: Clock, dot: Dot): boolean {
  for (const entry of clock) {
    if (entry.actor === dot.actor) return entry.counter >= dot.counter;
  }
  return false;
}

/** Whether `clock` knows everything that `other` knows. */
export function descends(clock: Clock, other: Clock): boolean {
  return other.every((entry) => covers(clock, entry));
}

/** How `a` stands to `b`. */
export function compareClocks(a: Clock, b: Clock): ClockOrder {
  const aKnowsB = descends(a, b);
  const bKnowsA = descends(b, a);
  if (aKnowsB) return bKnowsA ? 'equal' : 'newer';
  return bKnowsA ? 'older' : 'concurrent';
}

/** Least clock that descends both; never trims (I6). */
export function mergeClocks(a: Clock, b: Clock): Clock {
  const merged: ClockEntry[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const left = a[i];
    const right = b[j];
    if (!left && !right) return merged;
    if (!right || (left && left.actor < right.actor)) {
      if (left) merged.push(left);
      i++;
    } else if (!left || right.actor < left.actor) {
      merged.push(right);
      j++;
    } else {
      merged.push(newerEntry(left, right));
      i++;
      j++;
    }
  }
}

/** `clock` with the write of `entry` known as well. */
export function advance(clock: Clock, entry: ClockEntry): Clock {
  return mergeClocks(clock, [entry]);
}

/** Of one write the later time: it is overwritten once more, or that is heard of. */
function newerEntry(a: ClockEntry, b: ClockEntry): ClockEntry {
  if (a.counter !== b.counter) return a.counter > b.counter ? a : b;
  return a.timestamp >= b.timestamp ? a : b;
}
