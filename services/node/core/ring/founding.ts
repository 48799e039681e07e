import { clockwiseOrders, walk } from './clockwise.js';
import { at, range } from './elements.js';
import { type PlannedNode, tokenBounds } from './shares.js';

/** Who owns each token and which nodes hold each partition: what the planner starts from and what it makes. */
export interface Allotment {
  /** For each partition the node that owns its token, -1 where there is none. */
  readonly owners: readonly number[];
  /** For each partition the nodes that hold it, in no particular order. */
  readonly sets: readonly (readonly number[])[];
}

/**
 * The ring of a new cluster as Dynamo draws it: tokens dealt in turns, replica sets by the clockwise walk. With equal
 * weights and no zones it is balanced as it stands; else the planner changes what balance and zones ask for.
 *
 * @param size replicas of a partition, at most as many as there are nodes
 */
export function found(nodes: readonly PlannedNode[], partitions: number, size: number): Allotment {
  const isEqual = nodes.every((node) => node.weight === nodes[0]?.weight);
  const turns = alternateZones(nodes);
  const owners =
    isEqual && nodes.length <= partitions
      ? dealEqually(turns, partitions, size)
      : dealByWeight(nodes, turns, partitions);
  const zones = nodes.map((node) => node.zone);
  const sets = clockwiseOrders(owners, range(nodes.length)).map((order) => walk(order, zones, size));
  return { owners, sets };
}

/** All nodes, those of a zone as far apart as possible, so that few steps of the walk pass over anyone. */
function alternateZones(nodes: readonly PlannedNode[]): number[] {
  const places = nodes.map(({ zone }, i) => {
    const before = nodes.slice(0, i).filter((node) => node.zone === zone).length;
    return (before + 0.5) / nodes.filter((node) => node.zone === zone).length;
  });
  return range(nodes.length).sort((a, b) => at(places, a) - at(places, b) || a - b);
}

/**
 * Whole rounds give every node as many tokens and every walk `size` distinct nodes. A token more, right behind another
 * of the same node, adds one replica set, that of the other token: `size` nodes in turn, beginning with its owner. So
 * the additional tokens go to nodes `size` turns apart, and the sets that they add cover all nodes evenly; when the
 * turns come back to where they began, they go on one further.
 */
function dealEqually(turns: readonly number[], partitions: number, size: number): number[] {
  const rounds = Math.floor(partitions / turns.length);
  const extra = partitions % turns.length;
  const lap = turns.length / greatestCommonDivisor(turns.length, size);
  const roundOfExtra = new Map(
    range(extra).map((k) => {
      const turn = (k * size + Math.floor(k / lap)) % turns.length;
      return [turn, Math.floor((k * rounds) / extra)];
    }),
  );
  return range(rounds).flatMap((round) =>
    turns.flatMap((node, turn) => (roundOfExtra.get(turn) === round ? [node, node] : [node])),
  );
}

/** Tokens by largest remainder, each node's spread evenly over the ring (smooth weighted round robin). */
function dealByWeight(nodes: readonly PlannedNode[], turns: readonly number[], partitions: number): number[] {
  const counts = largestRemainder(nodes, turns, partitions);
  const credits = counts.map(() => 0);
  return range(partitions).map(() => {
    counts.forEach((count, node) => (credits[node] = at(credits, node) + count));
    const owner = turns.reduce((best, node) => (at(credits, node) > at(credits, best) ? node : best));
    credits[owner] = at(credits, owner) - partitions;
    return owner;
  });
}

function largestRemainder(
  nodes: readonly PlannedNode[],
  turns: readonly number[],
  partitions: number,
): number[] {
  const counts = tokenBounds(nodes, partitions).map((bounds) => bounds.least);
  const weight = nodes.reduce((total, node) => total + node.weight, 0);
  const remainders = nodes.map((node) => (node.weight * partitions) % weight);
  const left = partitions - counts.reduce((total, count) => total + count, 0);
  const first = [...turns].sort((a, b) => at(remainders, b) - at(remainders, a));
  for (const node of first.slice(0, left)) counts[node] = at(counts, node) + 1;
  return counts;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
