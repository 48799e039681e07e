import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Heights, isOvertaken } from '../../../services/node/core/membership/heights.js';
import { HEIGHTS_MAX } from '../../../services/node/core/protocol/messages.js';
import type { Actor, Height, NodeId } from '../../../services/node/core/types.js';

const [A, B, C] = ['n1', 'n2', 'n3'] as [NodeId, NodeId, NodeId];
const OWN = heightOf('own', 1, 1);
const LISTED: Readonly<Record<string, string>> = { n1: 'a', n2: 'b', n3: 'c' };
const actorOf = (node: NodeId) => LISTED[node] as Actor | undefined;

function heightOf(actor: string, incarnation: number, sequence: number): Height {
  return { actor: actor as Actor, incarnation, sequence };
}

/** What is known of C after this was heard of it, in this order. */
function known(...heard: readonly Height[]): Height | undefined {
  const heights = new Heights(A, new Map(), actorOf);
  for (const height of heard) heights.hear({ node: C, ...height });
  const told = heights.tell(C, OWN).find(({ node }) => node === C);
  return told && heightOf(told.actor, told.incarnation, told.sequence);
}

describe('whether a directory was overtaken (R12)', () => {
  /** Opened for life 5 with batch 40, now at batch 43. */
  const own = { actor: 'c' as Actor, incarnation: 5, openedAt: 40, sequence: 43 };

  it.each<[string, Height, boolean]>([
    ['what it says itself', heightOf('c', 5, 43), false],
    ['what it said before', heightOf('c', 5, 41), false],
    ['a later batch of this life', heightOf('c', 5, 44), true],
    ['the last life, up to the batch before it was opened', heightOf('c', 4, 39), false],
    ['an earlier life', heightOf('c', 3, 12), false],
    ['a batch of the last life that it does not have', heightOf('c', 4, 40), true],
    ['much of the last life that it does not have', heightOf('c', 4, 1000), true],
    ['a later life, however short', heightOf('c', 6, 1), true],
    ['a directory of the node that was lost', heightOf('d', 9, 900), false],
  ])('the others know %s', (_, heard, overtaken) => {
    expect(isOvertaken(own, heard)).toBe(overtaken);
  });
});

describe('what is heard of a directory', () => {
  it.each<[string, readonly Height[], Height]>([
    ['it goes on', [heightOf('c', 1, 5), heightOf('c', 1, 6)], heightOf('c', 1, 6)],
    ['it was restarted', [heightOf('c', 1, 5), heightOf('c', 2, 7)], heightOf('c', 2, 7)],
    [
      'old news come late',
      [heightOf('c', 2, 7), heightOf('c', 1, 6), heightOf('c', 2, 3)],
      heightOf('c', 2, 7),
    ],
    ['it was put back to an old copy', [heightOf('c', 1, 50), heightOf('c', 2, 41)], heightOf('c', 1, 50)],
    [
      'an old copy goes on until it is longer than the directory was',
      [heightOf('c', 1, 50), heightOf('c', 2, 41), heightOf('c', 2, 51), heightOf('c', 2, 99)],
      heightOf('c', 1, 50),
    ],
    [
      'the right directory comes back after an old copy',
      [heightOf('c', 1, 50), heightOf('c', 2, 41), heightOf('c', 3, 52)],
      heightOf('c', 3, 52),
    ],
    [
      'its data is lost, and it has another actor',
      [heightOf('c', 1, 5), heightOf('d', 2, 9)],
      heightOf('c', 1, 5),
    ],
  ])('where %s', (_, heard, expected) => {
    expect(known(...heard)).toEqual(expected);
  });

  it('of the node itself is left to itself', () => {
    const heights = new Heights(A, new Map([[A, heightOf('x', 9, 9)]]), actorOf);
    heights.hear({ node: A, ...heightOf('x', 9, 9) });
    expect(heights.takeChanges()).toBeUndefined();
    expect(heights.tell(B, OWN)).toEqual([{ node: A, ...OWN }]);
  });

  it('goes on from what was kept before the start', () => {
    const heights = new Heights(A, new Map([[C, heightOf('c', 1, 50)]]), actorOf);
    heights.hear({ node: C, ...heightOf('c', 2, 41) });
    expect(heights.tell(C, OWN)).toContainEqual({ node: C, ...heightOf('c', 1, 50) });
  });

  it('shows an old copy to whoever has heard of the end that it lacks, in whatever order the news come', () => {
    const lives = fc.record({ end: fc.integer({ min: 10, max: 60 }), copy: fc.integer({ min: 1, max: 60 }) });
    const news = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(lives, news, news, ({ end, copy }, before, after) => {
        const last = heightOf('c', 1, end);
        const openedAt = Math.min(copy, end);
        const first = before.map((n) => heightOf('c', 1, Math.max(1, end - n)));
        const second = after.map((n) => heightOf('c', 2, openedAt + n * 20));
        const heard = known(...first, last, heightOf('c', 2, openedAt), ...second, ...first);
        const own = { actor: 'c' as Actor, incarnation: 2, openedAt, sequence: openedAt + 200 };
        expect(isOvertaken(own, heard!)).toBe(true);
      }),
    );
  });
});

describe('what a node tells', () => {
  it('is its own height first, then that of the one it tells, then the others', () => {
    const heights = new Heights(A, new Map(), actorOf);
    heights.hear({ node: B, ...heightOf('b', 1, 2) });
    heights.hear({ node: C, ...heightOf('c', 3, 4) });
    expect(heights.tell(C, OWN)).toEqual([
      { node: A, ...OWN },
      { node: C, ...heightOf('c', 3, 4) },
      { node: B, ...heightOf('b', 1, 2) },
    ]);
  });

  it('is bounded, and tells of all others in turns (I14)', () => {
    const heights = new Heights(A, new Map(), () => 'x' as Actor);
    const others = Array.from({ length: 40 }, (_, i) => `m${i}` as NodeId);
    for (const node of [C, ...others]) heights.hear({ node, ...heightOf('x', 1, 1) });
    const told = new Set<NodeId>();
    for (let turn = 0; turn < 4; turn++) {
      const now = heights.tell(C, OWN).map(({ node }) => node);
      expect(now.length).toBe(HEIGHTS_MAX);
      expect(now.slice(0, 2)).toEqual([A, C]);
      expect(new Set(now).size).toBe(now.length);
      for (const node of now) told.add(node);
    }
    expect(told.size).toBe(42);
  });

  it('is kept when there is news, and only then', () => {
    const heights = new Heights(A, new Map(), actorOf);
    expect(heights.takeChanges()).toBeUndefined();
    heights.hear({ node: C, ...heightOf('c', 1, 1) });
    expect(heights.takeChanges()).toEqual(new Map([[C, heightOf('c', 1, 1)]]));
    heights.hear({ node: C, ...heightOf('c', 1, 1) });
    expect(heights.takeChanges()).toBeUndefined();
  });

  it('is not kept again for the one batch in which another node kept what it heard', () => {
    const heights = new Heights(A, new Map([[C, heightOf('c', 1, 5)]]), actorOf);
    heights.hear({ node: C, ...heightOf('c', 1, 6) });
    expect(heights.takeChanges()).toBeUndefined();
    heights.hear({ node: C, ...heightOf('c', 1, 7) });
    expect(heights.takeChanges()).toEqual(new Map([[C, heightOf('c', 1, 7)]]));
    heights.hear({ node: C, ...heightOf('c', 2, 8) });
    expect(heights.takeChanges()).toEqual(new Map([[C, heightOf('c', 2, 8)]]));
  });
});
