import { at, range } from './elements.js';
import { addArc, createNetwork, flowOf, type Network, sendCheapest, SINK, SOURCE } from './flow.js';
import { shuffled } from './shuffle.js';
import type { Bounds } from './shares.js';

/**
 * Gives partitions to nodes, as a cheapest flow: a unit is one replica (or token) and runs from its partition, by way of
 * a zone, to a node. What must be filled first (a node's share rounded down, a zone's first copy) costs nothing; what
 * may be filled besides costs more than it could ever save elsewhere. So the flow is balanced, and of all balanced
 * ones it is one of those whose own costs are least.
 */
interface Assignment {
  readonly partitions: number;
  /** How many nodes each partition is given to; they are distinct. */
  readonly size: number;
  /** For each node how many partitions it is given. */
  readonly bounds: readonly Bounds[];
  /** The nodes of each zone: every partition is given to min(size, zones) zones. */
  readonly zones: readonly (readonly number[])[];
  /** Price of giving a partition to a node, 0 to `costMax`; `undefined`: it cannot be given. */
  readonly cost: (partition: number, node: number) => number | undefined;
  readonly costMax: number;
}

/** An arc that gives a partition to a node. */
interface Choice {
  readonly arc: number;
  readonly partition: number;
  readonly node: number;
}

/** For each partition the nodes that it is given to; fewer than `size` only where bounds and costs forbid more. */
export function assign(assignment: Assignment): number[][] {
  const { partitions, bounds, zones } = assignment;
  const network = createNetwork(
    2 + bounds.length + partitions * (1 + zones.length),
    2 * bounds.length + partitions * (1 + 2 * zones.length + bounds.length),
  );
  // A chain of exchanges passes each node once, so that this is more than any chain can save.
  const extraCost = bounds.length * assignment.costMax + 1;
  addShares(network, bounds, extraCost);
  // Shuffled, so that what is left open by costs makes no pattern that later changes would have to break up.
  const choices = shuffled(range(partitions), bounds.length).flatMap((partition) =>
    addPartition(network, assignment, partition, extraCost),
  );
  sendCheapest(network);
  return collect(network, choices, partitions);
}

function addShares(network: Network, bounds: readonly Bounds[], extraCost: number): void {
  bounds.forEach(({ least, most }, node) => {
    addArc(network, nodeVertex(node), SINK, least, 0);
    if (most > least) addArc(network, nodeVertex(node), SINK, most - least, extraCost);
  });
}

function addPartition(
  network: Network,
  { bounds, zones, size, cost }: Assignment,
  partition: number,
  extraCost: number,
): Choice[] {
  const slice = nodeVertex(bounds.length) + partition * (1 + zones.length);
  addArc(network, SOURCE, slice, size, 0);
  return zones.flatMap((members, zone) => {
    // A zone of one node, or one that is alone, forbids nothing.
    const from = members.length === 1 || zones.length === 1 ? slice : slice + 1 + zone;
    if (from !== slice) {
      addArc(network, slice, from, 1, 0);
      if (size > zones.length) addArc(network, slice, from, size - zones.length, extraCost);
    }
    return addChoices(network, from, partition, members, cost);
  });
}

function addChoices(
  network: Network,
  from: number,
  partition: number,
  members: readonly number[],
  cost: Assignment['cost'],
): Choice[] {
  const choices: Choice[] = [];
  for (const node of shuffled(members, partition)) {
    const price = cost(partition, node);
    if (price === undefined) continue;
    choices.push({ arc: addArc(network, from, nodeVertex(node), 1, price), partition, node });
  }
  return choices;
}

function nodeVertex(node: number): number {
  return 2 + node;
}

function collect(network: Network, choices: readonly Choice[], partitions: number): number[][] {
  const chosen = range(partitions).map((): number[] => []);
  for (const { arc, partition, node } of choices) {
    if (flowOf(network, arc) > 0) at(chosen, partition).push(node);
  }
  return chosen;
}
