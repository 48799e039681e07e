import { describe, expect, it } from '@jest/globals';
import { documentOf, documentText } from '../../../services/node/core/membership/documentText.js';
import {
  Founding,
  FOUNDING_TIMES,
  type FoundingMessage,
} from '../../../services/node/core/membership/founding.js';
import { foundingNode } from '../../../services/node/core/membership/foundingVotes.js';
import type { Cluster } from '../../../services/node/core/types.js';
import type { Vote } from '../../../services/node/core/protocol/vote.js';
import { VoteFile } from '../../../services/node/core/membership/voteFile.js';
import type { Candidate } from '../../../services/node/core/protocol/membershipMessages.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import type { Actor, ClusterDocument, NodeId } from '../../../services/node/core/types.js';
import { nameOf } from '../support/clusterNode.js';
import { createPort } from './support/port.js';

const [A, B, C, D] = ['a', 'b', 'c', 'd'] as [NodeId, NodeId, NodeId, NodeId];
const TIMES = { ...FOUNDING_TIMES, settleMs: 200, keepMs: 2000, askMs: 200 };
const KEY = new Uint8Array(32).fill(1);

/** Another life of the directory has another actor and voter. */
const candidate = (id: NodeId, directory = 1, address = `${id}:1`): Candidate => ({
  id,
  actor: nameOf('actor', id, directory) as Actor,
  voter: nameOf('voter', id, directory),
  ...{ busAddress: address, httpAddress: `${id}:2`, weight: 1, zone: '' },
});

const documentOfThese = (candidates: readonly Candidate[], clusterId = 'a-cluster'): ClusterDocument =>
  foundDocument({ clusterId, partitions: 8, replicas: 3, nodes: candidates.map(foundingNode) });

interface SceneOptions {
  readonly self?: NodeId;
  readonly expects?: number;
  readonly vote?: Vote;
  readonly cluster?: Cluster;
  /** Nodes that do not answer. */
  readonly silent?: readonly NodeId[];
}

/** One node; its disk takes everything at the end of each step unless it is held. */
function createScene({ self = A, expects = 3, vote, cluster, silent = [] }: SceneOptions = {}) {
  const port = createPort();
  const disk = { isHeld: false, keeps: true };
  const file = new VoteFile(vote ?? { kind: 'none', voter: candidate(self).voter }, port);
  const founded: Cluster[] = [];
  const founding = new Founding({
    ...{ self: candidate(self), expects, partitions: 8, replicas: 3, incarnation: 5, file, port },
    ...{ clusterId: `${self}-cluster`, versionKey: KEY, times: TIMES },
    ...(cluster && { cluster }),
    isAlive: (node) => !silent.includes(node),
    onFounded: (known) => founded.push(known),
  });
  let [votes, clusters] = [0, 0];

  function work(): void {
    while (!disk.isHeld && (port.votes.length > votes || port.clusters.length > clusters)) {
      if (port.votes.length > votes) {
        votes += 1;
        file.onKept(disk.keeps);
      } else {
        clusters += 1;
        founding.onClusterKept(disk.keeps);
      }
    }
  }

  const receive = (from: NodeId, message: FoundingMessage): void => {
    founding.onMessage(from, message);
    work();
  };
  const hello = (who: Candidate, { epoch = 0, expects: n = 3, known = [] as Candidate[] } = {}): void => {
    receive(who.id, { type: 'hello', request: 1, candidate: who, expects: n, epoch, known });
  };

  return {
    ...{ port, disk, file, founding, founded, receive, hello, work },
    /** Time passes in which these nodes go on saying hello. */
    elapse: (ms: number, who: readonly Candidate[] = [], options?: Parameters<typeof hello>[1]): void => {
      for (let passed = 0; passed < ms; passed += 50) {
        for (const each of who) hello(each, options);
        port.nowMs += 50;
        founding.tick();
        work();
      }
    },
    found: (proposer: NodeId, document: ClusterDocument, attempt = 5): void => {
      const text = documentText(document);
      receive(proposer, { type: 'found', request: 9, attempt, versionKey: KEY, document: text });
    },
    /** What was sent of this type since the last call, of whatever type. */
    sent: (type: FoundingMessage['type']) =>
      port.takeSent().flatMap(([to, message]) => (message.type === type ? [{ to, message }] : [])),
    troubles: () => founding.view().troubles,
  };
}

type Scene = ReturnType<typeof createScene>;

/** The votes that a scene has answered, oldest first. */
const answers = (scene: Scene) =>
  scene.sent('foundVote').map(({ message }) => message.type === 'foundVote' && message.answer);

/** Answers every question that is under way. */
function voteAll(scene: Scene, voters: readonly NodeId[]): void {
  for (const { to, message } of scene.sent('found')) {
    if (message.type !== 'found' || !voters.includes(to)) continue;
    const { request, attempt } = message;
    scene.receive(to, { type: 'foundVote', request, attempt, answer: { status: 'voted' } });
  }
}

const THREE = [candidate(A), candidate(B), candidate(C)];
const OTHERS = [candidate(B), candidate(C)];

describe('a cluster is founded (R8)', () => {
  it('by the node with the smallest id, when it has the votes of all', () => {
    const scene = createScene();
    scene.elapse(400, OTHERS);
    expect(scene.file.vote).toMatchObject({ kind: 'founding', decided: false, proposal: { proposer: A } });
    voteAll(scene, [B]);
    expect(scene.founded).toEqual([]);
    scene.elapse(400, OTHERS);
    voteAll(scene, [C]);
    expect(scene.file.vote).toMatchObject({ kind: 'founding', decided: true });
    expect(scene.founded).toEqual([{ document: documentOfThese(THREE), versionKey: KEY }]);
    const told = scene
      .sent('founded')
      .map(({ to, message }) => [to, message.type === 'founded' && message.document]);
    const text = documentText(documentOfThese(THREE));
    expect(told).toEqual([
      [B, text],
      [C, text],
    ]);
  });

  it('by a node alone where one is expected', () => {
    const scene = createScene({ expects: 1 });
    scene.elapse(400);
    expect(scene.founded[0]?.document).toEqual(documentOfThese([candidate(A)]));
  });

  it('only once its view has been the same for a while', () => {
    const scene = createScene();
    scene.elapse(150, OTHERS);
    expect(scene.port.votes).toEqual([]);
  });

  it('by no other node than the first', () => {
    const scene = createScene({ self: B });
    scene.elapse(1000, [candidate(A), candidate(C)]);
    expect(scene.port.votes).toEqual([]);
  });

  it('not while its own vote, or the decision, is not durable', () => {
    const scene = createScene();
    scene.disk.isHeld = true;
    scene.elapse(400, OTHERS);
    expect(scene.sent('found')).toEqual([]);
    scene.disk.isHeld = false;
    scene.work();
    scene.disk.keeps = false;
    voteAll(scene, [B, C]);
    expect([scene.founded, scene.sent('founded')]).toEqual([[], []]);
    scene.disk.keeps = true;
    scene.elapse(200, OTHERS);
    expect(scene.founded).toHaveLength(1);
  });

  it('again from the same proposal after a restart, and from the decision where there is one', () => {
    const before = createScene();
    before.elapse(400, OTHERS);
    const after = createScene({ vote: before.file.vote });
    after.elapse(400, OTHERS);
    expect(after.port.votes).toEqual([]);
    expect(after.sent('found').map(({ message }) => message.type === 'found' && message.attempt)).toContain(
      5,
    );
    voteAll(before, [B, C]);
    const decided = createScene({ vote: { ...before.file.vote, decided: true } as Vote });
    decided.elapse(50);
    expect(decided.founded).toEqual([{ document: documentOfThese(THREE), versionKey: KEY }]);
  });

  it('by a newer attempt where a candidate was made anew', () => {
    const scene = createScene();
    scene.elapse(400, OTHERS);
    voteAll(scene, [B]);
    const anew = [candidate(B), candidate(C, 2)];
    scene.elapse(400, anew);
    expect(scene.file.vote).toMatchObject({
      proposal: {
        attempt: 6,
        document: { clusterId: 'a-cluster', nodes: [{}, {}, foundingNode(candidate(C, 2))] },
      },
    });
    voteAll(scene, [C]);
    expect(scene.founded).toEqual([]);
    scene.elapse(400, anew);
    voteAll(scene, [B]);
    expect(scene.founded[0]?.document).toEqual(documentOfThese([candidate(A), ...anew]));
  });

  it('by an attempt above the one that a voter is bound to', () => {
    const scene = createScene();
    scene.elapse(400, OTHERS);
    const [asked] = scene.sent('found');
    if (asked?.message.type !== 'found') throw new Error('nobody was asked');
    const { request, attempt } = asked.message;
    scene.receive(B, { type: 'foundVote', request, attempt, answer: { status: 'bound', attempt: 70 } });
    scene.elapse(200, OTHERS);
    expect(scene.file.vote).toMatchObject({ proposal: { attempt: 71 } });
  });

  it('not with votes of strangers, of other attempts, or for what an earlier life asked', () => {
    const scene = createScene();
    scene.elapse(400, OTHERS);
    const [asked] = scene.sent('found');
    if (asked?.message.type !== 'found') throw new Error('nobody was asked');
    const { request, attempt } = asked.message;
    const vote = (from: NodeId, of: object): void => {
      scene.receive(from, { type: 'foundVote', request, attempt, answer: { status: 'voted' }, ...of });
    };
    vote(B, {});
    vote(D, {});
    vote(C, { attempt: attempt - 1 });
    vote(C, { request: request - 1 });
    vote(C, { answer: { status: 'refused' } });
    expect(scene.founded).toEqual([]);
    vote(C, {});
    expect(scene.founded).toHaveLength(1);
  });
});

describe('nothing is founded (R8)', () => {
  it.each<[string, (scene: Scene) => void, object]>([
    [
      'with more candidates than expected',
      (scene) => {
        scene.elapse(1000, [...OTHERS, candidate(D)]);
      },
      { code: 'too_many_candidates', nodes: [A, B, C, D] },
    ],
    [
      'where others expect another number',
      (scene) => {
        scene.elapse(1000, OTHERS, { expects: 4 });
      },
      { code: 'other_expectation', node: B, expects: 4 },
    ],
    [
      'where somebody has a document, also when it has gone again',
      (scene) => {
        scene.hello(candidate(D), { epoch: 7 });
        scene.elapse(5000, OTHERS);
      },
      { code: 'not_listed', node: D, epoch: 7 },
    ],
    [
      'where two nodes take turns under one id',
      (scene) => {
        for (let i = 0; i < 5; i++) scene.elapse(100, [candidate(B, 1 + (i % 2)), candidate(C)]);
        scene.elapse(1000, OTHERS);
      },
      { code: 'same_id', node: B },
    ],
    [
      'where another node says hello under the same id',
      (scene) => {
        scene.hello(candidate(A, 2));
        scene.elapse(1000, OTHERS);
      },
      { code: 'same_id', node: A },
    ],
  ])('%s, and that is reported', (_, happen, trouble) => {
    const scene = createScene();
    happen(scene);
    expect([scene.port.votes, scene.troubles()[0]]).toEqual([[], trouble]);
  });

  it('by a node whose vote says that it was in a cluster', () => {
    const promised = { round: 1, node: B, proposal: 1 };
    const vote: Vote = { kind: 'ballot', voter: candidate(A).voter, epoch: 4, promised };
    const scene = createScene({ vote });
    scene.founding.onPeer(B);
    scene.elapse(1000, OTHERS);
    expect([scene.port.votes, scene.troubles()]).toEqual([[], [{ code: 'document_lost' }]]);
    expect(
      scene.sent('hello').every(({ message }) => message.type === 'hello' && message.expects === 0),
    ).toBe(true);
  });

  it('by a node that was not told how many to expect', () => {
    const scene = createScene({ expects: 0 });
    scene.elapse(1000, OTHERS);
    scene.found(A, documentOfThese(THREE));
    expect(scene.port.votes).toEqual([]);
  });

  it('with candidates of whom nothing was heard lately, or that do not found', () => {
    const scene = createScene();
    scene.elapse(100, [candidate(B)]);
    scene.elapse(2500);
    scene.elapse(1000, [candidate(C)]);
    expect(scene.founding.view().candidates).toEqual([A, C]);
    scene.elapse(1000, [candidate(B)], { expects: 0 });
    expect(scene.port.votes).toEqual([]);
  });

  it('of candidates that make no sound document', () => {
    const scene = createScene();
    scene.elapse(1000, [candidate(B), { ...candidate(C), weight: 0 }]);
    scene.elapse(3000, [candidate(B), { ...candidate(C), actor: candidate(B).actor }]);
    expect(scene.port.votes).toEqual([]);
  });
});

describe('who gets the vote of a node (R8)', () => {
  const document = documentOfThese(THREE);
  const VOTED = { status: 'voted' };
  const REFUSED = { status: 'refused' };

  it('the first who asks; and again, without another write', () => {
    const scene = createScene({ self: B });
    scene.found(A, document);
    scene.found(A, document);
    expect([answers(scene), scene.port.votes.length]).toEqual([[VOTED, VOTED], 1]);
    expect(scene.file.vote).toMatchObject({
      proposal: { proposer: A, attempt: 5, versionKey: KEY, document },
    });
  });

  it('nobody before it is durable, nor where the disk refuses', () => {
    const scene = createScene({ self: B });
    scene.disk.keeps = false;
    scene.found(A, document);
    scene.disk.isHeld = true;
    scene.found(A, document);
    expect(answers(scene)).toEqual([]);
  });

  const other = documentOfThese([candidate(A), candidate(B, 2), candidate(C)]);

  it.each<[string, NodeId, ClusterDocument, number, object]>([
    ['another proposer', B, documentOfThese([candidate(B), candidate(C), candidate(D)]), 9, REFUSED],
    ['an older attempt', A, other, 4, { status: 'bound', attempt: 5 }],
    ['another attempt of the same number', A, other, 5, { status: 'bound', attempt: 5 }],
    ['a newer attempt of the same proposer', A, other, 6, VOTED],
    [
      'a proposer made anew that asks all of those again',
      A,
      documentOfThese([candidate(A, 2), candidate(B, 2), candidate(C)], 'new'),
      6,
      VOTED,
    ],
    [
      'a proposer made anew that does not',
      A,
      documentOfThese([candidate(A, 2), candidate(C), candidate(D)], 'new'),
      6,
      REFUSED,
    ],
  ])('of one that is bound, %s: as it has to be', (_, proposer, proposed, attempt, answer) => {
    const scene = createScene({ self: C });
    scene.found(A, document);
    scene.found(proposer, proposed, attempt);
    expect(answers(scene)).toEqual([VOTED, answer]);
  });

  it.each<[string, NodeId, ClusterDocument]>([
    [
      'a document that lists an earlier directory of it',
      A,
      documentOfThese([candidate(A), candidate(B, 2), candidate(C)]),
    ],
    ['a document that does not list it', A, documentOfThese([candidate(A), candidate(C), candidate(D)])],
    ['fewer nodes than it expects', A, documentOfThese([candidate(A), candidate(B)])],
    ['a proposer that is not the first', C, document],
    ['a document of a later epoch', A, { ...document, epoch: 2 }],
  ])('not %s', (_, proposer, proposed) => {
    const scene = createScene({ self: B });
    scene.found(proposer, proposed);
    expect([answers(scene), scene.port.votes]).toEqual([[REFUSED], []]);
  });

  it('nobody where somebody has a document, or two nodes run under its own id', () => {
    const seeing = createScene({ self: B });
    seeing.hello(candidate(D), { epoch: 3 });
    seeing.found(A, document);
    const doubled = createScene({ self: B });
    doubled.hello(candidate(B, 2));
    doubled.found(A, document);
    expect([answers(seeing), answers(doubled)]).toEqual([[REFUSED], [REFUSED]]);
  });

  it('stays with it after a restart', () => {
    const before = createScene({ self: B });
    before.found(A, document);
    const after = createScene({ self: B, vote: before.file.vote });
    after.found(A, documentOfThese([candidate(A), candidate(B), candidate(C, 2)]), 4);
    expect(answers(after)).toEqual([{ status: 'bound', attempt: 5 }]);
    expect(after.troubles()).toEqual([{ code: 'bound', proposer: A }]);
  });
});

describe('a node learns of its cluster (R8)', () => {
  const document = documentOfThese(THREE);
  const text = documentText(document);
  const founded = { type: 'founded', request: 1, versionKey: KEY, document: text } as const;

  it('from any that tells it, and belongs to it once that is durable', () => {
    const scene = createScene({ self: B });
    scene.disk.isHeld = true;
    scene.receive(C, founded);
    expect([scene.founded, scene.founding.view().founded]).toEqual([[], false]);
    scene.disk.isHeld = false;
    scene.work();
    expect([scene.founded, scene.founding.view().founded]).toEqual([[{ document, versionKey: KEY }], true]);
  });

  it('also where its directory is another now, and where the disk refuses at first', () => {
    const vote: Vote = { kind: 'none', voter: nameOf('other') };
    const scene = createScene({ self: B, vote });
    scene.disk.keeps = false;
    scene.receive(C, founded);
    scene.disk.keeps = true;
    scene.elapse(1000);
    expect(scene.founded).toEqual([{ document, versionKey: KEY }]);
  });

  it('but from no document that does not list it, or is none', () => {
    const scene = createScene({ self: D });
    scene.receive(A, founded);
    scene.receive(A, { ...founded, document: '{}' });
    expect(scene.port.clusters).toEqual([]);
  });

  it('and tells others: those that it lists all, those that it does not only that it is there', () => {
    const scene = createScene({ cluster: { document, versionKey: KEY } });
    scene.hello(candidate(B));
    expect(scene.port.takeSent()).toMatchObject([
      [B, { type: 'hello', epoch: 1, expects: 0, known: [{ id: A }, { id: B }, { id: C }] }],
      [B, { type: 'founded', document: text, versionKey: KEY }],
    ]);
    scene.hello(candidate(B));
    expect(scene.port.takeSent()).toMatchObject([[B, { type: 'hello' }]]);
    scene.founding.onDocument({ ...document, epoch: 4 });
    scene.hello(candidate(D));
    expect(scene.port.takeSent()).toMatchObject([[D, { type: 'hello', epoch: 4 }]]);
    scene.hello(candidate(B), { epoch: 1 });
    expect(scene.port.takeSent()).toEqual([]);
  });

  it('and tells the others where it is for as long as it is listed elsewhere', () => {
    const moved = documentOfThese([candidate(A, 1, 'a:9'), ...OTHERS]);
    const scene = createScene({ cluster: { document: moved, versionKey: KEY } });
    scene.elapse(100);
    const hello = { type: 'hello', candidate: { id: A, busAddress: 'a:1' }, expects: 0, epoch: 1 };
    expect(scene.port.takeSent()).toMatchObject([
      [B, hello],
      [C, hello],
    ]);
    scene.elapse(1000);
    expect(scene.port.takeSent()).toHaveLength(4);
    scene.founding.onDocument({ ...document, epoch: 2 });
    scene.elapse(1000);
    expect(scene.port.takeSent()).toEqual([]);
  });

  it('and those that do not answer in any case: they may not know where to send it', () => {
    const scene = createScene({ cluster: { document, versionKey: KEY }, silent: [C] });
    scene.elapse(100);
    const hello = { type: 'hello', candidate: { id: A, busAddress: 'a:1' }, expects: 0, epoch: 1 };
    expect(scene.port.takeSent()).toMatchObject([[C, hello]]);
  });

  it('and finds one that it lists where that says it is, but none that it does not list', () => {
    const scene = createScene({ cluster: { document, versionKey: KEY } });
    scene.hello(candidate(B, 1, 'b:9'), { epoch: 1 });
    scene.hello(candidate(D, 1, 'd:9'), { epoch: 1 });
    expect(scene.port.connected).toEqual([[B, 'b:9']]);
    expect(scene.port.takeSent()).toEqual([]);
  });

  it('and tells a proposer that comes too late', () => {
    const scene = createScene({ self: B, cluster: { document, versionKey: KEY } });
    scene.found(A, documentOfThese([candidate(A, 2), candidate(B), candidate(C)]));
    expect(scene.port.takeSent()).toMatchObject([
      [A, { type: 'hello', epoch: 1 }],
      [A, { type: 'founded' }],
    ]);
  });
});

describe('how nodes find each other', () => {
  it('greets those that the bus reaches, and those that others speak of', () => {
    const scene = createScene();
    scene.founding.onPeer(B);
    scene.elapse(100);
    expect(scene.sent('hello').map(({ to }) => to)).toContain(B);
    scene.hello(candidate(B), { known: [candidate(C)] });
    scene.elapse(100);
    const hellos = scene.sent('hello');
    expect(new Set(hellos.map(({ to }) => to))).toEqual(new Set([B, C]));
    expect(hellos[0]?.message).toMatchObject({
      candidate: candidate(A),
      expects: 3,
      epoch: 0,
      known: [candidate(B)],
    });
    expect(scene.port.connected).toEqual([
      [B, 'b:1'],
      [C, 'c:1'],
    ]);
    expect(scene.founding.view().candidates).toEqual([A, B]);
  });

  it('tells the bus where a node is found, once for each address', () => {
    const scene = createScene();
    scene.hello(candidate(B));
    scene.hello(candidate(B));
    scene.hello(candidate(B, 1, 'elsewhere:1'));
    scene.hello(candidate(C), { known: [candidate(B)] });
    expect(scene.port.connected).toEqual([
      [B, 'b:1'],
      [B, 'elsewhere:1'],
      [C, 'c:1'],
    ]);
  });

  it('takes a hello only from the node that it speaks of', () => {
    const scene = createScene();
    const said = {
      type: 'hello',
      request: 1,
      candidate: candidate(B),
      expects: 3,
      epoch: 9,
      known: [],
    } as const;
    scene.receive(C, said);
    expect([scene.founding.view().candidates, scene.troubles()]).toEqual([[A], []]);
  });

  it('one that was made anew, and is heard a last time as it was, is no double', () => {
    const scene = createScene();
    scene.hello(candidate(B));
    scene.hello(candidate(B, 2));
    scene.hello(candidate(B));
    scene.hello(candidate(B, 2));
    expect(scene.troubles()).toEqual([]);
  });

  it('speaks of at most 64 at a time, and of the others at the next (I14)', () => {
    const scene = createScene();
    const many = Array.from({ length: 100 }, (_, i) => candidate(`n${i}` as NodeId));
    for (const each of many) scene.hello(each);
    scene.elapse(200);
    const told = scene
      .sent('hello')
      .flatMap(({ message }) => (message.type === 'hello' ? [message.known] : []));
    expect(Math.max(...told.map((known) => known.length))).toBe(64);
    expect(new Set(told.flat().map(({ id }) => id)).size).toBe(100);
  });
});

describe('documents on their way', () => {
  it('come back as they were, and what is no document does not', () => {
    const document = documentOfThese(THREE);
    expect(documentOf(documentText(document))).toEqual(document);
    expect([documentOf(''), documentOf('[]'), documentOf(' '.repeat(1024 * 1024 + 1))]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('fit also with 4,096 partitions of five replicas on 300 nodes', () => {
    const nodes = Array.from({ length: 300 }, (_, i) => foundingNode(candidate(`node-${i}` as NodeId)));
    const placement = Array.from({ length: 4096 }, (_, i) => ({
      now: Array.from({ length: 5 }, (_replica, k) => (i + k) % 300),
      since: 123_456_789,
    }));
    const document: ClusterDocument = {
      ...{ epoch: 123_456_789, clusterId: 'large', partitions: 4096, replicas: 5, nodes },
      ...{ placement, tokens: placement.map(({ now }) => now[0]!) },
    };
    expect(documentOf(documentText(document))).toEqual(document);
  });
});
