import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Actor, ClockEntry, VersionedRecord } from '../../../services/node/core/types.js';
import { mergeRecords } from '../../../services/node/core/versioning/record.js';
import { isSpent, surplusEntries, trimmed } from '../../../services/node/core/versioning/trim.js';

const entry = (name: string, counter: number, timestamp = counter): ClockEntry => ({
  actor: name as Actor,
  counter,
  timestamp,
});

/** Entries of a, b, c …, of which the named are those of siblings. */
function record(clock: readonly ClockEntry[], ...used: readonly string[]): VersionedRecord {
  const siblings = clock
    .filter(({ actor }) => used.includes(actor))
    .map(({ actor, counter }) => ({ dot: { actor, counter }, value: new Uint8Array([counter]) }));
  return { clock, siblings, marks: [] };
}

const CLOCK = [entry('a', 5, 30), entry('b', 2, 10), entry('c', 9, 20), entry('d', 1, 40)];
const names = (entries: readonly ClockEntry[]) => entries.map(({ actor }) => actor as string);

describe('entries that a clock could do without (R14)', () => {
  it.each([
    [4, ['d'], []],
    [3, ['d'], ['b']],
    [2, ['d'], ['b', 'c']],
    [2, ['b', 'd'], ['c', 'a']],
    [0, ['b', 'd'], ['c', 'a']],
    [0, ['a', 'b', 'c', 'd'], []],
  ])('where %i are kept and %j are used: %j', (entriesMax, used, surplus) => {
    expect(names(surplusEntries(record(CLOCK, ...used), entriesMax))).toEqual(surplus);
  });
});

describe('an entry that is to be taken out', () => {
  it.each([
    ['goes', entry('b', 2), ['d'], true],
    ['stays where a sibling has a dot of its actor', entry('b', 2), ['b', 'd'], false],
    ['stays where it is newer', entry('b', 1), ['d'], false],
    ['stays where it is older', entry('b', 3), ['d'], false],
    ['is not there', entry('x', 1), ['d'], false],
  ])('%s', (_, dot, used, goes) => {
    const whole = record(CLOCK, ...used);
    expect(isSpent(whole, dot)).toBe(goes);
    const rest = trimmed(whole, dot);
    if (!goes) expect(rest).toBe(whole);
    else expect([names(rest.clock), rest.siblings]).toEqual([['a', 'c', 'd'], whole.siblings]);
  });

  it('changes no value of any merge, whoever has taken it out', () => {
    const counters = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3));
    /** What a replica may hold once all know a's writes up to the third as overwritten. */
    const holder = fc.tuple(counters, fc.subarray(['b', 'c', 'd'])).map(([[b, c, d], used]) => {
      const others = [entry('b', b), entry('c', c), entry('d', d)].filter(({ counter }) => counter > 0);
      return record([entry('a', 3), ...others], ...used);
    });
    fc.assert(
      fc.property(holder, holder, fc.boolean(), fc.boolean(), (x, y, trimsX, trimsY) => {
        const dot = entry('a', 3);
        const [left, right] = [trimsX ? trimmed(x, dot) : x, trimsY ? trimmed(y, dot) : y];
        expect(mergeRecords(left, right).siblings).toEqual(mergeRecords(x, y).siblings);
      }),
    );
  });
});
