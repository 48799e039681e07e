import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { coarse, mergeLatencies, percentileMs } from '../../../scripts/bench/latency.js';

describe('bench: latencies', () => {
  it('three digits are kept', () => {
    expect([0, 7, 999, 1234, 98_765, 1_234_567].map(coarse)).toEqual([0, 7, 999, 1230, 98_700, 1_230_000]);
  });

  it('a coarse latency is at most 1 % below the true one, and coarse already', () => {
    fc.assert(
      fc.property(fc.nat(10 ** 8), (micros) => {
        const step = coarse(micros);
        expect(step).toBeLessThanOrEqual(micros);
        expect(micros - step).toBeLessThanOrEqual(micros / 100);
        expect(coarse(step)).toBe(step);
      }),
    );
  });

  it('counts of several processes are merged in ascending order', () => {
    const merged = mergeLatencies([
      [
        [2004, 1],
        [30, 2],
      ],
      [
        [2001, 4],
        [5, 1],
      ],
    ]);
    expect(merged).toEqual([
      [5, 1],
      [30, 2],
      [2000, 5],
    ]);
  });

  it('a percentile is the nearest rank of the sorted list', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(999), { minLength: 1 }),
        fc.integer({ min: 1, max: 100 }),
        (list, percent) => {
          const sorted = list.toSorted((left, right) => left - right);
          const rank = Math.max(1, Math.ceil((list.length * percent) / 100));
          const merged = mergeLatencies([list.map((micros) => [micros, 1] as const)]);
          expect(percentileMs(merged, percent / 100)).toBe(sorted[rank - 1]! / 1000);
        },
      ),
    );
  });

  it('nothing has no percentile', () => {
    expect(percentileMs([], 0.5)).toBeNaN();
  });
});
