import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Bootstrap,
  ClusterFileError,
  keepCluster,
  knowCluster,
  type ListedNode,
  newBootstrap,
  readBootstrap,
  writeJsonDurably,
} from '../../../services/node/clusterFile.js';
import type { NodeId } from '../../../services/node/core/types.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rondo-cluster-file-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const nodes: ListedNode[] = ['n1', 'n2', 'n3'].map((id, i) => ({
  id: id as NodeId,
  busAddress: `127.0.0.1:${i + 1}`,
  httpAddress: `127.0.0.1:${i + 11}`,
  weight: 1,
  zone: '',
}));
const SIZES = { partitions: 8, replicas: 3 };

async function writeBootstrap(bootstrap: object = newBootstrap(nodes, SIZES)): Promise<string> {
  const path = join(folder, 'bootstrap.json');
  await writeFile(path, JSON.stringify(bootstrap));
  return path;
}

/** The data directory of a node that has kept what the list says. */
async function keptDirectory(bootstrap: Bootstrap): Promise<string> {
  const dataDir = join(folder, 'data');
  await keepCluster(dataDir, await knowCluster(dataDir, await writeBootstrap(bootstrap)));
  return dataDir;
}

describe('a bootstrap list', () => {
  it('is its own for each cluster: other id, other key', () => {
    const [a, b] = [newBootstrap(nodes, SIZES), newBootstrap(nodes, SIZES)];
    expect(a.clusterId).not.toBe(b.clusterId);
    expect(a.versionKey).not.toBe(b.versionKey);
    expect(Buffer.from(a.versionKey, 'base64')).toHaveLength(32);
  });

  it('comes back from its file as it was written', async () => {
    const bootstrap = newBootstrap(nodes, SIZES);
    const path = join(folder, 'list.json');
    await writeJsonDurably(path, bootstrap);
    expect(await readBootstrap(path)).toEqual(bootstrap);
  });

  it('is undefined where there is no file', async () => {
    expect(await readBootstrap(join(folder, 'none.json'))).toBeUndefined();
  });

  it.each<[string, object]>([
    ['no nodes', { nodes: [] }],
    ['a node twice', { nodes: [...nodes, nodes[0]] }],
    ['partitions that are no power of two', { partitions: 12 }],
    ['no replicas', { replicas: 0 }],
    ['a key that is too short', { versionKey: 'AAAA' }],
    ['no key', { versionKey: undefined }],
    ['a cluster id that is not a text', { clusterId: 7 }],
  ])('is refused, and named, with %s', async (_, change) => {
    const path = await writeBootstrap({ ...newBootstrap(nodes, SIZES), ...change });
    const reading = readBootstrap(path);
    await expect(reading).rejects.toThrow(ClusterFileError);
    await expect(reading).rejects.toThrow(path);
  });

  it.each(['', '{', 'null', '7', '"text"', '\0\0\0'])(
    'is refused where the file holds %j',
    async (content) => {
      const path = join(folder, 'list.json');
      await writeFile(path, content);
      await expect(readBootstrap(path)).rejects.toThrow(ClusterFileError);
    },
  );
});

describe('what a node knows of its cluster', () => {
  it('is worked out from the list for a new directory, alike on all nodes, and not kept yet', async () => {
    const path = await writeBootstrap();
    const known = await knowCluster(join(folder, 'data1'), path);
    expect(known).toMatchObject({ isKept: false, document: { epoch: 1, nodes } });
    expect(known.versionSecret).toHaveLength(32);
    expect((await knowCluster(join(folder, 'data2'), path)).document).toEqual(known.document);
    expect(await readdir(folder)).toEqual(['bootstrap.json']);
  });

  it('comes from the directory afterwards, also without the list', async () => {
    const bootstrap = newBootstrap(nodes, SIZES);
    const dataDir = await keptDirectory(bootstrap);
    const known = await knowCluster(dataDir, '');
    expect(known).toMatchObject({ isKept: true, document: { clusterId: bootstrap.clusterId } });
    expect(Buffer.from(known.versionSecret).toString('base64')).toBe(bootstrap.versionKey);
  });

  it('takes addresses from the list, and nothing else: the ring stays as it was', async () => {
    const bootstrap = newBootstrap(nodes, SIZES);
    const dataDir = await keptDirectory(bootstrap);
    const before = await knowCluster(dataDir, '');
    const moved = nodes.slice(0, 2).map((node) => ({ ...node, busAddress: 'moved:1', weight: 9 }));
    const after = await knowCluster(
      dataDir,
      await writeBootstrap({ ...bootstrap, nodes: moved, replicas: 1 }),
    );

    expect(after.document.nodes.map(({ busAddress }) => busAddress)).toEqual([
      'moved:1',
      'moved:1',
      '127.0.0.1:3',
    ]);
    expect(after.document.nodes.map(({ weight }) => weight)).toEqual([1, 1, 1]);
    expect({ ...after.document, nodes: [] }).toEqual({ ...before.document, nodes: [] });
  });

  it('is not mixed with the list of another cluster', async () => {
    const dataDir = await keptDirectory(newBootstrap(nodes, SIZES));
    const other = await writeBootstrap(newBootstrap(nodes, SIZES));
    await expect(knowCluster(dataDir, other)).rejects.toThrow('is of another cluster');
  });

  it('is nothing without a list and without a kept document', async () => {
    await expect(knowCluster(join(folder, 'data'), '')).rejects.toThrow('--bootstrap');
    await expect(knowCluster(join(folder, 'data'), join(folder, 'none'))).rejects.toThrow(
      'no bootstrap list',
    );
  });

  it.each(['', '{"document":', 'null', '[]', '{}', '{"document":{},"versionKey":""}'])(
    'is never guessed where the kept file is damaged: %j',
    async (content) => {
      const bootstrap = newBootstrap(nodes, SIZES);
      const dataDir = await keptDirectory(bootstrap);
      await writeFile(join(dataDir, 'cluster.json'), content);
      for (const list of ['', await writeBootstrap(bootstrap)]) {
        const knowing = knowCluster(dataDir, list);
        await expect(knowing).rejects.toThrow(ClusterFileError);
        await expect(knowing).rejects.toThrow(join(dataDir, 'cluster.json'));
      }
    },
  );

  it('is refused where the file cannot be read', async () => {
    await expect(readBootstrap(folder)).rejects.toThrow('cannot be read');
  });
});

describe('writeJsonDurably', () => {
  it('makes the folders, replaces the file and leaves nothing beside it', async () => {
    const path = join(folder, 'a', 'b', 'file.json');
    await writeJsonDurably(path, { n: 1 });
    await writeFile(`${path}.tmp`, 'the rest of a write that a crash cut off, longer than the next');
    await writeJsonDurably(path, { n: 2 });
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ n: 2 });
    expect(await readdir(join(folder, 'a', 'b'))).toEqual(['file.json']);
  });

  it('lets only the owner read: the file holds a key', async () => {
    const path = join(folder, 'file.json');
    await writeJsonDurably(path, {});
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });
});
