import type { ClusterDocument, Key, NodeId, Partition, Placement } from '../types.js';
import { clockwiseOrders } from './clockwise.js';
import { at, indexesById } from './elements.js';
import { partitionOf } from './position.js';

/** Who answers for a partition: the primaries hold it, the fallbacks stand in for them in this order (R4). */
export interface ReplicaSet {
  /** The owner of the partition's token first. */
  readonly primaries: readonly NodeId[];
  /** All other nodes, in the order in which their tokens are met clockwise. */
  readonly fallbacks: readonly NodeId[];
  /** The epoch in which the primaries last changed (R9). */
  readonly since: number;
}

/** A cluster document made ready for the way of a request: every look-up is one index into a table. */
export interface Ring {
  readonly partitions: number;
  /** The effective N: sets of primaries are so large, or smaller for a while after a node was removed. */
  readonly replicasEffective: number;
  /** Of a position, or of a digest that begins with it. */
  partitionOf(position: Uint8Array): Partition;
  replicaSet(partition: Partition): ReplicaSet;
}

/** The same document gives the same replica sets everywhere (I8). The document must be valid. */
export function createRing(document: ClusterDocument): Ring {
  const { partitions, nodes, placement } = document;
  const ids = nodes.map((node) => node.id);
  const orders = clockwiseOrders(document.tokens, indexesById(ids));
  const sets = orders.map((order, partition) => replicaSetOf(ids, at(placement, partition), order));
  return {
    partitions,
    replicasEffective: Math.min(document.replicas, nodes.length),
    partitionOf: (position) => partitionOf(position, partitions),
    replicaSet: (partition) => at(sets, partition),
  };
}

/** The replica sets of keys; a request asks several times in a row for its own. */
export function replicaSetsByKey(
  ringNow: () => Ring,
  md5: (key: Key) => Uint8Array,
): (key: Key) => ReplicaSet {
  let last: { readonly ring: Ring; readonly key: Key; readonly set: ReplicaSet } | undefined;
  return (key) => {
    const ring = ringNow();
    if (last?.key !== key || last.ring !== ring) {
      last = { ring, key, set: ring.replicaSet(ring.partitionOf(md5(key))) };
    }
    return last.set;
  };
}

function replicaSetOf(ids: readonly NodeId[], placement: Placement, order: readonly number[]): ReplicaSet {
  const fallbacks = order.filter((node) => !placement.now.includes(node));
  return {
    primaries: placement.now.map((node) => at(ids, node)),
    fallbacks: fallbacks.map((node) => at(ids, node)),
    since: placement.since,
  };
}
