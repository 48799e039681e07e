import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { planRing, type RingNode } from '../../../services/node/core/ring/planner.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { canMoveLess, leastByCounting } from './leastMovement.js';
import {
  changeArbitrary,
  heldBefore,
  movedReplicas,
  nodesArbitrary,
  partitionsArbitrary,
  placementShares,
  type PlannedRing,
} from './support.js';

interface Movement {
  readonly ring: PlannedRing;
  readonly moved: number;
  readonly least: number;
  readonly isLeast: () => boolean;
}

function change(previous: PlannedRing, nodes: readonly RingNode[], replicas: number): Movement {
  const partitions = previous.tokens.length;
  const plan = planRing({ partitions, replicas, nodes, previous });
  const size = Math.min(replicas, nodes.length);
  const before = heldBefore(previous, nodes);
  const shares = placementShares(nodes, partitions, size);
  return {
    ring: { nodes, ...plan },
    moved: movedReplicas(before, plan),
    least: leastByCounting(before, shares, size),
    isLeast: () => !canMoveLess(nodes, before, plan, shares),
  };
}

const plainNodes = (count: number): RingNode[] =>
  Array.from({ length: count }, (_, i) => ({ id: `node-${i}` as NodeId, weight: 1, zone: '' }));

describe('least movement (I8)', () => {
  it('movement: no other balanced plan moves less, any join, leave or weight, 1-60 nodes, weights and zones', () => {
    fc.assert(
      fc.property(
        partitionsArbitrary(6),
        fc.integer({ min: 1, max: 5 }),
        nodesArbitrary,
        fc.array(changeArbitrary, { minLength: 1, maxLength: 6 }),
        (partitions, replicas, founders, changes) => {
          let ring: PlannedRing = { nodes: founders, ...planRing({ partitions, replicas, nodes: founders }) };
          for (const apply of changes) {
            const movement = change(ring, apply(ring.nodes), replicas);
            expect(movement.moved).toBeGreaterThanOrEqual(movement.least);
            expect(movement.isLeast()).toBe(true);
            ring = movement.ring;
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('movement: at most 1.1 times what counting asks for, equal nodes that join up to 60 and leave again, N=3', () => {
    let ring: PlannedRing = {
      nodes: plainNodes(1),
      ...planRing({ partitions: 256, replicas: 3, nodes: plainNodes(1) }),
    };
    const joins = Array.from({ length: 59 }, (_, i) => plainNodes(i + 2));
    const leaves = Array.from({ length: 59 }, (_, i) => plainNodes(60).slice(i + 1));
    for (const nodes of [...joins, ...leaves]) {
      const movement = change(ring, nodes, 3);
      expect(movement.moved).toBeLessThanOrEqual(1.1 * movement.least);
      ring = movement.ring;
    }
  });

  it('movement: the judge finds a plan that ignores the previous one to move too much', () => {
    const founders = plainNodes(5);
    const previous = planRing({ partitions: 64, replicas: 3, nodes: founders });
    const nodes = plainNodes(6);
    const before = heldBefore({ nodes: founders, ...previous }, nodes);
    const afresh = planRing({ partitions: 64, replicas: 3, nodes });
    expect(canMoveLess(nodes, before, afresh, placementShares(nodes, 64, 3))).toBe(true);
  });

  it('movement: nothing moves where nothing changes', () => {
    fc.assert(
      fc.property(
        partitionsArbitrary(8),
        fc.integer({ min: 1, max: 5 }),
        nodesArbitrary,
        (partitions, replicas, nodes) => {
          const founded = planRing({ partitions, replicas, nodes });
          expect(planRing({ partitions, replicas, nodes, previous: { nodes, ...founded } })).toEqual(founded);
        },
      ),
      { numRuns: 50 },
    );
  });
});
