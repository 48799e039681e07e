import { describe, expect, it } from '@jest/globals';
import { SeenForwards } from '../../../services/node/core/coordinator/seenForwards.js';
import type { NodeId } from '../../../services/node/core/types.js';

const [A, B] = ['n1', 'n2'] as [NodeId, NodeId];

describe('forwards that were seen', () => {
  it('are told from first copies, for each sender on its own', () => {
    const seen = new SeenForwards();
    expect([seen.isFirst(A, 5), seen.isFirst(A, 5), seen.isFirst(B, 5), seen.isFirst(A, 4)]).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });

  it('are forgotten oldest first, and what is as old counts as seen: a copy must not pass for a first one', () => {
    const seen = new SeenForwards(3);
    for (const number of [10, 12, 11, 13]) seen.isFirst(A, number);
    expect([10, 9, 11, 12, 13].map((number) => seen.isFirst(A, number))).toEqual(Array(5).fill(false));
    expect(seen.isFirst(A, 14)).toBe(true);
    expect([12, 11, 13].map((number) => seen.isFirst(A, number))).toEqual([false, false, false]);
  });

  it('take a number that comes out of order, however many others came before', () => {
    const seen = new SeenForwards(100);
    for (let number = 1; number <= 300; number++) if (number !== 250) seen.isFirst(A, number);
    expect([seen.isFirst(A, 250), seen.isFirst(A, 250)]).toEqual([true, false]);
  });
});
