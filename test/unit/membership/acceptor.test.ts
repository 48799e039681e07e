import { describe, expect, it } from '@jest/globals';
import { Acceptor } from '../../../services/node/core/membership/acceptor.js';
import { readdressed } from '../../../services/node/core/membership/changes.js';
import { documentText } from '../../../services/node/core/membership/documentText.js';
import { Documents } from '../../../services/node/core/membership/documents.js';
import type { Vote } from '../../../services/node/core/protocol/vote.js';
import { VoteFile } from '../../../services/node/core/membership/voteFile.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import type { ClusterDocument, NodeId } from '../../../services/node/core/types.js';
import { clusterNode, nameOf } from '../support/clusterNode.js';
import { createPort } from './support/port.js';

const [A, B, C] = ['a', 'b', 'c'] as [NodeId, NodeId, NodeId];
const { voter } = clusterNode('a');
const ballot = (round: number, node = B) => ({ round, node, proposal: round });

const found = (clusterId = 'cluster'): ClusterDocument =>
  foundDocument({
    ...{ clusterId, partitions: 8, replicas: 3 },
    nodes: ['a', 'b', 'c'].map((id) => clusterNode(id)),
  });

/** The document of an epoch; others of the same epoch have another address of c. */
function at(epoch: number, address = 'x', clusterId?: string): ClusterDocument {
  let document = found(clusterId);
  for (let i = 2; i <= epoch; i++) {
    const addresses = { busAddress: `${address}${i}`, httpAddress: '' };
    document = readdressed(document, C, addresses)!;
  }
  return document;
}

const text = (...args: Parameters<typeof at>): string => documentText(at(...args));

/** Node a in an epoch, whose disk takes everything at once unless a test says otherwise. */
function createAcceptor(epoch: number, kept: Vote = { kind: 'none', voter }) {
  const port = createPort();
  const disk = { keeps: true, isHeld: false };
  const file = new VoteFile(kept, {
    keepVote: (vote) => {
      port.keepVote(vote);
      if (!disk.isHeld)
        queue.push(() => {
          file.onKept(disk.keeps);
        });
    },
  });
  const queue: (() => void)[] = [];
  const documents = new Documents({
    ...{ document: at(epoch), port, fetchMs: 500 },
    onAdopted: () => undefined,
  });
  const acceptor = new Acceptor({ self: A, file, documents });
  const answers: unknown[] = [];
  const hear = (answer: unknown): void => void answers.push(answer);
  const work = (): void => {
    for (let write = queue.shift(); write; write = queue.shift()) write();
  };
  return {
    ...{ port, disk, file, documents, work },
    prepare: (round: number, node = B, of = epoch + 1): unknown => {
      acceptor.prepare(node, of, ballot(round, node), hear);
      work();
      return answers.pop();
    },
    accept: (round: number, document = text(epoch + 1), node = B): unknown => {
      acceptor.accept(node, ballot(round, node), document, hear);
      work();
      return answers.pop();
    },
  };
}

const PROMISED = { status: 'promised' };
const ACCEPTED = { status: 'accepted' };

describe('what a node votes on the next document (R7)', () => {
  it('promises a ballot, and accepts it, durably', () => {
    const { prepare, accept, port } = createAcceptor(1);
    expect([prepare(1), accept(1)]).toEqual([PROMISED, ACCEPTED]);
    expect(port.votes).toEqual([
      { kind: 'ballot', voter, epoch: 2, promised: ballot(1) },
      {
        kind: 'ballot',
        voter,
        epoch: 2,
        promised: ballot(1),
        accepted: { ballot: ballot(1), document: at(2) },
      },
    ]);
  });

  it('answers a doubled question as before, without another write', () => {
    const { prepare, accept, port } = createAcceptor(1);
    expect([prepare(1), prepare(1), accept(1), accept(1)]).toEqual([PROMISED, PROMISED, ACCEPTED, ACCEPTED]);
    expect(port.votes).toHaveLength(2);
  });

  it('refuses what is lower than its promise, and says how high that is', () => {
    const { prepare, accept } = createAcceptor(1);
    prepare(5, C);
    const refused = { status: 'refused', promised: ballot(5, C) };
    expect([prepare(4), accept(4), prepare(5, B), accept(5)]).toEqual([refused, refused, refused, refused]);
    expect([prepare(6), accept(6)]).toEqual([PROMISED, ACCEPTED]);
  });

  it('accepts a higher ballot that it was not asked to promise, and promises it by that', () => {
    const { accept, prepare } = createAcceptor(1);
    const refused = { status: 'refused', promised: ballot(7) };
    expect([prepare(3), accept(7), prepare(6), accept(6)]).toEqual([PROMISED, ACCEPTED, refused, refused]);
  });

  it('tells a newer ballot what it accepted, also after it accepted another', () => {
    const { prepare, accept } = createAcceptor(1);
    accept(1, text(2, 'x'));
    const first = { ballot: ballot(1), document: text(2, 'x') };
    expect([prepare(2), prepare(3)]).toEqual([
      { ...PROMISED, accepted: first },
      { ...PROMISED, accepted: first },
    ]);
    accept(3, text(2, 'y'));
    expect(prepare(4)).toEqual({ ...PROMISED, accepted: { ballot: ballot(3), document: text(2, 'y') } });
  });

  it('knows it all again after a restart', () => {
    const before = createAcceptor(1);
    before.accept(3);
    const after = createAcceptor(1, before.file.vote);
    expect(after.prepare(2)).toEqual({ status: 'refused', promised: ballot(3) });
    expect(after.prepare(4)).toMatchObject({ accepted: { ballot: ballot(3) } });
  });

  it('says nothing before it is durable, nor where the disk refuses', () => {
    const held = createAcceptor(1);
    held.disk.isHeld = true;
    expect([held.prepare(1), held.prepare(2)]).toEqual([undefined, undefined]);
    const refusing = createAcceptor(1);
    refusing.disk.keeps = false;
    expect([refusing.prepare(1), refusing.accept(1)]).toEqual([undefined, undefined]);
    refusing.disk.keeps = true;
    expect(refusing.prepare(1)).toEqual(PROMISED);
  });

  it('begins anew with each epoch', () => {
    const { vote } = (() => {
      const { accept, file } = createAcceptor(1);
      accept(9);
      return file;
    })();
    expect(createAcceptor(2, vote).prepare(1)).toEqual(PROMISED);
  });
});

describe('where a node does not vote (R7)', () => {
  it.each([
    ['a document does not list its vote file', { kind: 'none', voter: nameOf('new') } as const],
    [
      'it has voted on a later epoch, under a document that it lost',
      { kind: 'ballot', voter, epoch: 3, promised: ballot(1) } as const,
    ],
  ])('%s', (_, kept) => {
    const { prepare, accept, port } = createAcceptor(1, kept);
    expect([prepare(5), accept(5), port.votes, port.sent]).toEqual([undefined, undefined, [], []]);
  });

  it('the epoch is decided: the proposer is told the document', () => {
    const { prepare, accept, port } = createAcceptor(3);
    expect([prepare(9, B, 3), accept(9, text(2), C), port.votes]).toEqual([undefined, undefined, []]);
    expect(port.sent).toMatchObject([
      [B, { type: 'document', document: text(3) }],
      [C, { type: 'document', document: text(3) }],
    ]);
  });

  it('it does not know the document before: it asks the proposer for that', () => {
    const { prepare, port } = createAcceptor(1);
    expect([prepare(9, B, 4), port.votes]).toEqual([undefined, []]);
    expect(port.sent).toMatchObject([[B, { type: 'fetchDocument', epoch: 1 }]]);
  });

  it.each([
    ['no document', 'null'],
    ['half a document', text(2).slice(1)],
    ['the document of another cluster', text(2, 'x', 'other')],
    ['a document that is not sound', text(2).replace('"replicas":3', '"replicas":0')],
  ])('%s is proposed', (_, proposed) => {
    const { accept, port } = createAcceptor(1);
    expect([accept(1, proposed), port.votes]).toEqual([undefined, []]);
  });
});
