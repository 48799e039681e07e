import { describe, expect, it } from '@jest/globals';
import type { NodeId } from '../../../services/node/core/types.js';
import { seededBus } from '../../../services/node/runtime/seededBus.js';
import type { Bus } from '../../../services/node/ports/bus.js';

const B = 'b' as NodeId;
const C = 'c' as NodeId;

/** Whom the bus behind it was told to connect to. */
function connections(use: (bus: Bus) => void): string[] {
  const made: string[] = [];
  const bus: Bus = {
    send: () => undefined,
    connect: (node, address) => void made.push(`${node}@${address}`),
    peers: () => new Map(),
    close: () => Promise.resolve(),
  };
  use(seededBus(bus, new Map([[B, 'proxy:1']])));
  return made;
}

describe('a bus with seeds', () => {
  it('looks for a seed where it was told to, whatever address the node is listed with', () => {
    const made = connections((bus) => {
      bus.connect(B, 'proxy:1');
      bus.connect(B, 'listed:1');
      bus.connect(B, 'listed:1');
      bus.connect(C, 'listed:2');
    });
    expect(made).toEqual(['b@proxy:1', 'b@proxy:1', 'b@proxy:1', 'c@listed:2']);
  });

  it('follows a node that was listed where the seed says, and has moved from there', () => {
    const made = connections((bus) => {
      for (const address of ['proxy:1', 'proxy:1', 'moved:1', 'moved:2']) bus.connect(B, address);
    });
    expect(made).toEqual(['b@proxy:1', 'b@proxy:1', 'b@moved:1', 'b@moved:2']);
  });

  it('follows a node that says later that it has moved, and back', () => {
    const made = connections((bus) => {
      for (const address of ['listed:1', 'moved:1', 'listed:1']) bus.connect(B, address);
    });
    expect(made).toEqual(['b@proxy:1', 'b@moved:1', 'b@proxy:1']);
  });
});
