import type { NodeId } from '../core/types.js';
import type { Bus } from '../ports/bus.js';

/**
 * A bus on which the address of a seed goes before the one that the node is listed with: how this node reaches another is
 * its own affair, as behind a proxy. Where a node says later that it has moved, its new address holds. The node has to be
 * told each seed once as what it is; only what comes beside that is where somebody is listed.
 */
export function seededBus(bus: Bus, seeds: ReadonlyMap<NodeId, string>): Bus {
  const told = new Set<NodeId>();
  const listed = new Map<NodeId, string>();
  return {
    send: (to, message, remainingMs, bulk) => {
      bus.send(to, message, remainingMs, bulk);
    },
    connect: (node, address) => {
      const seed = seeds.get(node);
      if (seed === undefined || (seed === address && !told.has(node))) {
        told.add(node);
        bus.connect(node, address);
        return;
      }
      const first = listed.get(node) ?? address;
      listed.set(node, first);
      bus.connect(node, address === first ? seed : address);
    },
    peers: () => bus.peers(),
    close: () => bus.close(),
  };
}
