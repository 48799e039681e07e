import type { NodeId } from '../core/types.js';
import type { Bus } from '../ports/bus.js';

/**
 * A bus on which the address of a seed goes before the one that the node is listed with: how this node reaches another is
 * its own affair, as behind a proxy. Where a node says later that it has moved, its new address holds.
 */
export function seededBus(bus: Bus, seeds: ReadonlyMap<NodeId, string>): Bus {
  const listed = new Map<NodeId, string>();
  return {
    send: (to, message, remainingMs, bulk) => {
      bus.send(to, message, remainingMs, bulk);
    },
    connect: (node, address) => {
      const seed = seeds.get(node);
      if (seed === undefined || seed === address) {
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
