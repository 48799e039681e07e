import fc from 'fast-check';
import type { PreviousPlan, RingNode, RingPlan } from '../../../services/node/core/ring/planner.js';
import type { NodeId } from '../../../services/node/core/types.js';

/** A cluster in the course of its changes: what planRing is told of the past, with weights and zones. */
export interface PlannedRing extends PreviousPlan {
  readonly nodes: readonly RingNode[];
}

export const partitionsArbitrary = (bitsMax: number): fc.Arbitrary<number> =>
  fc.integer({ min: 3, max: bitsMax }).map((bits) => 2 ** bits);

/** Mostly 1 to 4, sometimes far larger. */
const weightArbitrary = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 4 }) },
  { weight: 1, arbitrary: fc.integer({ min: 5, max: 300 }) },
);

const nodeArbitrary = (zones: number): fc.Arbitrary<RingNode> =>
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 8 }).map((id) => id as NodeId),
    weight: weightArbitrary,
    zone: fc.integer({ min: 1, max: zones }).map((zone) => `zone-${zone}`),
  });

/** 1 to 60 nodes in up to 6 zones; half of the clusters have equal weights. */
export const nodesArbitrary: fc.Arbitrary<RingNode[]> = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.boolean(), fc.constantFrom(8, 60))
  .chain(([zones, isEqual, nodesMax]) =>
    fc
      .uniqueArray(nodeArbitrary(zones), {
        selector: (node) => node.id,
        minLength: 1,
        maxLength: nodesMax,
        size: 'max',
      })
      .map((nodes) => (isEqual ? nodes.map((node) => ({ ...node, weight: 1 })) : nodes)),
  );

export type Change = (nodes: readonly RingNode[]) => RingNode[];

/** One join, leave or change of weight; a join needs a new id, which the number of earlier changes makes. */
export const changeArbitrary: fc.Arbitrary<Change> = fc
  .record({
    kind: fc.constantFrom('join', 'leave', 'weight'),
    pick: fc.nat(),
    weight: weightArbitrary,
    zone: fc.integer({ min: 1, max: 6 }),
    suffix: fc.string({ minLength: 12, maxLength: 12 }),
  })
  .map(({ kind, pick, weight, zone, suffix }) => {
    const joining = { id: `joined-${suffix}` as NodeId, weight, zone: `zone-${zone}` };
    const join: Change = (nodes) =>
      nodes.some(({ id }) => id === joining.id) ? [...nodes] : [...nodes, joining];
    const leave: Change = (nodes) => nodes.filter((_, i) => nodes.length === 1 || i !== pick % nodes.length);
    const reweigh: Change = (nodes) =>
      nodes.map((node, i) => (i === pick % nodes.length ? { ...node, weight } : node));
    const change = { join, leave, weight: reweigh }[kind];
    return named(change, `${kind} #${pick} weight ${weight} zone-${zone}`);
  });

/** So that a counterexample says what was changed. */
function named(change: Change, name: string): Change {
  return Object.defineProperty(change, fc.toStringMethod, { value: () => name });
}

export function heldBy(plan: RingPlan, nodes: readonly unknown[]): number[] {
  const sets = plan.placement.map((set) => new Set(set.now));
  return nodes.map((_, node) => sets.filter((set) => set.has(node)).length);
}

export function ownedBy(plan: RingPlan, nodes: readonly unknown[]): number[] {
  return nodes.map((_, node) => plan.tokens.filter((owner) => owner === node).length);
}

/** For each partition the indexes, in the new list of nodes, of the nodes that held it before. */
export function heldBefore(previous: PreviousPlan, nodes: readonly RingNode[]): Set<number>[] {
  const now = previous.nodes.map(({ id }) => nodes.findIndex((node) => node.id === id));
  return previous.placement.map((set) => new Set(set.now.map((node) => now[node]!)));
}

/** Placements in the plan that were not there before. */
export function movedReplicas(before: readonly Set<number>[], plan: RingPlan): number {
  return plan.placement.reduce(
    (moved, { now }, partition) => moved + now.filter((node) => !before[partition]!.has(node)).length,
    0,
  );
}

export interface Share {
  readonly least: number;
  readonly most: number;
}

const rounded = (share: number): Share => ({
  least: Math.floor(share + 1e-7),
  most: Math.ceil(share - 1e-7),
});

export function tokenShares(nodes: readonly RingNode[], partitions: number): Share[] {
  const weight = nodes.reduce((sum, node) => sum + node.weight, 0);
  return nodes.map((node) => rounded((partitions * node.weight) / weight));
}

/**
 * Fair shares of placements, found by pouring: raise the level (placements for each unit of weight) until everything is
 * placed, where no node takes more than all partitions and no zone more, or less, than one copy of each where that is
 * asked for. Another way than the planner's.
 */
export function placementShares(nodes: readonly RingNode[], partitions: number, size: number): Share[] {
  const zones = [...new Set(nodes.map((node) => node.zone))];
  const members = new Map(zones.map((zone) => [zone, nodes.filter((node) => node.zone === zone)]));
  const poured = (list: readonly RingNode[], level: number): number =>
    list.reduce((sum, node) => sum + Math.min(partitions, level * node.weight), 0);
  const zoneTotal = (zone: string, level: number): number => {
    const total = poured(members.get(zone)!, level);
    if (zones.length > size) return Math.min(total, partitions);
    if (zones.length < size) return Math.max(total, partitions);
    return partitions;
  };
  const level = levelFor(partitions * size, (at) =>
    zones.reduce((sum, zone) => sum + zoneTotal(zone, at), 0),
  );
  const levels = new Map(
    zones.map((zone) => [zone, levelFor(zoneTotal(zone, level), (at) => poured(members.get(zone)!, at))]),
  );
  return nodes.map((node) => rounded(Math.min(partitions, levels.get(node.zone)! * node.weight)));
}

function levelFor(total: number, pouredAt: (level: number) => number): number {
  let low = 0;
  let high = 1e6;
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (pouredAt(middle) < total) low = middle;
    else high = middle;
  }
  return high;
}
