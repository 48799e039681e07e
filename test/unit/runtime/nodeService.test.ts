import { describe, expect, it } from '@jest/globals';
import { nodeDigests } from '../../../services/node/adapters/system.js';
import type { NodeView } from '../../../services/node/core/protocol/events.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import type { Actor, Key, NodeId } from '../../../services/node/core/types.js';
import { applyWrite, EMPTY_RECORD } from '../../../services/node/core/versioning/record.js';
import { encodeVersion } from '../../../services/node/core/versioning/version.js';
import type { Bus, PeerState } from '../../../services/node/ports/bus.js';
import type { Storage } from '../../../services/node/ports/storage.js';
import { createNodeService } from '../../../services/node/runtime/nodeService.js';
import type { Runtime } from '../../../services/node/runtime/runtime.js';
import { clusterNode } from '../support/clusterNode.js';

const SELF = 'n1' as NodeId;
const SEAL = { secret: new Uint8Array(32), digests: nodeDigests() };

function createFixture() {
  const state = { healthy: true, stopping: false };
  const peers = new Map<NodeId, PeerState>([['n2' as NodeId, 'connected']]);
  const document = foundDocument({
    clusterId: 'test',
    partitions: 8,
    replicas: 1,
    nodes: [clusterNode(SELF)],
  });
  const sizes = {
    liveRequests: 2,
    liveBytes: 3,
    settling: 4,
    cells: 5,
    hints: 6,
    repairs: 7,
    damagedKeys: 0,
  };
  const view: NodeView = {
    document,
    founding: undefined,
    complete: false,
    vouched: true,
    actor: 'spare' as Actor,
    liveness: new Map([['n2' as NodeId, 'suspect']]),
    hints: new Map([['n2' as NodeId, 6]]),
    antiEntropy: {
      ...{ underway: undefined, last: new Map(), lastOfPartition: new Map() },
      ...{ treesReady: 8, damagedKeys: 0 },
    },
    registry: undefined,
    rebuild: { left: ['n2' as NodeId] },
  };
  const service = createNodeService({
    self: SELF,
    seal: SEAL,
    node: { step: () => [], sizes: () => sizes, view: () => view },
    runtime: {} as Runtime,
    storage: {
      identity: { actor: 'actor' as Actor, counter: 1, sequence: 0, incarnation: 6, complete: true },
      stats: () => ({ healthy: state.healthy, sequence: 8, damaged: 9, pendingWrites: 0 }),
    } as unknown as Storage,
    bus: { peers: () => peers } as unknown as Bus,
    registry: undefined,
    stopping: () => state.stopping,
  });
  return { state, service, document, peers, view };
}

describe('the service of a node', () => {
  it('says what the node is and does, from where each thing is known now', () => {
    const { service, document, peers, view } = createFixture();
    expect(service.status()).toEqual({
      node: SELF,
      actor: 'spare',
      incarnation: 6,
      complete: false,
      ready: true,
      document,
      peers,
      liveness: view.liveness,
      hints: view.hints,
      antiEntropy: view.antiEntropy,
      rebuild: view.rebuild,
      storage: { sequence: 8, damaged: 9 },
      live: { requests: 2, bytes: 3 },
    });
  });

  it.each([
    ['while its storage is not healthy', { healthy: false }],
    ['while it stops', { stopping: true }],
  ])('is not ready %s', (_, change) => {
    const { state, service } = createFixture();
    Object.assign(state, change);
    expect(service.status().ready).toBe(false);
  });

  it('gives the version that a read would give', () => {
    const { service } = createFixture();
    const entry = { actor: 'a' as Actor, counter: 1, timestamp: 1 };
    const record = applyWrite(EMPTY_RECORD, { entry, context: [], value: new Uint8Array([1]) });
    const key = 'k' as Key;
    expect(service.versionOf(key, record)).toBe(encodeVersion(SEAL, key, record.clock));
  });
});
