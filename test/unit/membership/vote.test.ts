import { describe, expect, it } from '@jest/globals';
import { compareBallots, voteOf, voteText } from '../../../services/node/core/membership/vote.js';
import type { Vote } from '../../../services/node/core/protocol/vote.js';
import { VoteFile } from '../../../services/node/core/membership/voteFile.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { clusterNode, nameOf } from '../support/clusterNode.js';
import { createPort } from './support/port.js';

const voter = nameOf('voter');
const document = foundDocument({
  ...{ clusterId: 'cluster', partitions: 8, replicas: 1 },
  nodes: [clusterNode('a')],
});
const ballot = (round: number, node = 'a', proposal = 1) => ({ round, node: node as NodeId, proposal });
const proposal = {
  ...{ proposer: 'a' as NodeId, attempt: 3, document },
  versionKey: Uint8Array.from({ length: 32 }, (_, i) => 7 * i),
};

const VOTES: readonly [string, Vote][] = [
  ['none', { kind: 'none', voter }],
  ['a founding', { kind: 'founding', voter, proposal, decided: false }],
  ['a founding that is decided', { kind: 'founding', voter, proposal, decided: true }],
  ['a promise', { kind: 'ballot', voter, epoch: 2, promised: ballot(4) }],
  [
    'an acceptance',
    { kind: 'ballot', voter, epoch: 1, promised: ballot(4), accepted: { ballot: ballot(3), document } },
  ],
];

describe('the vote in its file', () => {
  it.each(VOTES)('%s comes back as it was', (_, vote) => {
    expect(voteOf(voteText(vote))).toEqual(vote);
  });

  const broken = (index: number, change: object): string =>
    JSON.stringify({ ...(JSON.parse(voteText(VOTES[index]![1])) as object), ...change });

  it.each([
    ['nothing', ''],
    ['half of it', voteText(VOTES[4]![1]).slice(0, -9)],
    ['a list', '[]'],
    ['no voter', broken(0, { voter: undefined })],
    ['a voter that is none', broken(0, { voter: 'me' })],
    ['no kind', broken(0, { kind: undefined })],
    ['another kind', broken(0, { kind: 'veto' })],
    ['a ballot without epoch', broken(3, { epoch: -1 })],
    ['a ballot without promise', broken(3, { promised: undefined })],
    ['a promise to nobody', broken(3, { promised: ballot(1, '') })],
    ['a promise of no round', broken(3, { promised: ballot(0.5) })],
    ['an acceptance of nothing', broken(4, { accepted: 7 })],
    ['an acceptance of no document', broken(4, { accepted: { ballot: ballot(1), document: {} } })],
    ['a founding without proposal', broken(1, { proposal: null })],
    ['a founding with a short key', broken(1, { proposal: { ...proposal, versionKey: 'AAAA' } })],
  ])('with %s is not taken for one: it is lost (R7)', (_, text) => {
    expect(() => voteOf(text)).toThrow();
  });
});

describe('ballots', () => {
  it('are ordered by round, then node, then proposal; only the same one is equal', () => {
    const sorted = [ballot(1, 'b', 9), ballot(2, 'a', 1), ballot(2, 'a', 2), ballot(2, 'b', 1), ballot(3)];
    expect([...sorted].reverse().sort(compareBallots)).toEqual(sorted);
    expect(compareBallots(ballot(2, 'a', 1), ballot(2, 'a', 1))).toBe(0);
  });
});

describe('the file of the vote', () => {
  const VOTE = VOTES[3]![1];

  function createFile() {
    const port = createPort();
    const file = new VoteFile({ kind: 'none', voter }, port);
    const heard: unknown[] = [];
    return { port, file, heard, hear: (durable: boolean) => heard.push(durable) };
  }

  it('says nothing of a vote before it is durable', () => {
    const { port, file, heard, hear } = createFile();
    file.keep(VOTE, hear);
    expect([port.votes, heard, file.vote.kind, file.isIdle]).toEqual([[VOTE], [], 'none', false]);
    file.onKept(true);
    expect([heard, file.vote, file.isIdle]).toEqual([[true], VOTE, true]);
  });

  it('goes on with the old vote where the disk refuses', () => {
    const { file, heard, hear } = createFile();
    file.keep(VOTE, hear);
    file.onKept(false);
    expect([heard, file.vote.kind, file.isIdle]).toEqual([[false], 'none', true]);
  });

  it('takes one change at a time; who waits sees the vote of whoever came before', () => {
    const { port, file, heard, hear } = createFile();
    const waiting = (): void => {
      heard.push(file.vote.kind);
      if (file.vote.kind === 'ballot') file.keep({ kind: 'none', voter }, hear);
    };
    file.keep(VOTE, hear);
    file.whenIdle(waiting);
    file.whenIdle(waiting);
    expect(heard).toEqual([]);
    file.onKept(true);
    expect([heard, port.votes.length]).toEqual([[true, 'ballot'], 2]);
    file.onKept(true);
    expect(heard).toEqual([true, 'ballot', true, 'none']);
    expect(() => {
      file.keep(VOTE, hear);
      file.keep(VOTE, hear);
    }).toThrow('invariant violated');
  });

  it('lets only so many wait, and forgets the others (I14)', () => {
    const { file, hear } = createFile();
    let ran = 0;
    file.keep(VOTE, hear);
    for (let i = 0; i < 200; i++) file.whenIdle(() => ran++);
    file.onKept(true);
    expect(ran).toBe(64);
  });

  it('never takes the vote of another voter, nor an answer that it did not ask for', () => {
    const { file, heard, hear } = createFile();
    expect(() => {
      file.keep({ kind: 'none', voter: nameOf('other') }, hear);
    }).toThrow('invariant violated');
    file.onKept(true);
    expect([heard, file.vote.kind]).toEqual([[], 'none']);
  });
});
