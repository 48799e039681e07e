import type { Ring } from '../ring/replicaSets.js';
import type { NodeId, Partition } from '../types.js';

/** The other nodes, and the partitions that each holds together with this one. */
export function sharedPartitions(ring: Ring, self: NodeId): ReadonlyMap<NodeId, readonly Partition[]> {
  const byPeer = new Map<NodeId, Partition[]>();
  for (let index = 0; index < ring.partitions; index++) {
    const partition = index as Partition;
    const { primaries } = ring.replicaSet(partition);
    if (!primaries.includes(self)) continue;
    for (const peer of primaries) {
      if (peer === self) continue;
      const shared = byPeer.get(peer);
      if (shared) shared.push(partition);
      else byPeer.set(peer, [partition]);
    }
  }
  return byPeer;
}
