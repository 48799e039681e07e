import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { planRing, type RingNode, type RingPlan } from '../../../services/node/core/ring/planner.js';
import type { NodeId } from '../../../services/node/core/types.js';
import {
  changeArbitrary,
  heldBefore,
  heldBy,
  movedReplicas,
  nodesArbitrary,
  ownedBy,
  partitionsArbitrary,
  placementShares,
  type PlannedRing,
  type Share,
  tokenShares,
} from './support.js';

const node = (id: string, weight = 1, zone = ''): RingNode => ({ id: id as NodeId, weight, zone });
const plainNodes = (count: number): RingNode[] =>
  Array.from({ length: count }, (_, i) => node(`n${100 + i}`));

const isWithin = (counts: readonly number[], shares: readonly Share[]): boolean =>
  counts.every((count, i) => count >= shares[i]!.least && count <= shares[i]!.most);

/** Every rule that a plan keeps whatever came before it. */
function expectSound(plan: RingPlan, nodes: readonly RingNode[], partitions: number, replicas: number): void {
  const size = Math.min(replicas, nodes.length);
  const zones = Math.min(size, new Set(nodes.map(({ zone }) => zone)).size);
  const sound = plan.placement.map(({ now }, partition) => ({
    replicas: now.length,
    nodes: new Set(now).size,
    zones: new Set(now.map((i) => nodes[i]!.zone)).size,
    first: now[0],
    owner: plan.tokens[partition],
  }));
  expect(sound).toEqual(
    plan.tokens.map((owner) => ({ replicas: size, nodes: size, zones, first: owner, owner })),
  );
  expect(sound).toHaveLength(partitions);
  const held = heldBy(plan, nodes);
  const heldShares = placementShares(nodes, partitions, size);
  expect({ held, heldShares, fits: isWithin(held, heldShares) }).toMatchObject({ fits: true });
  const owned = ownedBy(plan, nodes);
  const ownedShares = tokenShares(nodes, partitions);
  expect({ owned, ownedShares, fits: isWithin(owned, ownedShares) }).toMatchObject({ fits: true });
}

/** The owners of the first tokens met clockwise, N distinct nodes. */
function clockwiseWalk(tokens: readonly number[], partition: number, size: number): number[] {
  const met = new Set<number>();
  for (let step = 0; step < tokens.length && met.size < size; step++) {
    met.add(tokens[(partition + step) % tokens.length]!);
  }
  return [...met];
}

const byId = (plan: RingPlan, nodes: readonly RingNode[]): unknown => ({
  tokens: plan.tokens.map((i) => nodes[i]!.id),
  placement: plan.placement.map(({ now }) => now.map((i) => nodes[i]!.id)),
});

describe('planner: founding', () => {
  it('founding: equal nodes of one zone hold what the clockwise walk gives them, and that is balanced, 1-60 nodes', () => {
    for (let count = 1; count <= 60; count++) {
      for (const replicas of [2, 3, 5]) {
        const plan = planRing({ partitions: 256, replicas, nodes: plainNodes(count) });
        const size = Math.min(replicas, count);
        const walks = plan.tokens.map((_, partition) => clockwiseWalk(plan.tokens, partition, size));
        expect(plan.placement.map(({ now }) => now)).toEqual(walks);
        const held = heldBy(plan, plainNodes(count));
        expect(Math.max(...held) - Math.min(...held)).toBeLessThanOrEqual(1);
        const owned = ownedBy(plan, plainNodes(count));
        expect(Math.max(...owned) - Math.min(...owned)).toBeLessThanOrEqual(1);
      }
    }
  });

  it('founding: three equal nodes own 86, 85 and 85 of 256 tokens and hold everything', () => {
    const plan = planRing({ partitions: 256, replicas: 3, nodes: plainNodes(3) });
    expect(ownedBy(plan, plainNodes(3)).sort()).toEqual([85, 85, 86]);
    expect(heldBy(plan, plainNodes(3))).toEqual([256, 256, 256]);
  });

  it('founding: a node of weight 2 owns and holds twice as much', () => {
    const nodes = [node('a', 2), node('b'), node('c'), node('d'), node('e'), node('f'), node('g')];
    const plan = planRing({ partitions: 256, replicas: 3, nodes });
    expect(ownedBy(plan, nodes)).toEqual([64, 32, 32, 32, 32, 32, 32]);
    expect(heldBy(plan, nodes)).toEqual([192, 96, 96, 96, 96, 96, 96]);
  });

  it('founding: the owner comes first, the others in the order of their next tokens', () => {
    const nodes = [
      node('a', 3, 'x'),
      node('b', 1, 'y'),
      node('c', 2, 'x'),
      node('d', 1, 'z'),
      node('e', 1, 'z'),
    ];
    const plan = planRing({ partitions: 32, replicas: 3, nodes });
    plan.placement.forEach(({ now }, partition) => {
      const order = clockwiseWalk(plan.tokens, partition, nodes.length);
      expect(now).toEqual(order.filter((i) => now.includes(i)));
    });
  });

  it.each([
    ['no power of two', { partitions: 100, replicas: 3, nodes: plainNodes(3) }],
    ['no nodes', { partitions: 8, replicas: 3, nodes: [] }],
    ['no replicas', { partitions: 8, replicas: 0, nodes: plainNodes(3) }],
  ])('founding: %s is refused', (_, request) => {
    expect(() => planRing(request)).toThrow('invariant violated');
  });
});

describe('planner: any change', () => {
  it('plan: distinct nodes and zones, shares rounded down or up, k or k+1 tokens, 1-60 nodes, weights and zones', () => {
    fc.assert(
      fc.property(
        partitionsArbitrary(8),
        fc.integer({ min: 1, max: 6 }),
        nodesArbitrary,
        fc.array(changeArbitrary, { maxLength: 5 }),
        (partitions, replicas, founders, changes) => {
          let ring: PlannedRing = { nodes: founders, ...planRing({ partitions, replicas, nodes: founders }) };
          expectSound(ring, founders, partitions, replicas);
          for (const change of changes) {
            const nodes = change(ring.nodes);
            ring = { nodes, ...planRing({ partitions, replicas, nodes, previous: ring }) };
            expectSound(ring, nodes, partitions, replicas);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('plan: the same whatever the order of the lists of nodes (I8)', () => {
    fc.assert(
      fc.property(
        nodesArbitrary,
        changeArbitrary,
        fc.array(fc.nat(), { minLength: 61 }),
        (nodes, change, keys) => {
          const shuffle = (list: readonly RingNode[]): RingNode[] =>
            list
              .map((item, i) => ({ item, key: keys[i]! }))
              .sort((a, b) => a.key - b.key)
              .map(({ item }) => item);
          const request = { partitions: 64, replicas: 3 };
          const [founders, others] = [nodes, shuffle(nodes)];
          const founded = planRing({ ...request, nodes: founders });
          const foundedToo = planRing({ ...request, nodes: others });
          expect(byId(foundedToo, others)).toEqual(byId(founded, founders));
          const next = change(nodes);
          const nextToo = shuffle(next);
          const plan = planRing({ ...request, nodes: next, previous: { nodes: founders, ...founded } });
          const planToo = planRing({
            ...request,
            nodes: nextToo,
            previous: { nodes: others, ...foundedToo },
          });
          expect(byId(planToo, nextToo)).toEqual(byId(plan, next));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('plan: a node that moves to another zone takes the zones of its sets with it', () => {
    const nodes = [
      node('a', 1, 'x'),
      node('b', 1, 'x'),
      node('c', 1, 'y'),
      node('d', 1, 'y'),
      node('e', 1, 'z'),
    ];
    const previous: PlannedRing = { nodes, ...planRing({ partitions: 64, replicas: 3, nodes }) };
    const moved = nodes.map((each) => (each.id === 'b' ? { ...each, zone: 'z' } : each));
    expectSound(planRing({ partitions: 64, replicas: 3, nodes: moved, previous }), moved, 64, 3);
  });

  it('plan: a change of everybody at once is still balanced', () => {
    const founders = plainNodes(5);
    const previous: PlannedRing = {
      nodes: founders,
      ...planRing({ partitions: 64, replicas: 3, nodes: founders }),
    };
    const strangers = ['p', 'q', 'r', 's'].map((id) => node(id));
    expectSound(planRing({ partitions: 64, replicas: 3, nodes: strangers, previous }), strangers, 64, 3);
  });

  it('plan: sets of balanced size whose tokens do not fit are changed, and by no more than that asks for', () => {
    // One token each is due; but a1, a2 and u1 have only partitions 0 and 1 between them.
    const names = ['a1', 'a2', 'a3', 'a4', 'a5', 'u1', 'u2', 'u3'];
    const nodes = names.map((id) => node(id, 1, id.startsWith('a') ? 'a' : id));
    const sets = ['a1 u1', 'a2 u1', 'a3 u2', 'a3 u2', 'a4 u2', 'a4 u3', 'a5 u3', 'a5 u3'];
    const placement = sets.map((set) => ({ now: set.split(' ').map((id) => names.indexOf(id)) }));
    const previous: PlannedRing = { nodes, placement, tokens: placement.map(({ now }) => now[0]!) };
    const plan = planRing({ partitions: 8, replicas: 2, nodes, previous });
    expectSound(plan, nodes, 8, 2);
    expect(ownedBy(plan, nodes)).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    expect(movedReplicas(heldBefore(previous, nodes), plan)).toBe(1);
  });

  it('plan: another number of partitions than before is refused', () => {
    const nodes = plainNodes(3);
    const previous = { nodes, ...planRing({ partitions: 8, replicas: 3, nodes }) };
    expect(() => planRing({ partitions: 16, replicas: 3, nodes, previous })).toThrow('never changes');
  });
});
