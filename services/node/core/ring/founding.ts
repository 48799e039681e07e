import { clockwiseOrders, walk } from './clockwise.js';
import { at, range } from './elements.js';
import { type PlannedNode, tokenBounds } from './shares.js';
import { shuffled } from './shuffle.js';

/** Who owns each token and which nodes hold each partition: what the planner starts from and what it makes. */
export interface Allotment {
  /** For each partition the node that owns its token, -1 where there is none. */
  readonly owners: readonly number[];
  /** For each partition the nodes that hold it, in no particular order. */
  readonly sets: readonly (readonly number[])[];
}

/**
 * The ring of a new cluster as Dynamo draws it: tokens are dealt, replica sets follow by the clockwise walk. With equal
 * weights and one zone it is balanced as it stands; else the planner changes what balance asks for.
 *
 * @param size replicas of a partition, at most as many as there are nodes
 */
export function found(nodes: readonly PlannedNode[], partitions: number, size: number): Allotment {
  const isUniform = nodes.every(({ weight, zone }) => weight === nodes[0]?.weight && zone === nodes[0].zone);
  const owners =
    isUniform && nodes.length <= partitions
      ? dealInTurns(nodes.length, partitions, size)
      : dealByWeight(nodes, partitions);
  const zones = nodes.map((node) => node.zone);
  const sets = clockwiseOrders(owners, range(nodes.length)).map((order) => walk(order, zones, size));
  return { owners, sets };
}

/**
 * Whole rounds give every node as many tokens and every walk `size` distinct nodes. A token more, right behind another
 * of the same node, adds one replica set, that of the other token: `size` nodes in turn, beginning with its owner. So
 * the additional tokens go to nodes `size` turns apart, and the sets that they add cover all nodes evenly; when the
 * turns come back to where they began, they go on one further.
 */
function dealInTurns(nodes: number, partitions: number, size: number): number[] {
  const rounds = Math.floor(partitions / nodes);
  const extra = partitions % nodes;
  const lap = nodes / greatestCommonDivisor(nodes, size);
  const roundOfExtra = new Map(
    range(extra).map((k) => [(k * size + Math.floor(k / lap)) % nodes, Math.floor((k * rounds) / extra)]),
  );
  return range(rounds).flatMap((round) =>
    range(nodes).flatMap((node) => (roundOfExtra.get(node) === round ? [node, node] : [node])),
  );
}

/**
 * Tokens by largest remainder, in an order without pattern: where the same neighbours meet again and again, too few of
 * the sets that lose a node could take just any other, and a later change would have to move more.
 */
function dealByWeight(nodes: readonly PlannedNode[], partitions: number): number[] {
  const counts = tokenBounds(nodes, partitions).map((bounds) => bounds.least);
  const weight = nodes.reduce((total, node) => total + node.weight, 0);
  const remainders = nodes.map((node) => (node.weight * partitions) % weight);
  const left = partitions - counts.reduce((total, count) => total + count, 0);
  const byRemainder = range(nodes.length).sort((a, b) => at(remainders, b) - at(remainders, a));
  const tokens = [
    ...counts.flatMap((count, node) => Array.from({ length: count }, () => node)),
    ...byRemainder.slice(0, left),
  ];
  return shuffled(tokens, partitions);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
