import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Actor, Clock } from '../../../services/node/core/types.js';
import {
  advance,
  compareClocks,
  compareDots,
  covers,
  descends,
  EMPTY_CLOCK,
  mergeClocks,
} from '../../../services/node/core/versioning/clock.js';

type Counters = Readonly<Record<string, number>>;

/** An entry's timestamp follows from its dot, as in a history in which nothing is overwritten. */
function clockOf(counters: Counters): Clock {
  return Object.entries(counters)
    .map(([actor, counter]) => ({ actor: actor as Actor, counter, timestamp: 10 * counter }))
    .sort(compareDots);
}

const counters = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 1, max: 4 }));

describe('clocks', () => {
  it.each<[Counters, Counters, string]>([
    [{}, {}, 'equal'],
    [{ a: 1 }, { a: 1 }, 'equal'],
    [{}, { a: 1 }, 'older'],
    [{ a: 1 }, { a: 2 }, 'older'],
    [{ a: 2 }, { a: 2, b: 1 }, 'older'],
    [{ a: 2, b: 1 }, { a: 1 }, 'newer'],
    [{ a: 1 }, { b: 1 }, 'concurrent'],
    [{ a: 2, b: 1 }, { a: 1, b: 2 }, 'concurrent'],
  ])('%j against %j is %s', (a, b, order) => {
    expect(compareClocks(clockOf(a), clockOf(b))).toBe(order);
  });

  it('merge to the greatest counter of each actor, sorted, with its timestamp', () => {
    fc.assert(
      fc.property(counters, counters, (a, b) => {
        const greatest = { ...a };
        for (const [actor, counter] of Object.entries(b)) {
          greatest[actor] = Math.max(greatest[actor] ?? 0, counter);
        }
        expect(mergeClocks(clockOf(a), clockOf(b))).toEqual(clockOf(greatest));
      }),
    );
  });

  it('are both descended by their merge, which knows nothing else', () => {
    fc.assert(
      fc.property(counters, counters, (a, b) => {
        const [left, right] = [clockOf(a), clockOf(b)];
        const merged = mergeClocks(left, right);
        expect(descends(merged, left) && descends(merged, right)).toBe(true);
        for (const entry of merged) expect(covers(left, entry) || covers(right, entry)).toBe(true);
      }),
    );
  });

  it('compare in one direction as in the other', () => {
    const mirrored = { equal: 'equal', older: 'newer', newer: 'older', concurrent: 'concurrent' };
    fc.assert(
      fc.property(counters, counters, (a, b) => {
        const [left, right] = [clockOf(a), clockOf(b)];
        expect(compareClocks(right, left)).toBe(mirrored[compareClocks(left, right)]);
      }),
    );
  });

  it('cover a dot from its counter on', () => {
    const clock = clockOf({ a: 3 });
    const dots = [1, 3, 4].map((counter) => ({ actor: 'a' as Actor, counter }));
    expect(dots.map((dot) => covers(clock, dot))).toEqual([true, true, false]);
    expect(covers(clock, { actor: 'b' as Actor, counter: 1 })).toBe(false);
    expect(covers(EMPTY_CLOCK, dots[0]!)).toBe(false);
  });

  it('know one write more after they advanced', () => {
    const [entry] = clockOf({ b: 2 });
    expect(advance(clockOf({ a: 1, b: 1, c: 1 }), entry!)).toEqual(clockOf({ a: 1, b: 2, c: 1 }));
  });

  it('merge to the time of the later write, and of one write to the later time', () => {
    const at = (counter: number, timestamp: number) => [{ actor: 'a' as Actor, counter, timestamp }];
    for (const [later, earlier] of [
      [at(1, 7), at(1, 5)],
      [at(2, 5), at(1, 7)],
    ]) {
      expect(mergeClocks(later!, earlier!)).toEqual(later);
      expect(mergeClocks(earlier!, later!)).toEqual(later);
    }
  });
});

describe('compareDots', () => {
  it('orders by actor, then by counter', () => {
    const dots = [
      ['b', 1],
      ['a', 10],
      ['a', 9],
    ].map(([actor, counter]) => ({
      actor: actor as Actor,
      counter: counter as number,
    }));
    expect([...dots].sort(compareDots).map(({ actor, counter }) => `${actor}${counter}`)).toEqual([
      'a9',
      'a10',
      'b1',
    ]);
  });
});
