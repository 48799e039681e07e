import { assert } from '../assert.js';
import type { NodeId } from '../types.js';
import { assign } from './assignment.js';
import { clockwiseOrders } from './clockwise.js';
import { at, indexesById, range } from './elements.js';
import { type Allotment, found } from './founding.js';
import { isPartitionCount } from './position.js';
import { type Bounds, membersOfZones, placementBounds, type PlannedNode, tokenBounds } from './shares.js';

/**
 * Plans who owns which token and who holds which partition. Sets are planned first, so that a change moves the fewest
 * replicas that balance and zones allow (I8); then each token goes to a member of its set, which moves no data. The same
 * request gives the same plan everywhere, whatever the order of its nodes.
 */
interface RingRequest {
  /** A power of two from 8 to 4096. */
  readonly partitions: number;
  /** N; with fewer nodes every node holds every partition. */
  readonly replicas: number;
  readonly nodes: readonly RingNode[];
  /** The plan to change; absent at the founding. */
  readonly previous?: PreviousPlan;
}

export interface RingNode {
  readonly id: NodeId;
  /** A whole number from 1; shares are in proportion to it. */
  readonly weight: number;
  /** Replicas of a partition lie in different zones while there are any. */
  readonly zone: string;
}

/** As in a cluster document: all numbers are indexes into the list of nodes. */
export interface RingPlan {
  readonly tokens: readonly number[];
  readonly placement: readonly { readonly now: readonly number[] }[];
}

export interface PreviousPlan extends RingPlan {
  readonly nodes: readonly { readonly id: NodeId }[];
}

/** Every node's tokens and placements within floor and ceiling of its share, by the fewest movements. */
export function planRing({ partitions, replicas, nodes, previous }: RingRequest): RingPlan {
  assert(isPartitionCount(partitions), 'the number of partitions is a power of two');
  assert(nodes.length > 0 && replicas >= 1, 'there are nodes and replicas');
  const byId = indexesById(nodes.map((node) => node.id));
  const sorted = byId.map((index) => at(nodes, index));
  const planned = withZoneIndexes(sorted);
  const size = Math.min(replicas, nodes.length);
  const before = previous ? survivors(previous, sorted) : found(planned, partitions, size);
  assert(before.sets.length === partitions, 'the number of partitions never changes');
  return toPlan(rebalance(planned, before, size), byId);
}

function withZoneIndexes(nodes: readonly RingNode[]): PlannedNode[] {
  const zones = [...new Set(nodes.map((node) => node.zone))].sort();
  return nodes.map(({ weight, zone }) => ({ weight, zone: zones.indexOf(zone) }));
}

/** What is left of the previous plan without the nodes that are gone, as indexes into `nodes`. */
function survivors(previous: PreviousPlan, nodes: readonly RingNode[]): Allotment {
  const indexes = new Map(nodes.map((node, index) => [node.id, index]));
  const now = previous.nodes.map((node) => indexes.get(node.id) ?? -1);
  return {
    owners: previous.tokens.map((node) => at(now, node)),
    sets: previous.placement.map((set) => set.now.map((node) => at(now, node)).filter((node) => node >= 0)),
  };
}

function rebalance(nodes: readonly PlannedNode[], before: Allotment, size: number): Allotment {
  const sets = assignSets(nodes, before.sets, size);
  const owners = assignOwners(nodes, sets, before.owners);
  return isBalanced(owners, tokenBounds(nodes, before.sets.length))
    ? { owners, sets }
    : refit(nodes, before, size, sets);
}

/**
 * For sets that do not admit balanced tokens (a few nodes share too few partitions: Hall's condition fails). Chooses
 * balanced owners with as few as possible outside their sets, then plans the sets again around these owners.
 */
function refit(
  nodes: readonly PlannedNode[],
  before: Allotment,
  size: number,
  sets: Allotment['sets'],
): Allotment {
  const wanted = assignOwners(nodes, sets, before.owners, OUTSIDERS_ALLOWED);
  const refitted = assignSets(nodes, before.sets, size, wanted);
  const owners = assignOwners(nodes, refitted, wanted);
  // Should even that not fit, distinct replicas and zones count for more than the balance of tokens.
  return {
    owners: owners.map((owner, i) => (owner === NONE ? at(at(refitted, i), 0) : owner)),
    sets: refitted,
  };
}

const NONE = -1;
const OUTSIDERS_ALLOWED = true;

/** Sets that move the fewest replicas; members that are wanted weigh more than any movement. */
function assignSets(
  nodes: readonly PlannedNode[],
  before: Allotment['sets'],
  size: number,
  wanted?: readonly number[],
): number[][] {
  const unwanted = nodes.length + 1;
  return assign({
    partitions: before.length,
    size,
    bounds: placementBounds(nodes, before.length, size),
    zones: membersOfZones(nodes),
    cost: (partition, node) =>
      (at(before, partition).includes(node) ? 0 : 1) + (wanted && wanted[partition] !== node ? unwanted : 0),
    costMax: unwanted + 1,
  });
}

/** Owners that move the fewest tokens; outsiders weigh more than any movement. */
function assignOwners(
  nodes: readonly PlannedNode[],
  sets: Allotment['sets'],
  before: readonly number[],
  outsidersAllowed = false,
): number[] {
  const outside = outsidersAllowed ? nodes.length + 1 : undefined;
  const owners = assign({
    partitions: sets.length,
    size: 1,
    bounds: tokenBounds(nodes, sets.length),
    zones: [range(nodes.length)],
    cost: (partition, node) =>
      at(sets, partition).includes(node) ? (before[partition] === node ? 0 : 1) : outside,
    costMax: nodes.length + 1,
  });
  return owners.map(([owner]) => owner ?? NONE);
}

function isBalanced(owners: readonly number[], bounds: readonly Bounds[]): boolean {
  const counts = bounds.map((_, node) => owners.filter((owner) => owner === node).length);
  return !owners.includes(NONE) && bounds.every(({ least }, node) => at(counts, node) >= least);
}

/** The owner first, the others in the order in which their next token is met clockwise. */
function toPlan({ owners, sets }: Allotment, byId: readonly number[]): RingPlan {
  const orders = clockwiseOrders(owners, range(byId.length));
  const placement = sets.map((set, partition) => {
    const now = at(orders, partition).filter((node) => set.includes(node));
    return { now: now.map((node) => at(byId, node)) };
  });
  return { tokens: owners.map((node) => at(byId, node)), placement };
}
