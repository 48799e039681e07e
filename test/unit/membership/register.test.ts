import { describe, expect, it } from '@jest/globals';
import { BallotRegister } from '../../../services/node/core/membership/ballotRegister.js';
import type { RegisterMessage } from '../../../services/node/core/membership/register.js';
import { nodeRemoved, readdressed } from '../../../services/node/core/membership/changes.js';
import { documentText } from '../../../services/node/core/membership/documentText.js';
import { type Change, REGISTER_TIMES } from '../../../services/node/core/membership/register.js';
import { spreadOf } from '../../../services/node/core/membership/rounds.js';
import { VoteFile } from '../../../services/node/core/membership/voteFile.js';
import type { MembershipMessage } from '../../../services/node/core/protocol/membershipMessages.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import type { ClusterDocument, NodeId } from '../../../services/node/core/types.js';
import { clusterNode, nameOf } from '../support/clusterNode.js';
import { createPort } from './support/port.js';

const [A, B, C, D] = ['a', 'b', 'c', 'd'] as [NodeId, NodeId, NodeId, NodeId];

const found = (ids: readonly NodeId[] = [A, B, C]): ClusterDocument =>
  foundDocument({
    ...{ clusterId: 'cluster', partitions: 8, replicas: 3 },
    nodes: ids.map((id) => clusterNode(id)),
  });

/** C moves to this address. */
const move =
  (address: string): Change =>
  (document) =>
    readdressed(document, C, { busAddress: address, httpAddress: '' });

const moved = (document: ClusterDocument, ...addresses: readonly string[]): ClusterDocument =>
  addresses.reduce((before, address) => move(address)(before)!, document);

/** Node a (or another); its disk takes everything at the end of each step unless it is held. */
function createScene(document = found(), self = A, voter = clusterNode(self).voter) {
  const port = createPort();
  const file = new VoteFile({ kind: 'none', voter }, port);
  const disk = { isHeld: false, keeps: true };
  const adopted: number[] = [];
  const results: string[] = [];
  const register = new BallotRegister({
    ...{ self, document, file, times: REGISTER_TIMES, jitter: 0.5, port },
    onAdopted: ({ epoch }) => adopted.push(epoch),
  });
  let [votes, documents] = [0, 0];

  function work(): void {
    while (!disk.isHeld && (port.votes.length > votes || port.documents.length > documents)) {
      if (port.votes.length > votes) {
        votes += 1;
        file.onKept(disk.keeps);
      } else {
        documents += 1;
        register.onDocumentKept(disk.keeps);
      }
    }
  }

  return {
    ...{ port, disk, register, adopted, results, work },
    propose: (change: Change): void => {
      register.propose(change, (result) => results.push(result));
      work();
    },
    receive: (from: NodeId, message: RegisterMessage): void => {
      register.onMessage(from, message);
      work();
    },
    elapse: (ms: number): void => {
      for (let passed = 0; passed < ms; passed += 50) {
        port.nowMs += 50;
        register.tick();
        work();
      }
    },
  };
}

type Scene = ReturnType<typeof createScene>;
type Of<T> = Extract<MembershipMessage, { readonly type: T }>;

/** The messages of one type since the last call, of whatever type, and to whom they went. */
function sent<T extends RegisterMessage['type']>(scene: Scene, type: T) {
  return scene.port
    .takeSent()
    .flatMap(([to, message]) => (message.type === type ? [{ to, message: message as Of<T> }] : []));
}

/** Promises what a node is asked to. */
function promise(scene: Scene, from: NodeId, accepted?: { round: number; document: ClusterDocument }): void {
  const asked = sent(scene, 'prepare').find(({ to }) => to === from)!;
  const ballot = { round: accepted?.round ?? 0, node: C, proposal: 1 };
  const answer = {
    status: 'promised',
    ...(accepted && { accepted: { ballot, document: documentText(accepted.document) } }),
  } as const;
  scene.receive(from, { type: 'promise', request: asked.message.request, answer });
}

function accept(scene: Scene, from: NodeId): ClusterDocument {
  const asked = sent(scene, 'accept').find(({ to }) => to === from)!;
  scene.receive(from, { type: 'accepted', request: asked.message.request, answer: { status: 'accepted' } });
  return JSON.parse(asked.message.document) as ClusterDocument;
}

describe('a proposal (R7)', () => {
  it('of a node that is alone is committed by itself', () => {
    const scene = createScene(found([C]), C);
    scene.propose(move('x'));
    expect([scene.results, scene.adopted, scene.register.document]).toEqual([
      ['committed'],
      [2],
      moved(found([C]), 'x'),
    ]);
  });

  it('is committed when a majority has accepted it, and told to all', () => {
    const scene = createScene();
    scene.propose(move('x'));
    promise(scene, B);
    expect([accept(scene, B), scene.results]).toEqual([moved(found(), 'x'), ['committed']]);
    expect(sent(scene, 'document').map(({ to }) => to)).toEqual([B, C]);
  });

  it('counts here only when it is durable here', () => {
    const scene = createScene();
    scene.propose(move('x'));
    promise(scene, B);
    scene.disk.isHeld = true;
    // The vote of this node itself is not durable, but those of two others are.
    const asked = sent(scene, 'accept');
    for (const { to, message } of asked) {
      scene.receive(to, { type: 'accepted', request: message.request, answer: { status: 'accepted' } });
    }
    expect([scene.results, scene.register.document.epoch, scene.port.documents.length]).toEqual([[], 1, 1]);
    scene.disk.isHeld = false;
    scene.work();
    expect([scene.results, scene.register.document.epoch]).toEqual([['committed'], 2]);
  });

  it('is kept again where the disk refuses the document', () => {
    const scene = createScene();
    scene.disk.keeps = false;
    scene.receive(B, { type: 'document', request: 1, document: documentText(moved(found(), 'x')) });
    expect(scene.register.document.epoch).toBe(1);
    scene.disk.keeps = true;
    scene.elapse(1000);
    expect(scene.register.document.epoch).toBe(2);
  });

  it('takes over what somebody had accepted of the highest ballot, then follows on it', () => {
    const scene = createScene(found([A, B, C, D]));
    scene.propose(move('x'));
    scene.disk.isHeld = true;
    const asked = sent(scene, 'prepare');
    const { request } = asked[0]!.message;
    const accepted = (round: number, address: string) => ({
      ballot: { round, node: B, proposal: 1 },
      document: documentText(moved(found([A, B, C, D]), address)),
    });
    scene.receive(B, {
      type: 'promise',
      request,
      answer: { status: 'promised', accepted: accepted(3, 'low') },
    });
    scene.receive(C, {
      type: 'promise',
      request,
      answer: { status: 'promised', accepted: accepted(7, 'high') },
    });
    scene.receive(D, {
      type: 'promise',
      request,
      answer: { status: 'promised', accepted: accepted(5, 'mid') },
    });
    const proposals = sent(scene, 'accept');
    expect(proposals.map(({ message }) => message.document)).toEqual(
      [B, C, D].map(() => accepted(7, 'high').document),
    );
    for (const { to, message } of proposals) {
      scene.receive(to, { type: 'accepted', request: message.request, answer: { status: 'accepted' } });
    }
    scene.disk.isHeld = false;
    scene.work();
    expect([scene.register.document.epoch, scene.results]).toEqual([2, []]);
    promise(scene, B);
    expect(sent(scene, 'accept')).toEqual([]);
  });

  it('says superseded when others come first again and again', () => {
    const scene = createScene();
    scene.propose(move('mine'));
    let document = found();
    for (let i = 0; i < 20 && scene.results.length === 0; i++) {
      document = moved(document, `theirs${i}`);
      scene.receive(B, { type: 'document', request: 1, document: documentText(document) });
    }
    expect([scene.results, scene.adopted.length]).toEqual([['superseded'], 9]);
  });

  it('says committed where another node completed it', () => {
    const scene = createScene();
    scene.propose(move('x'));
    scene.receive(C, { type: 'document', request: 1, document: documentText(moved(found(), 'x')) });
    expect(scene.results).toEqual(['committed']);
  });

  it('says unchanged where there is nothing to change', () => {
    const scene = createScene(moved(found(), 'x'));
    scene.propose(move('x'));
    expect([scene.results, scene.port.sent]).toEqual([['unchanged'], []]);
  });

  it('says failed by its deadline, and so do those that waited behind it (I11)', () => {
    const scene = createScene();
    scene.propose(move('x'));
    scene.propose(move('y'));
    scene.elapse(REGISTER_TIMES.proposeMs - 50);
    expect(scene.results).toEqual([]);
    scene.elapse(50);
    expect(scene.results).toEqual(['failed', 'failed']);
  });

  it('says failed at once where too many wait, or this node is not in the document (I14)', () => {
    const scene = createScene();
    for (let i = 0; i < 9; i++) scene.propose(move(`x${i}`));
    expect(scene.results).toEqual(['failed']);
    const stranger = createScene(found([B, C]), A);
    stranger.propose(move('x'));
    expect([stranger.results, stranger.port.sent]).toEqual([['failed'], []]);
  });

  it('follows the one before it', () => {
    const scene = createScene(found([C]), C);
    scene.disk.isHeld = true;
    for (const address of ['x', 'y', 'z']) scene.propose(move(address));
    scene.disk.isHeld = false;
    scene.work();
    expect([scene.results, scene.adopted]).toEqual([
      ['committed', 'committed', 'committed'],
      [2, 3, 4],
    ]);
  });

  it('may be proposed by whoever was told how the last one ended', () => {
    const scene = createScene(found([C]), C);
    scene.register.propose(move('x'), () => {
      scene.propose(move('y'));
    });
    scene.work();
    expect([scene.results, scene.register.document.epoch]).toEqual([['committed'], 3]);
  });

  it('is asked for by a higher ballot where another was promised more, after a pause', () => {
    const scene = createScene();
    scene.propose(move('x'));
    const asked = sent(scene, 'prepare');
    const promised = { round: 40, node: C, proposal: 1 };
    for (const { to, message } of asked) {
      const answer = { status: 'refused', promised } as const;
      scene.receive(to, { type: 'promise', request: message.request, answer });
    }
    expect(sent(scene, 'prepare')).toEqual([]);
    scene.elapse(REGISTER_TIMES.roundMs);
    expect(sent(scene, 'prepare')[0]?.message.ballot).toMatchObject({ round: 41, node: A });
  });

  it('asks again those that are silent, and only those', () => {
    const scene = createScene(found([A, B, C, D]));
    scene.propose(move('x'));
    promise(scene, B);
    scene.elapse(REGISTER_TIMES.roundMs / 2);
    expect(sent(scene, 'prepare').map(({ to }) => to)).toEqual([C, D]);
  });

  it('does not count one node twice, nor strangers, nor answers to an earlier ballot', () => {
    const scene = createScene(found([A, B, C, D]));
    scene.propose(move('x'));
    const { request } = sent(scene, 'prepare')[0]!.message;
    const answer = { status: 'promised' } as const;
    for (const from of [B, B, 'e' as NodeId]) scene.receive(from, { type: 'promise', request, answer });
    scene.receive(C, { type: 'promise', request: request - 1, answer });
    expect(sent(scene, 'accept')).toEqual([]);
    scene.receive(C, { type: 'promise', request, answer });
    expect(sent(scene, 'accept')).toHaveLength(3);
  });

  it('is told also to a node that it removes', () => {
    const scene = createScene();
    scene.propose((document) => nodeRemoved(document, C));
    promise(scene, B);
    accept(scene, B);
    expect(sent(scene, 'document').map(({ to }) => to)).toEqual([B, C]);
  });

  it('counts a vote of its own only where its vote file is listed', () => {
    const scene = createScene(found(), A, nameOf('new'));
    scene.propose(move('x'));
    promise(scene, B);
    expect([sent(scene, 'accept'), scene.port.votes]).toEqual([[], []]);
  });
});

describe('committed documents spread (R7)', () => {
  const next = moved(found(), 'x');
  const later = moved(next, 'y', 'z');

  it('to a node that hears of a newer epoch: it asks once, and then others', () => {
    const scene = createScene();
    scene.register.onEpochSeen(B, 3);
    scene.register.onEpochSeen(B, 3);
    scene.register.onEpochSeen(C, 4);
    expect(sent(scene, 'fetchDocument').map(({ to }) => to)).toEqual([B]);
    scene.elapse(REGISTER_TIMES.fetchMs);
    scene.elapse(REGISTER_TIMES.fetchMs);
    expect(sent(scene, 'fetchDocument').map(({ to }) => to)).toEqual([B, C]);
    scene.elapse(5000);
    expect(sent(scene, 'fetchDocument')).toEqual([]);
  });

  it('and is not asked for any more when it has come', () => {
    const scene = createScene();
    scene.register.onEpochSeen(B, 2);
    scene.register.onEpochSeen(C, 2);
    scene.receive(B, { type: 'document', request: 1, document: documentText(next) });
    scene.elapse(2000);
    expect(sent(scene, 'fetchDocument').map(({ to }) => to)).toEqual([B]);
    expect(scene.adopted).toEqual([2]);
  });

  it('over several epochs at once; and never back (I13)', () => {
    const scene = createScene();
    for (const document of [later, next, found(), later]) {
      scene.receive(B, { type: 'document', request: 1, document: documentText(document) });
    }
    scene.register.onEpochSeen(C, 2);
    expect([scene.adopted, scene.register.document, scene.port.sent]).toEqual([[4], later, []]);
  });

  it('the newest of those that come while the disk is busy', () => {
    const scene = createScene();
    scene.disk.isHeld = true;
    for (const document of [next, moved(next, 'y'), later]) {
      scene.receive(B, { type: 'document', request: 1, document: documentText(document) });
    }
    expect([scene.register.document.epoch, scene.port.documents.length]).toEqual([1, 1]);
    scene.disk.isHeld = false;
    scene.work();
    expect([scene.adopted, scene.port.documents.length]).toEqual([[2, 4], 2]);
  });

  it.each([
    ['of another cluster', documentText({ ...next, clusterId: 'other' })],
    ['that is not sound', documentText(next).replace('"partitions":8', '"partitions":16')],
    ['that is none', '{'],
  ])('but none %s', (_, document) => {
    const scene = createScene();
    scene.receive(B, { type: 'document', request: 1, document });
    expect([scene.adopted, scene.port.documents]).toEqual([[], []]);
  });

  it('to whoever asks and is behind', () => {
    const scene = createScene(next);
    scene.receive(B, { type: 'fetchDocument', request: 7, epoch: 1 });
    scene.receive(C, { type: 'fetchDocument', request: 8, epoch: 2 });
    expect(scene.port.sent).toEqual([[B, { type: 'document', request: 7, document: documentText(next) }]]);
  });
});

describe('arithmetic of ballots', () => {
  it('pauses differ between nodes and between rounds', () => {
    const numbers = [A, B, C].flatMap((node) => [1, 2, 3, 4].map((round) => spreadOf(0.5, node, round)));
    expect(new Set(numbers).size).toBe(12);
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
  });
});
