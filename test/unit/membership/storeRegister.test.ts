import { describe, expect, it } from '@jest/globals';
import { readdressed } from '../../../services/node/core/membership/changes.js';
import { documentText } from '../../../services/node/core/membership/documentText.js';
import { type Change, REGISTER_TIMES } from '../../../services/node/core/membership/register.js';
import { Store } from '../../../services/node/core/membership/store.js';
import { storedCluster, storedText } from '../../../services/node/core/membership/storedCluster.js';
import { StoreRegister } from '../../../services/node/core/membership/storeRegister.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import type { ClusterDocument, NodeId } from '../../../services/node/core/types.js';
import { clusterNode } from '../support/clusterNode.js';
import { createPort } from './support/port.js';

const [A, B, C] = ['a', 'b', 'c'] as [NodeId, NodeId, NodeId];
const KEY = new Uint8Array(32).fill(7);

const found = (clusterId = 'cluster'): ClusterDocument =>
  foundDocument({
    ...{ clusterId, partitions: 8, replicas: 3 },
    nodes: [A, B, C].map((id) => clusterNode(id)),
  });

const textOf = (document: ClusterDocument): string => storedText({ document, versionKey: KEY });

const move =
  (address: string): Change =>
  (document) =>
    readdressed(document, C, { busAddress: address, httpAddress: '' });

/** Node a, which has read nothing yet. */
function createScene(document = found()) {
  const port = createPort();
  const adopted: number[] = [];
  const results: string[] = [];
  const scene = { refills: 0 };
  const store: Store = new Store(port, (held) => register.onHeld(held));
  const register = new StoreRegister({
    ...{ self: A, cluster: { document, versionKey: KEY }, times: REGISTER_TIMES, port, store },
    onAdopted: ({ epoch }) => adopted.push(epoch),
    onRefilled: () => scene.refills++,
  });

  /** The question under way is answered; there has to be one. */
  function holds(index: number, text: string): void {
    store.onRead({ status: 'read', index, text });
  }

  function pass(ms: number): void {
    for (let left = ms; left > 0; left -= 50) {
      port.nowMs += 50;
      store.tick();
      register.tick();
    }
  }

  /** Every ping since the last call is answered by these. */
  function answer(epochs: Readonly<Record<string, number>>): void {
    for (const [to, message] of port.takeSent()) {
      const epoch = epochs[to];
      if (message.type === 'ping' && epoch !== undefined) register.onAnswered(to, message.request, epoch);
    }
  }

  return {
    ...{ port, store, register, adopted, results, scene, holds, pass, answer },
    swapped: () => port.swaps.map(({ index, text }) => [index, storedCluster(text)!.document.epoch]),
    propose: (change: Change): void => register.propose(change, (result) => results.push(result)),
  };
}

const EPOCH_1 = { [B]: 1, [C]: 1 };

/** Its document lies in the store, and it wants c to move. */
function createProposer() {
  const scene = createScene();
  scene.pass(50);
  scene.holds(9, textOf(found()));
  scene.propose(move('c:2'));
  scene.pass(50);
  return scene;
}

describe('a change of the document in a store', () => {
  it('takes the place of the one it was made on, once a majority knows no newer one (R7)', () => {
    const { port, register, results, holds, pass, answer, store, swapped } = createProposer();
    pass(4000);
    expect(port.swaps).toEqual([]);
    answer({ [B]: 1 });
    pass(50);
    holds(9, textOf(found()));
    // The first question was another one, which is asked now and then.
    holds(9, textOf(found()));
    expect(swapped()).toEqual([[9, 2]]);
    store.onSwapped('stored');
    expect(port.documents.map(({ epoch }) => epoch)).toEqual([2]);
    register.onDocumentKept(true);
    expect(results).toEqual(['committed']);
  });

  it('is not made where another node answers that it is ahead (R7)', () => {
    const { port, holds, pass, answer } = createProposer();
    answer({ [B]: 2, [C]: 1 });
    pass(500);
    for (let i = 0; i < 3; i++) holds(9, textOf(found()));
    expect(port.swaps).toEqual([]);
  });

  it('is not put in the place of a newer document that is not durable here yet (R7)', () => {
    const { port, register, holds, pass, answer } = createProposer();
    const other = move('c:9')(found())!;
    register.onMessage(B, { type: 'document', request: 1, document: documentText(other) });
    answer(EPOCH_1);
    pass(100);
    holds(10, textOf(other));
    pass(3500);
    holds(10, textOf(other));
    expect(register.document.epoch).toBe(1);
    expect(port.swaps).toEqual([]);
  });

  it('is known to be made when its answer was lost', () => {
    const { port, register, results, holds, pass, answer, store } = createProposer();
    answer(EPOCH_1);
    pass(50);
    holds(9, textOf(found()));
    const [swap] = port.swaps;
    store.onSwapped('failed');
    holds(10, swap!.text);
    register.onDocumentKept(true);
    expect(results).toEqual(['committed']);
  });

  it('is made anew on what came first', () => {
    const { port, register, holds, pass, answer, store, swapped, results } = createProposer();
    const other = readdressed(found(), B, { busAddress: 'b:2', httpAddress: '' })!;
    answer(EPOCH_1);
    pass(50);
    holds(9, textOf(found()));
    store.onSwapped('conflict');
    holds(10, textOf(other));
    register.onDocumentKept(true);
    pass(50);
    answer({ [B]: 2, [C]: 2 });
    pass(50);
    holds(10, textOf(other));
    expect(swapped()).toEqual([
      [9, 2],
      [10, 3],
    ]);
    store.onSwapped('stored');
    register.onDocumentKept(true);
    expect(results).toEqual(['committed']);
    expect(
      port.documents
        .at(-1)!
        .nodes.map(({ busAddress }) => busAddress)
        .slice(1),
    ).toEqual(['b:2', 'c:2']);
  });

  it('needs new answers after the store was away: it may have been put back meanwhile (R7)', () => {
    const { port, holds, pass, answer, store } = createProposer();
    answer(EPOCH_1);
    pass(50);
    store.onRead({ status: 'failed' });
    pass(1000);
    holds(9, textOf(found()));
    pass(1000);
    expect(port.swaps).toEqual([]);
    answer(EPOCH_1);
    pass(50);
    holds(9, textOf(found()));
    expect(port.swaps).toHaveLength(1);
  });

  it('ends by its deadline while the store is away (I11)', () => {
    const { results, pass } = createProposer();
    pass(REGISTER_TIMES.proposeMs);
    expect(results).toEqual(['failed']);
  });
});

describe('a store that has lost the document', () => {
  it.each([
    ['is empty', 0, ''],
    ['holds what is none', 4, 'damaged'],
  ])('is filled when it %s, far ahead, once a majority has answered (R8)', (_, index, text) => {
    const { port, register, holds, pass, answer, store, swapped, scene } = createScene();
    pass(50);
    holds(index, text);
    expect([register.standing, register.isSettled]).toEqual(['lost', false]);
    pass(2000);
    expect(port.swaps).toEqual([]);
    answer({ [B]: 1 });
    pass(50);
    expect(swapped()).toEqual([[index, 1001]]);
    store.onSwapped('stored');
    register.onDocumentKept(true);
    expect([scene.refills, register.document.epoch, register.isSettled]).toEqual([1, 1001, false]);
    register.onEpochSeen(B, 1001);
    expect(register.isSettled).toBe(true);
  });

  it('is not filled on what was answered before', () => {
    const { port, register, holds, pass } = createScene();
    pass(50);
    for (const node of [B, C]) register.onAnswered(node, port.nextNumber(), 1);
    holds(0, '');
    for (const node of [B, C]) register.onAnswered(node, 0, 1);
    pass(5000);
    expect(port.swaps).toEqual([]);
  });

  it('is not filled while another node is ahead; one that is gone for good does not stand in the way for ever (R8)', () => {
    const { port, holds, pass, answer, swapped } = createScene();
    pass(50);
    holds(0, '');
    pass(50);
    answer({ [B]: 1, [C]: 2 });
    pass(9000);
    expect(port.swaps).toEqual([]);
    port.takeSent();
    pass(2000);
    answer({ [B]: 1 });
    pass(1500);
    expect(swapped()).toEqual([[0, 1001]]);
  });

  it('that of another cluster is never overwritten, and neither is a newer one', () => {
    for (const text of [textOf(found('another')), textOf({ ...found(), epoch: 5 })]) {
      const { port, holds, pass, answer } = createScene();
      pass(50);
      holds(3, text);
      pass(50);
      answer(EPOCH_1);
      pass(2000);
      answer(EPOCH_1);
      expect(port.swaps).toEqual([]);
    }
  });

  it('an answer to what was asked before the newest document was heard of says nothing', () => {
    const { register, port, holds, pass, answer } = createScene();
    pass(50);
    const newer = move('c:2')(found())!;
    register.onMessage(B, { type: 'document', request: 1, document: documentText(newer) });
    register.onDocumentKept(true);
    pass(50);
    holds(9, textOf(found()));
    expect(register.standing).toBe('unread');
    pass(1000);
    answer({ [B]: 2, [C]: 2 });
    pass(1000);
    expect(port.swaps).toEqual([]);
    holds(10, textOf(newer));
    expect(register.standing).toBe('same');
  });
});

describe('the store as a node asks it', () => {
  it('is asked again where it may have changed while it was asked', () => {
    const { port, store, holds, pass } = createScene();
    pass(50);
    store.look();
    expect(port.reads).toBe(1);
    holds(9, textOf(found()));
    pass(50);
    expect(port.reads).toBe(2);
  });

  it('is asked now and then though nobody was told of a change, and soon where it did not answer', () => {
    const { port, store, holds, pass } = createScene();
    pass(50);
    holds(9, textOf(found()));
    pass(2500);
    expect(port.reads).toBe(1);
    pass(500);
    expect(port.reads).toBe(2);
    store.onRead({ status: 'failed' });
    pass(500);
    expect(port.reads).toBe(3);
  });

  it('gives who asks meanwhile an answer of their own', () => {
    const { port, store, holds, pass } = createScene();
    pass(50);
    const given: (number | undefined)[] = [];
    store.read((held) => given.push(held?.index));
    holds(9, textOf(found()));
    expect([given, port.reads]).toEqual([[], 2]);
    holds(10, textOf(found()));
    expect(given).toEqual([10]);
  });
});
