import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  askToo,
  countIn,
  countOut,
  effectiveQuorum,
  startTally,
  type Tally,
  verdict,
} from '../../../services/node/core/coordinator/quorum.js';
import type { NodeId } from '../../../services/node/core/types.js';

const NODES = ['n1', 'n2', 'n3', 'n4', 'n5'] as NodeId[];
const [A, B, C, D] = NODES as [NodeId, NodeId, NodeId, NodeId];

describe('a tally', () => {
  it('counts a node once, whatever it says and however often (I1, I7)', () => {
    const votes = fc.array(fc.tuple(fc.constantFrom(...NODES, 'stranger' as NodeId), fc.boolean()));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 5 }),
        votes,
        (asked, wanted, votes) => {
          const first = new Map<NodeId, boolean>();
          let tally = startTally(Math.min(wanted, asked), NODES.slice(0, asked));
          for (const [node, counts] of votes) {
            tally = counts ? countIn(tally, node) : countOut(tally, node);
            if (NODES.slice(0, asked).includes(node) && !first.has(node)) first.set(node, counts);
          }
          const counted = [...first.values()].filter((counts) => counts).length;
          expect(tally.counted).toBe(counted);
          const heard = asked - tally.pending.length;
          expect(heard).toBe(first.size);
        },
      ),
    );
  });

  const three = startTally(2, [A, B, C]);
  it.each<[string, Tally, string]>([
    ['nobody has answered', three, 'open'],
    ['one of two counts', countIn(three, A), 'open'],
    ['one is out', countOut(three, A), 'open'],
    ['one is out and one counts', countIn(countOut(three, A), B), 'open'],
    ['two count', countIn(countIn(three, A), B), 'enough'],
    ['two count and one is out', countOut(countIn(countIn(three, A), B), C), 'enough'],
    ['two are out', countOut(countOut(three, A), B), 'impossible'],
    ['fewer were asked than are wanted', startTally(2, [A]), 'impossible'],
  ])('where %s', (_, tally, expected) => {
    expect(verdict(tally)).toBe(expected);
  });

  it('is open for as long as enough are left to be asked', () => {
    const twoOut = countOut(countOut(three, A), B);
    expect([0, 1, 2].map((unasked) => verdict(twoOut, unasked))).toEqual(['impossible', 'open', 'open']);
    expect(verdict(countIn(askToo(twoOut, D), D))).toBe('open');
    expect(verdict([C, D].reduce(countIn, askToo(twoOut, D)))).toBe('enough');
  });

  it('is not changed by what is made from it', () => {
    askToo(three, D);
    countIn(three, A);
    countOut(three, B);
    expect(three).toEqual({ wanted: 2, pending: [A, B, C], counted: 0 });
  });
});

describe('the quorum of a request', () => {
  it('is the majority by default', () => {
    expect([1, 2, 3, 4, 5, 6].map((n) => effectiveQuorum(undefined, n))).toEqual([1, 2, 2, 3, 3, 4]);
    expect([1, 2, 3, 4, 5, 6].map((n) => effectiveQuorum(undefined, n))).toEqual([1, 2, 2, 3, 3, 4]);
  });

  it('is what is asked for, where there are as many replicas', () => {
    const asked = [0, -1, 1, 2, 3, 4, 1.5, NaN, Infinity, 1e99];
    const expected = [undefined, undefined, 1, 2, 3, ...Array<undefined>(5)];
    expect(asked.map((n) => effectiveQuorum(n, 3))).toEqual(expected);
  });
});
