import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ClassicLevel } from 'classic-level';
import { clusterOf, clusterText } from '../../../services/node/adapters/cluster-files/clusterText.js';
import { voteOf, voteText } from '../../../services/node/core/membership/vote.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { clusterNode } from '../support/clusterNode.js';
import { inTempFolder, jsonOf, rondo } from './support/run.js';

const versionKey = new Uint8Array(32).fill(7);
const IDS = ['n1', 'n2', 'n3', 'n4', 'n5'];
const LOST = ['--lost', 'n3,n4', '--lost', 'n5'];
const DO = [...LOST, '--accept-loss', '--yes'];

function documentOf(epoch = 1) {
  const nodes = IDS.map((id) => clusterNode(id));
  return { ...foundDocument({ clusterId: 'old', partitions: 16, replicas: 3, nodes }), epoch };
}

/** The data directory of a node that has founded the cluster and does not run. */
async function directoryOf(folder: string, node: string, epoch = 1): Promise<string> {
  const dir = join(folder, node);
  const [document, { voter }] = [documentOf(epoch), clusterNode(node)];
  const proposal = { proposer: node as NodeId, attempt: 1, versionKey, document: documentOf() };
  await mkdir(dir);
  await writeFile(join(dir, 'node.json'), JSON.stringify({ nodeId: node }));
  await writeFile(join(dir, 'cluster.json'), clusterText({ document, versionKey }));
  await writeFile(join(dir, 'vote.json'), voteText({ kind: 'founding', voter, proposal, decided: true }));
  const database = new ClassicLevel(join(dir, 'db'));
  await database.open();
  await database.close();
  return dir;
}

const clusterIn = async (dir: string) => clusterOf(await readFile(join(dir, 'cluster.json'), 'utf8'));
const recover = (dir: string, ...args: string[]) => rondo(['recover', '--data-dir', dir, ...args]);

async function contents(dir: string): Promise<string[]> {
  const names = (await readdir(dir)).filter((name) => name !== 'db').sort();
  return Promise.all(names.map(async (name) => `${name}: ${await readFile(join(dir, name), 'utf8')}`));
}

describe('rondo recover', () => {
  it('without --accept-loss says what would be lost, writes nothing, and exits 2', async () => {
    await inTempFolder(async (folder) => {
      const dir = await directoryOf(folder, 'n1');
      const before = await contents(dir);
      const run = await recover(dir, ...LOST);
      expect(run).toMatchObject({ exit: 2, out: '' });
      expect(run.err).toContain('nothing was done');
      expect(run.err).toMatch(/Of 16 partitions, \d+ have fewer copies/);
      expect(run.err).toMatch(/partitions have NO complete copy left/);
      expect(run.err).toContain('--accept-loss');
      expect(jsonOf(await recover(dir, ...LOST, '--json'))).toMatchObject({
        error: { code: 'loss_not_accepted' },
      });
      expect(await contents(dir)).toEqual(before);
    });
  });

  it('gives every survivor the same document, with the key of versions; again, it was done already', async () => {
    await inTempFolder(async (folder) => {
      const [one, two] = [await directoryOf(folder, 'n1'), await directoryOf(folder, 'n2')];
      const run = await recover(one, ...DO);
      expect(run.exit).toBe(0);
      const { clusterId } = (await clusterIn(one)).document;
      expect(run.out).toContain(`epoch 1 → 1001, cluster id ${clusterId}`);
      expect(run.out).toContain('same command on every other survivor (n2)');
      const second = await recover(two, '--lost', 'n5,n4,n3', '--accept-loss', '--yes', '--json');
      expect(jsonOf(second)).toMatchObject({ success: true, already: false, clusterId, epoch: 1001 });
      expect(await clusterIn(two)).toEqual(await clusterIn(one));
      expect((await clusterIn(one)).versionKey).toEqual(versionKey);

      const after = await contents(one);
      const again = await recover(one, ...LOST);
      expect(again).toMatchObject({ exit: 0 });
      expect(again.out).toContain('n1 was recovered already');
      expect(again.out).toContain(clusterId);
      expect(await contents(one)).toEqual(after);
    });
  });

  it('leaves a vote that cannot lead back into the old cluster, of the voter that is listed', async () => {
    await inTempFolder(async (folder) => {
      const [one, two] = [await directoryOf(folder, 'n1'), await directoryOf(folder, 'n2')];
      await writeFile(join(two, 'vote.json'), 'damaged');
      for (const dir of [one, two]) {
        await recover(dir, ...DO);
        const vote = voteOf(await readFile(join(dir, 'vote.json'), 'utf8'));
        const { voter } = clusterNode(dir === one ? 'n1' : 'n2');
        expect(vote).toMatchObject({ kind: 'ballot', voter, epoch: 1001 });
      }
    });
  });

  it('asks for the name of the node, unless told --yes', async () => {
    await inTempFolder(async (folder) => {
      const dir = await directoryOf(folder, 'n1');
      const argv = ['recover', '--data-dir', dir, ...LOST, '--accept-loss'];
      expect(await rondo(argv)).toMatchObject({ exit: 2 });
      expect(await rondo(argv, { answer: 'n2' })).toMatchObject({ exit: 2 });
      expect((await clusterIn(dir)).document.clusterId).toBe('old');
      expect(await rondo(argv, { answer: 'n1' })).toMatchObject({ exit: 0 });
      expect((await clusterIn(dir)).document.clusterId).not.toBe('old');
    });
  });

  it.each([
    ['a node that is not there', ['--lost', 'n3,n4,n9'], 'the cluster has no node n9'],
    ['the owner of the directory', ['--lost', 'n1,n4,n5'], 'that of n1, which is named as lost'],
    ['fewer than half', ['--lost', 'n4,n5'], '3 of 5 nodes would survive'],
    ['nobody', [], 'either who is --lost'],
    ['both ways', ['--lost', 'n3', '--document', 'x'], 'either who is --lost'],
    ['a file that is not there', ['--document', '/nonexistent/file'], 'there is no file'],
  ])('refuses %s, and exits 2', async (_, args, message) => {
    await inTempFolder(async (folder) => {
      const run = await recover(await directoryOf(folder, 'n1'), ...args, '--accept-loss', '--yes');
      expect(run).toMatchObject({ exit: 2, out: '' });
      expect(run.err).toContain(message);
    });
  });

  it('refuses a folder that is no data directory, or belongs to no cluster, and says what to do', async () => {
    await inTempFolder(async (folder) => {
      expect(await recover(folder, ...DO)).toMatchObject({ exit: 2 });
      await writeFile(join(folder, 'node.json'), JSON.stringify({ nodeId: 'n1' }));
      const run = await recover(folder, ...DO);
      expect(run).toMatchObject({ exit: 2 });
      expect(run.err).toContain('belongs to no cluster');
      await writeFile(join(folder, 'cluster.json'), '{}');
      const damaged = await recover(folder, ...DO);
      expect(damaged).toMatchObject({ exit: 2 });
      expect(damaged.err).toContain('does not say which cluster');
    });
  });

  it('refuses while the node is running, and exits 3', async () => {
    await inTempFolder(async (folder) => {
      const dir = await directoryOf(folder, 'n1');
      const database = new ClassicLevel(join(dir, 'db'));
      await database.open();
      try {
        const run = await recover(dir, ...DO, '--json');
        expect(run.exit).toBe(3);
        expect(jsonOf(run)).toMatchObject({ error: { code: 'node_in_use' } });
      } finally {
        await database.close();
      }
      expect(await recover(dir, ...DO)).toMatchObject({ exit: 0 });
    });
  });

  it('with --document adopts what another survivor has, where their epochs differed', async () => {
    await inTempFolder(async (folder) => {
      const [one, two] = [await directoryOf(folder, 'n1', 3), await directoryOf(folder, 'n2', 2)];
      await recover(one, ...DO);
      await recover(two, ...DO);
      expect((await clusterIn(two)).document.clusterId).not.toBe((await clusterIn(one)).document.clusterId);
      const file = join(one, 'cluster.json');
      expect(await recover(two, '--document', file)).toMatchObject({ exit: 2 });
      const adopt = ['--document', file, '--accept-loss', '--yes'];
      expect(await recover(two, ...adopt)).toMatchObject({ exit: 0 });
      expect(await clusterIn(two)).toEqual(await clusterIn(one));
      expect((await recover(two, ...adopt)).out).toContain('recovered already');
    });
  });

  it('adopts neither an older document, nor one of a foreign cluster, nor one without this node', async () => {
    await inTempFolder(async (folder) => {
      const dir = await directoryOf(folder, 'n1', 5);
      const file = join(folder, 'copy.json');
      const document = { ...documentOf(6), clusterId: 'new' };
      const others = {
        ...document,
        nodes: document.nodes.map((node) => ({ ...node, id: `x${node.id}` as NodeId })),
      };
      for (const [cluster, message] of [
        [{ document: { ...document, epoch: 5 }, versionKey }, 'is not newer'],
        [{ document, versionKey: new Uint8Array(32) }, 'never in'],
        [{ document: others, versionKey }, 'does not list n1'],
      ] as const) {
        await writeFile(file, clusterText(cluster));
        const run = await recover(dir, '--document', file, '--accept-loss', '--yes');
        expect(run).toMatchObject({ exit: 2 });
        expect(run.err).toContain(message);
      }
      expect((await clusterIn(dir)).document.clusterId).toBe('old');
    });
  });
});
