import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readStartConfig, type StartConfig } from '../../../services/node/config.js';
import {
  addressOf,
  checkPorts,
  keepCluster,
  portsOf,
  prepareData,
  SupervisorError,
} from '../../../services/node/localCluster.js';

let folder: string;
let warnings: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rondo-local-cluster-'));
  warnings = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function configOf(flags: Readonly<Record<string, string>> = {}): StartConfig {
  const result = readStartConfig({ data: join(folder, 'data'), ...flags }, {});
  if (!result.ok) throw new Error(result.faults.join());
  return result.config;
}

const prepare = (flags?: Readonly<Record<string, string>>) =>
  prepareData(configOf(flags), (message) => warnings.push(message));

describe('the data folder of several nodes', () => {
  it('is given its nodes on the first start, with ports for each', async () => {
    const { cluster, path } = await prepare({ port: '9000', nodes: '2' });
    expect(path).toBe(join(folder, 'data', 'cluster.json'));
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(cluster);
    expect(cluster).toEqual({
      nodes: [
        { id: 'node1', httpPort: 9000, busPort: 9100 },
        { id: 'node2', httpPort: 9001, busPort: 9101 },
      ],
      ...{ partitions: 256, replicas: 3, founded: false },
    });
    expect(warnings).toEqual([]);
  });

  it('stays the same on the next start, on other ports if need be', async () => {
    const { cluster: first, path } = await prepare();
    await keepCluster(path, { ...first, founded: true });
    const { cluster: second } = await prepare({ port: '9500', busPort: '9700' });
    expect({ ...second, nodes: [] }).toEqual({ ...first, nodes: [], founded: true });
    expect(second.nodes.map(({ busPort }) => busPort)).toEqual([9700, 9701, 9702]);
  });

  it('keeps the sizes that it was made with, and says so', async () => {
    await prepare({ partitions: '16', replicas: '2' });
    const { cluster } = await prepare();
    expect(cluster).toMatchObject({ partitions: 16, replicas: 2 });
    expect(warnings).toEqual([expect.stringContaining('2 replicas and 16 partitions')]);
  });

  it('is refused for another number of nodes, and stays as it is', async () => {
    const { path } = await prepare();
    const before = await readFile(path, 'utf8');
    await expect(prepare({ nodes: '4' })).rejects.toThrow(SupervisorError);
    await expect(prepare({ nodes: '4' })).rejects.toThrow('start with --nodes 3');
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  it('is refused where its file is damaged, which is left for a person to look at', async () => {
    const { path } = await prepare();
    for (const content of [
      '{"nodes":',
      'null',
      '[]',
      '{"nodes":[],"partitions":8,"replicas":3,"founded":true}',
    ]) {
      await writeFile(path, content);
      await expect(prepare()).rejects.toThrow(SupervisorError);
      expect(await readFile(path, 'utf8')).toBe(content);
    }
  });

  it('is refused where no folder can be made, with what to do', async () => {
    await writeFile(join(folder, 'data'), 'a file');
    await expect(prepare()).rejects.toThrow(SupervisorError);
    await expect(prepare()).rejects.toThrow('--data');
  });
});

describe('the address of a node on this machine', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1:80'],
    ['::1', '[::1]:80'],
    ['0.0.0.0', '127.0.0.1:80'],
    ['::', '[::1]:80'],
    ['host.example', 'host.example:80'],
  ])('that listens on %s is %s', (host, address) => {
    expect(addressOf(host, 80)).toBe(address);
  });
});

describe('the ports', () => {
  it('follow the first, those of the bus 100 above it unless they are given', () => {
    expect([0, 2].map((index) => portsOf(configOf({ port: '9000' }), index))).toEqual([
      { http: 9000, bus: 9100 },
      { http: 9002, bus: 9102 },
    ]);
    expect(portsOf(configOf({ port: '9000', busPort: '7000' }), 1)).toEqual({ http: 9001, bus: 7001 });
  });

  it('are refused where those of HTTP and of the bus overlap', async () => {
    const check = checkPorts(configOf({ nodes: '3', port: '9000', busPort: '9002' }));
    await expect(check).rejects.toThrow(SupervisorError);
    await expect(check).rejects.toThrow('overlap');
  });

  it.each(['port', 'busPort'])(
    'are refused where --%s names one that is taken, by its number',
    async (name) => {
      const taken = createServer();
      const free = createServer();
      const [used, unused] = await Promise.all([listen(taken), listen(free)]);
      await close(free);
      const flags = { nodes: '1', port: String(unused), busPort: String(unused), [name]: String(used) };
      try {
        const check = checkPorts(configOf(flags));
        await expect(check).rejects.toThrow(SupervisorError);
        await expect(check).rejects.toThrow(`Port ${used} on 127.0.0.1 is already in use`);
      } finally {
        await close(taken);
      }
    },
  );
});

function listen(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function close(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
