import { describe, expect, it } from '@jest/globals';
import { FoundingStore } from '../../../services/node/core/membership/foundingStore.js';
import { Store } from '../../../services/node/core/membership/store.js';
import { storedText } from '../../../services/node/core/membership/storedCluster.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { clusterNode } from '../support/clusterNode.js';
import { createPort } from './support/port.js';

const [A, B] = ['a', 'b'] as [NodeId, NodeId];
const versionKey = new Uint8Array(32);
const document = foundDocument({
  ...{ clusterId: 'cluster', partitions: 8, replicas: 1 },
  nodes: [clusterNode(A)],
});
const text = storedText({ document, versionKey });

function createScene(self = A) {
  const port = createPort();
  const store = new Store(port, () => undefined);
  const founding = new FoundingStore(self, store);
  return {
    port,
    store,
    founding,
    held: (index: number, held: string) => ({ index, text: held, askedAtMs: 0 }),
  };
}

describe('founding in a store', () => {
  it('waits until the store was seen to be empty (R8)', () => {
    const { founding, held } = createScene();
    expect(founding.trouble).toEqual({ code: 'store_unread' });
    expect(founding.onHeld(held(0, ''))).toBeUndefined();
    expect(founding.trouble).toBeUndefined();
  });

  it('is barred by a cluster of others, and by what cannot be read', () => {
    const { founding, held } = createScene(B);
    expect(founding.onHeld(held(3, text))).toBeUndefined();
    expect(founding.trouble).toEqual({ code: 'not_in_store', epoch: 1 });
    expect(founding.onHeld(held(4, '{'))).toBeUndefined();
    expect(founding.trouble).toEqual({ code: 'store_damaged' });
  });

  it('gives the cluster that lists this node, with its key', () => {
    const { founding, held } = createScene();
    expect(founding.onHeld(held(3, text))).toEqual({ document, versionKey });
  });

  it.each([
    ['stored', 1],
    ['conflict', 0],
    ['failed', 0],
  ] as const)('%s: document 1 is decided only where it was the first', (result, decided) => {
    const { founding, store, port } = createScene();
    let done = 0;
    const commit = () => founding.commit({ proposer: A, attempt: 1, versionKey, document }, () => done++);
    commit();
    // One at a time.
    commit();
    expect(port.swaps).toEqual([{ index: 0, text }]);
    store.onSwapped(result);
    expect([done, port.reads]).toEqual([decided, 1 - decided]);
  });
});
