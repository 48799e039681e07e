import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClusterFiles, openClusterFiles } from '../../../services/node/adapters/cluster-files.js';
import type { Vote } from '../../../services/node/core/protocol/vote.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import type { Cluster, ClusterDocument, NodeId } from '../../../services/node/core/types.js';
import { clusterNode } from '../support/clusterNode.js';

let folder: string;
let directory: string;
let logged: string[];
let drawn: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rondo-cluster-files-'));
  directory = join(folder, 'data', 'node1');
  logged = [];
  drawn = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (): Promise<ClusterFiles> =>
  openClusterFiles({
    directory,
    entropy: { bytes: (count) => new Uint8Array(count).fill(++drawn) },
    log: { log: (level, message) => void logged.push(`${level}: ${message}`) },
  });

const DOCUMENT = foundDocument({
  ...{ clusterId: 'cluster', partitions: 8, replicas: 3 },
  nodes: ['n1', 'n2', 'n3'].map((id) => clusterNode(id)),
});
const CLUSTER: Cluster = { document: DOCUMENT, versionKey: new Uint8Array(32).fill(7) };
const newer = (epoch: number): ClusterDocument => ({ ...DOCUMENT, epoch });
const BALLOT = { round: 3, node: 'n1' as NodeId, proposal: 9 };

const votes = (voter: string): Vote[] => [
  { kind: 'none', voter },
  {
    ...{ kind: 'founding', voter, decided: true },
    proposal: { proposer: 'n1' as NodeId, attempt: 4, ...CLUSTER },
  },
  { kind: 'ballot', voter, epoch: 2, promised: BALLOT },
  {
    ...{ kind: 'ballot', voter, epoch: 2, promised: BALLOT },
    accepted: { ballot: BALLOT, document: newer(2) },
  },
];

type Keeping = (done: (error?: Error) => void) => void;

const kept = (keep: Keeping): Promise<void> =>
  new Promise((resolve, reject) => {
    keep((error) => (error ? reject(error) : resolve()));
  });

const path = (name: string): string => join(directory, name);

describe('what a data directory knows of its cluster', () => {
  it('is nothing at first but a voter that nobody has heard of, which is durable before it is told', async () => {
    const files = await open();
    expect(files.cluster).toBeUndefined();
    expect(files.vote).toEqual({ kind: 'none', voter: '0101010101010101' });
    expect(JSON.parse(await readFile(path('vote.json'), 'utf8'))).toEqual(files.vote);
    expect(await readdir(directory)).toEqual(['vote.json']);
    expect((await open()).vote).toEqual(files.vote);
    expect(drawn).toBe(1);
  });

  it('comes back as it was kept: cluster, newer documents under the same key, votes of every kind', async () => {
    const files = await open();
    await kept((done) => files.keepCluster(CLUSTER, done));
    expect((await open()).cluster).toStrictEqual(CLUSTER);
    await kept((done) => files.keepDocument(newer(5), done));
    expect(files.cluster).toEqual({ ...CLUSTER, document: newer(5) });
    expect((await open()).cluster).toStrictEqual({ ...CLUSTER, document: newer(5) });
    for (const vote of votes(files.vote.voter)) {
      await kept((done) => files.keepVote(vote, done));
      expect((await open()).vote).toStrictEqual(vote);
    }
    expect(logged).toEqual([]);
  });

  it('is readable only by the owner, for one file holds the key of versions', async () => {
    const files = await open();
    await kept((done) => files.keepCluster(CLUSTER, done));
    for (const name of ['cluster.json', 'vote.json']) {
      expect((await stat(path(name))).mode & 0o777).toBe(0o600);
    }
  });

  it('is answered in order, one after the other of a kind, and idle waits for the last', async () => {
    const files = await open();
    const answered: string[] = [];
    const answers = (what: string) => (error?: Error) => void answered.push(error ? `not ${what}` : what);
    files.keepCluster(CLUSTER, (error) => {
      answers('first')(error);
      for (let epoch = 2; epoch <= 9; epoch++) files.keepDocument(newer(epoch), answers(String(epoch)));
    });
    expect(answered).toEqual([]);
    await files.idle();
    expect(answered).toEqual(['first', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect((await open()).cluster?.document.epoch).toBe(9);
    expect(await readdir(directory)).toEqual(['cluster.json', 'vote.json']);
  });

  it('is never the rest of a replacement that a crash cut off', async () => {
    const files = await open();
    await kept((done) => files.keepCluster(CLUSTER, done));
    const text = await readFile(path('cluster.json'), 'utf8');
    await writeFile(path('cluster.json.tmp'), text.slice(0, 100));
    await writeFile(path('vote.json.tmp'), 'more than the next one has, and not JSON'.repeat(500));
    const again = await open();
    expect(again).toMatchObject({ cluster: CLUSTER, vote: files.vote });
    expect(logged).toEqual([]);
    await kept((done) => again.keepDocument(newer(2), done));
    await kept((done) => again.keepVote({ kind: 'none', voter: files.vote.voter }, done));
    expect((await open()).cluster?.document.epoch).toBe(2);
    expect(await readdir(directory)).toEqual(['cluster.json', 'vote.json']);
  });

  it('is only the rest, where the very first writing was cut off: a new voter, whom nobody has heard of', async () => {
    await mkdir(directory, { recursive: true });
    await writeFile(path('vote.json.tmp'), '{"kind":"no');
    expect((await open()).vote).toEqual({ kind: 'none', voter: '0101010101010101' });
  });

  it.each(['', '{"document":', 'null', '7', '[]', '{}', '{"document":{},"versionKey":""}', '\0\0\0'])(
    'a document that reads %j is set aside, said to be lost, and may be learnt again',
    async (content) => {
      const before = await open();
      await writeFile(path('cluster.json'), content);
      const files = await open();
      expect(files).toMatchObject({ cluster: undefined, vote: before.vote });
      expect(await readFile(path('cluster.json.damaged-1'), 'utf8')).toBe(content);
      expect(logged).toEqual([expect.stringMatching(/^error: .*damaged/)]);
      await kept((done) => files.keepCluster(CLUSTER, done));
      expect((await open()).cluster).toEqual(CLUSTER);
    },
  );

  it('a document under a key that is too short is damaged, also where it is sound itself', async () => {
    await mkdir(directory, { recursive: true });
    await writeFile(path('cluster.json'), JSON.stringify({ document: DOCUMENT, versionKey: 'AAAA' }));
    expect((await open()).cluster).toBeUndefined();
    expect(logged).toHaveLength(1);
  });

  it.each([
    '',
    '{',
    'null',
    '{"kind":"none"}',
    '{"kind":"none","voter":"x"}',
    '{"kind":"?","voter":"0101010101010101"}',
  ])('a vote that reads %j counts as lost: set aside, and another voter', async (content) => {
    const first = await open();
    await kept((done) => first.keepCluster(CLUSTER, done));
    await writeFile(path('vote.json'), content);
    const files = await open();
    expect(files).toMatchObject({ cluster: CLUSTER, vote: { kind: 'none', voter: '0202020202020202' } });
    expect(await readFile(path('vote.json.damaged-1'), 'utf8')).toBe(content);
    await writeFile(path('vote.json'), content);
    expect((await open()).vote.voter).toBe('0303030303030303');
    expect(await readdir(directory)).toContain('vote.json.damaged-2');
  });

  it('that cannot be written is answered with the error, and later ones are tried anew', async () => {
    const files = await open();
    await mkdir(path('cluster.json.tmp'));
    await expect(kept((done) => files.keepCluster(CLUSTER, done))).rejects.toThrow();
    expect(files.cluster).toBeUndefined();
    await rm(path('cluster.json.tmp'), { recursive: true });
    await kept((done) => files.keepCluster(CLUSTER, done));
    expect((await open()).cluster).toEqual(CLUSTER);
  });

  it('a document without a cluster is refused', async () => {
    const files = await open();
    await expect(kept((done) => files.keepDocument(newer(2), done))).rejects.toThrow('no cluster');
    await expect(readFile(path('cluster.json'))).rejects.toThrow();
  });

  it('that cannot be read is an error which names the file, and nothing is made in its place', async () => {
    await mkdir(path('vote.json'), { recursive: true });
    await expect(open()).rejects.toThrow(path('vote.json'));
    expect(await readdir(directory)).toEqual(['vote.json']);
  });

  it('in a directory that takes no files is an error: no voter is shown that could be forgotten', async () => {
    await mkdir(directory, { recursive: true });
    await mkdir(path('vote.json.tmp'));
    await expect(open()).rejects.toThrow();
  });
});
