import { describe, expect, it } from '@jest/globals';
import { Trims } from '../../../services/node/core/replica/trims.js';
import type { Actor, ClockEntry, Key } from '../../../services/node/core/types.js';

const KEY = 'k' as Key;
const entry = (actor: string, counter: number): ClockEntry => ({
  actor: actor as Actor,
  counter,
  timestamp: 1,
});
const VERSION = [entry('a', 5), entry('b', 2)];

function trims(...dots: readonly ClockEntry[]): Trims {
  const made = new Trims();
  for (const dot of dots) made.remember(KEY, dot);
  return made;
}

describe('what a version says after its entries were trimmed (R14)', () => {
  it.each([
    ['goes, where the record has it no more', [entry('a', 5)], ['b']],
    ['goes, where more was trimmed', [entry('a', 6)], ['b']],
    ['stays, where less was trimmed', [entry('a', 4)], ['a', 'b']],
    ['stays, where others were trimmed', [entry('c', 9)], ['a', 'b']],
    ['goes, whatever was trimmed before it', [entry('a', 4), entry('b', 2), entry('a', 5)], []],
  ])('an entry %s', (_, dots, left) => {
    const told = trims(...dots).without(KEY, VERSION, [entry('x', 1)]);
    expect(told.map(({ actor }) => actor as string)).toEqual(left);
  });

  it('stays where the record has it again: else the version would be older than the record it is of', () => {
    expect(trims(entry('a', 5)).without(KEY, VERSION, [entry('a', 5)])).toEqual(VERSION);
  });

  it('stays for other keys, and for all where too much was trimmed since (I14)', () => {
    const made = trims(entry('a', 5));
    expect(made.without('other' as Key, VERSION, [])).toEqual(VERSION);
    for (let i = 0; i < 10_000; i++) made.remember(`other${String(i)}` as Key, entry('a', 5));
    expect(made.without(KEY, VERSION, [])).toEqual(VERSION);
    expect(made.without('other0' as Key, VERSION, [])).toHaveLength(1);
  });
});
