import type { RingNode, RingPlan } from '../../../services/node/core/ring/planner.js';
import type { Share } from './support.js';

/**
 * What is known without any planner about the least possible movement of a change.
 *
 * Counting: in every plan within the shares, a node that held fewer placements than its least gains the difference, and
 * of those that it held it keeps at most its most. That is a true lower bound, for it leaves out every other rule; it is
 * reached where the placements that somebody must give up can go straight to those who lack some.
 */
export function leastByCounting(
  before: readonly Set<number>[],
  shares: readonly Share[],
  size: number,
): number {
  const held = shares.map((_, node) => before.filter((set) => set.has(node)).length);
  const gained = shares.reduce((sum, { least }, node) => sum + Math.max(0, least - held[node]!), 0);
  const kept = shares.reduce((sum, { most }, node) => sum + Math.min(most, held[node]!), 0);
  return Math.max(gained, before.length * size - kept);
}

interface Arc {
  readonly from: number;
  readonly to: number;
  readonly cost: number;
}

/**
 * Whether some other plan within the same shares and zones moves less than this one. The difference between two such
 * plans is a sum of closed chains of exchanges (partition, zone, node, partition …), each of which can be carried out by
 * itself, so that a plan is not the least possible if and only if one chain saves a movement (Klein). Bellman and Ford
 * find a chain of negative cost, or show by prices that settle that there is none. Shares nothing with the planner.
 */
export function canMoveLess(
  nodes: readonly RingNode[],
  before: readonly Set<number>[],
  plan: RingPlan,
  shares: readonly Share[],
): boolean {
  const { arcs, vertices } = exchanges(nodes, before, plan, shares);
  const prices = new Array<number>(vertices).fill(0);
  for (let round = 0; round <= vertices; round++) {
    let settled = true;
    for (const { from, to, cost } of arcs) {
      if (prices[from]! + cost >= prices[to]!) continue;
      prices[to] = prices[from]! + cost;
      settled = false;
    }
    if (settled) return false;
  }
  return true;
}

function exchanges(
  nodes: readonly RingNode[],
  before: readonly Set<number>[],
  plan: RingPlan,
  shares: readonly Share[],
): { arcs: Arc[]; vertices: number } {
  const zones = [...new Set(nodes.map((node) => node.zone))];
  const partitions = plan.placement.length;
  const anybody = nodes.length;
  const vertexOf = (partition: number, zone = -1) => nodes.length + 2 + partition * (zones.length + 1) + zone;
  const arcs: Arc[] = [];
  const join = (from: number, to: number, cost = 0) => arcs.push({ from, to, cost });
  const held = nodes.map((_, node) => plan.placement.filter(({ now }) => now.includes(node)).length);
  shares.forEach(({ least, most }, node) => {
    if (held[node]! < most) join(node, anybody);
    if (held[node]! > least) join(anybody, node);
  });
  plan.placement.forEach(({ now }, partition) => {
    zones.forEach((zone, z) => {
      const inZone = now.filter((node) => nodes[node]!.zone === zone).length;
      if (inZone === 0 || zones.length < now.length) join(vertexOf(partition), vertexOf(partition, z));
      if (inZone > 1 || (inZone === 1 && zones.length > now.length))
        join(vertexOf(partition, z), vertexOf(partition));
    });
    nodes.forEach((node, i) => {
      const cell = vertexOf(partition, zones.indexOf(node.zone));
      const cost = before[partition]!.has(i) ? 0 : 1;
      if (now.includes(i)) join(i, cell, -cost);
      else join(cell, i, cost);
    });
  });
  return { arcs, vertices: vertexOf(partitions) };
}
