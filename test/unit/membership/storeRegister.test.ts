import { describe, expect, it } from '@jest/globals';
import { readdressed } from '../../../services/node/core/membership/changes.js';
import { Store } from '../../../services/node/core/membership/store.js';
import { storedCluster, storedText } from '../../../services/node/core/membership/storedCluster.js';
import { StoreRegister } from '../../../services/node/core/membership/storeRegister.js';
import type { ProposalResult } from '../../../services/node/core/membership/register.js';
import type { SwapResult } from '../../../services/node/core/protocol/store.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import type { ClusterDocument, NodeId } from '../../../services/node/core/types.js';
import { clusterNode } from '../support/clusterNode.js';
import { createPort } from './support/port.js';

const [A, B, C] = ['a', 'b', 'c'] as [NodeId, NodeId, NodeId];
const KEY = new Uint8Array(32).fill(7);
const TIMES = { proposeMs: 5000, roundMs: 800, fetchMs: 300 };

const FIRST = foundDocument({
  ...{ clusterId: 'cluster', partitions: 8, replicas: 3 },
  nodes: [A, B, C].map((id) => clusterNode(id)),
});

const textOf = (document: ClusterDocument): string => storedText({ document, versionKey: KEY });

/** As the node `id` of the document changes it. */
function moved(document: ClusterDocument, id: NodeId, to: string): ClusterDocument {
  const next = readdressed(document, id, { busAddress: to, httpAddress: to });
  if (!next) throw new Error('nothing was moved');
  return next;
}

/** Node A with a store that answers when the test says so. */
function createScene() {
  const port = createPort();
  const results: ProposalResult[] = [];
  const holder: { register?: StoreRegister } = {};
  const store = new Store(port, (held) => holder.register?.onHeld(held));
  const refills: number[] = [];
  const register = new StoreRegister({
    ...{ self: A, cluster: { document: FIRST, versionKey: KEY }, times: TIMES, port, store },
    onAdopted: () => undefined,
    onRefilled: () => refills.push(port.nowMs),
  });
  holder.register = register;
  const elapse = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 20) {
      port.nowMs += 20;
      store.tick();
      register.tick();
    }
  };
  return {
    ...{ port, store, register, results, refills, elapse },
    propose: (to: string): void => {
      const change = (document: ClusterDocument) =>
        readdressed(document, A, { busAddress: to, httpAddress: to });
      register.propose(change, (result) => results.push(result));
    },
    /** The others say that they are in this epoch, to whatever they are asked. */
    answerPings: (epoch: number, nodes: readonly NodeId[] = [B, C]): void => {
      for (const [to, message] of port.takeSent()) {
        if (message.type === 'ping' && nodes.includes(to)) register.onAnswered(to, message.request, epoch);
      }
    },
    answerRead: (index: number, text: string): void => {
      port.nowMs += 1;
      store.onRead({ status: 'read', index, text });
    },
    answerSwap: (result: SwapResult): void => {
      port.nowMs += 1;
      store.onSwapped(result);
    },
    keep: (): void => register.onDocumentKept(true),
  };
}

/** As far as the swap of a first proposal. */
function untilSwap(to = 'x:1') {
  const scene = createScene();
  scene.propose(to);
  scene.elapse(20);
  scene.answerRead(5, textOf(FIRST));
  scene.answerPings(1);
  scene.elapse(20);
  scene.answerRead(5, textOf(FIRST));
  return scene;
}

describe('the register in a store (R7)', () => {
  it('swaps the very document that a change was made on, once a majority knows no newer one', () => {
    const scene = untilSwap();
    expect(scene.port.swaps).toEqual([{ index: 5, text: textOf(moved(FIRST, A, 'x:1')) }]);
    scene.answerSwap('stored');
    scene.keep();
    expect([scene.results, scene.register.document.epoch]).toEqual([['committed'], 2]);
  });

  it('asks nothing of the store for a change before a majority has answered', () => {
    const scene = createScene();
    scene.propose('x:1');
    scene.elapse(200);
    scene.answerRead(5, textOf(FIRST));
    scene.elapse(4000);
    expect(scene.port.swaps).toEqual([]);
    scene.elapse(2000);
    expect(scene.results).toEqual(['failed']);
  });

  it('does not write over a document that is known here, but not durable yet', () => {
    const scene = createScene();
    scene.propose('x:1');
    scene.elapse(20);
    scene.answerRead(5, textOf(FIRST));
    scene.answerPings(1);
    scene.elapse(20);
    // Another node was first: the answer shows it, and it is on its way to the disk.
    const second = moved(FIRST, B, 'y:1');
    scene.answerRead(6, textOf(second));
    expect([scene.port.swaps, scene.port.documents]).toEqual([[], [second]]);
    scene.elapse(300);
    scene.answerRead(6, textOf(second));
    scene.elapse(300);
    expect(scene.port.swaps).toEqual([]);
    scene.keep();
    for (let i = 0; i < 3; i++) {
      scene.elapse(300);
      scene.answerPings(2);
      scene.answerRead(6, textOf(second));
    }
    expect(scene.port.swaps).toEqual([{ index: 6, text: textOf(moved(second, A, 'x:1')) }]);
  });

  it('after a swap of which nobody knows whether it was done, looks, and finds it', () => {
    const scene = untilSwap();
    scene.answerSwap('failed');
    scene.answerRead(6, textOf(moved(FIRST, A, 'x:1')));
    scene.keep();
    expect(scene.results).toEqual(['committed']);
  });

  it('never writes over the document of another cluster', () => {
    const scene = createScene();
    const other = { ...FIRST, clusterId: 'other', epoch: 900 };
    scene.propose('x:1');
    scene.elapse(20);
    for (let i = 0; i < 20; i++) {
      scene.answerPings(1);
      scene.answerRead(5, textOf(other));
      scene.elapse(400);
    }
    expect([scene.port.swaps, scene.register.standing]).toEqual([[], 'foreign']);
  });
});

describe('a store that has lost the document (R8)', () => {
  it('is filled 1000 epochs on, once a majority has answered what was asked since', () => {
    const scene = createScene();
    scene.elapse(20);
    scene.answerRead(0, '');
    scene.elapse(1200);
    expect(scene.port.swaps).toEqual([]);
    scene.answerPings(1, [B]);
    scene.elapse(20);
    const [swap] = scene.port.swaps;
    expect([swap?.index, storedCluster(swap?.text ?? '')?.document.epoch]).toEqual([0, 1001]);
    scene.answerSwap('stored');
    scene.keep();
    expect([scene.register.document.epoch, scene.refills.length]).toEqual([1001, 1]);
  });

  it('is not filled by answers to what was asked before the loss was seen', () => {
    const scene = createScene();
    const before = scene.port.nextNumber();
    scene.elapse(20);
    scene.answerRead(0, '');
    scene.register.onAnswered(B, before, 1);
    scene.register.onAnswered(C, before, 1);
    scene.elapse(3000);
    expect(scene.port.swaps).toEqual([]);
  });

  it('is not filled by a node that is behind', () => {
    const scene = createScene();
    scene.elapse(20);
    scene.answerRead(0, '');
    for (let i = 0; i < 10; i++) {
      scene.elapse(300);
      scene.answerPings(2);
    }
    expect(scene.port.swaps).toEqual([]);
  });

  it('says nothing where it was asked before this node learned of its newest document', () => {
    const scene = createScene();
    scene.elapse(20);
    const second = moved(FIRST, B, 'y:1');
    scene.register.onMessage(B, { type: 'document', request: 1, document: JSON.stringify(second) });
    scene.answerRead(5, textOf(FIRST));
    scene.keep();
    scene.answerPings(2);
    scene.elapse(20);
    scene.answerRead(6, textOf(second));
    scene.elapse(3000);
    expect([scene.port.swaps, scene.register.standing]).toEqual([[], 'same']);
  });
});
