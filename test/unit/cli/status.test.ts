import { afterEach, describe, expect, it } from '@jest/globals';
import { startMemoryStore, type MemoryStore } from './support/memoryStore.js';
import { jsonOf, rondo } from './support/run.js';

const started: MemoryStore[] = [];
afterEach(async () => {
  for (const store of started.splice(0)) await store.close();
});

type Change = Readonly<Record<string, unknown>>;

/** Three nodes that know of each other; `changes` are what they say differently. */
async function cluster(changes: readonly Change[] = []): Promise<readonly MemoryStore[]> {
  const stores = [await startMemoryStore(), await startMemoryStore(), await startMemoryStore()];
  started.push(...stores);
  const document = {
    ...{ epoch: 3, clusterId: 'the-cluster', partitions: 8, replicas: 3 },
    nodes: stores.map(({ url }, i) => ({
      ...{ id: `node-${i + 1}`, busAddress: 'x', httpAddress: url, weight: 1, zone: 'z' },
    })),
    tokens: [0, 1, 2, 0, 1, 2, 0, 1],
    placement: Array.from({ length: 8 }, () => ({ now: [0, 1, 2] })),
  };
  stores.forEach((store, i) => {
    const others = document.nodes.map((node) => node.id).filter((_, j) => j !== i);
    store.cluster = {
      ...{
        node: `node-${i + 1}`,
        actor: `actor${i + 1}`,
        incarnation: 1,
        epoch: 3,
        complete: true,
        ready: true,
      },
      ...{ peers: Object.fromEntries(others.map((id) => [id, 'connected'])) },
      ...{ liveness: Object.fromEntries(others.map((id) => [id, 'alive'])) },
      hints: { total: 0, byTarget: {} },
      ...{ live: { requests: i, bytes: 0 }, storage: { sequence: 1234, damaged: 0 }, document },
      ...changes[i],
    };
  });
  return stores;
}

const rowOf = (out: string, node: string): string =>
  out.split('\n').find((line) => line.startsWith(node)) ?? '';

describe('rondo status', () => {
  it('asks every node of the document through any one of them, and exits 0 where all are ready', async () => {
    const [, second] = await cluster();
    const run = await rondo(['status', '--url', second!.url]);
    expect(run.exit).toBe(0);
    expect(run.out).toContain('3 of 3 nodes ready');
    for (const node of ['node-1', 'node-2', 'node-3']) {
      expect(rowOf(run.out, node)).toMatch(/ ready +yes +3 +actor\d +\d +1,234 +0 +2\/2 +2\/2 +0$/);
    }
  });

  it('says what is wrong between a node and Consul, and nothing where all is well', async () => {
    const registry = { reachable: true, registered: true, store: 'same', checks: { 'node-1': true } };
    const [first] = await cluster([
      { registry },
      { registry: { ...registry, reachable: false } },
      { registry: { ...registry, registered: false, store: 'lost', checks: { 'node-1': false } } },
    ]);
    const { out, exit } = await rondo(['status', '--url', first!.url]);
    expect(exit).toBe(0);
    expect(out).not.toMatch(/^node-1 [a-z]+ [a-z]+ [a-z]/m);
    expect(out).toContain('node-2 does not reach Consul.');
    expect(out).toContain('node-3 is not registered in Consul yet.');
    expect(out).toContain('node-3 misses the cluster document in Consul');
    expect(out).toContain('node-3 hears from Consul that node-1 does not pass its check.');
  });

  it('exits 4 where a node is unreachable, and shows the others', async () => {
    const [first, second] = await cluster();
    await second!.close();
    const run = await rondo(['status', '--url', first!.url]);
    expect(run.exit).toBe(4);
    expect(run.out).toContain('2 of 3 nodes ready');
    expect(rowOf(run.out, 'node-2')).toContain('unreachable');
    expect(run.out).toContain('refused the connection');
  });

  it('says which node is not ready, what it does not see and what it has lost', async () => {
    const lame = {
      ...{ ready: false, complete: false, peers: { 'node-1': 'connected', 'node-3': 'unreachable' } },
      ...{ storage: { sequence: 1, damaged: 2 } },
    };
    const [first] = await cluster([{}, lame]);
    const run = await rondo(['status', '--url', first!.url]);
    expect(run.exit).toBe(4);
    expect(rowOf(run.out, 'node-2')).toMatch(/not ready +no .* 2 +1\/2 +2\/2 +0$/);
    expect(run.out).toContain('node-2 sees node-3 as unreachable.');
    expect(run.out).toContain('node-2 has quarantined 2 damaged records');
  });

  it('as JSON gives a state for each node', async () => {
    const [first, , third] = await cluster();
    await third!.close();
    const run = await rondo(['status', '--url', first!.url, '--json']);
    expect(run.exit).toBe(4);
    expect(jsonOf(run)).toMatchObject({
      ...{ success: false, clusterId: 'the-cluster' },
      nodes: [
        { node: 'node-1', state: 'ready', epoch: 3, actor: 'actor1', live: { requests: 0 } },
        { node: 'node-2', state: 'ready' },
        { node: 'node-3', state: 'unreachable' },
      ],
    });
  });

  it('shows whom a node takes for suspect or dead, and what it keeps for whom', async () => {
    const [first] = await cluster([
      {
        ...{ peers: { 'node-2': 'connected', 'node-3': 'unreachable' } },
        ...{ liveness: { 'node-2': 'suspect', 'node-3': 'dead' } },
        hints: { total: 1201, byTarget: { 'node-2': 1, 'node-3': 1200 } },
      },
    ]);
    const run = await rondo(['status', '--url', first!.url]);
    expect(run.exit).toBe(0);
    expect(rowOf(run.out, 'node-1')).toMatch(/ 1\/2 +0\/2 +1,201$/);
    expect(run.out).toContain('node-1 takes node-2 for suspect.');
    expect(run.out).toContain('node-1 sees node-3 as unreachable and takes it for dead.');
    expect(run.out).toContain('node-1 keeps 1 hint for node-2.');
    expect(run.out).toContain('node-1 keeps 1,200 hints for node-3.');
  });

  it('as JSON adds up the hints of all nodes that answer, by target, beside those of each', async () => {
    const [first, , third] = await cluster([
      { hints: { total: 5, byTarget: { 'node-3': 5 } }, liveness: { 'node-2': 'alive', 'node-3': 'dead' } },
      { hints: { total: 4, byTarget: { 'node-3': 3, 'node-1': 1 } } },
      { hints: { total: 9, byTarget: { 'node-1': 9 } } },
    ]);
    await third!.close();
    const run = await rondo(['status', '--url', first!.url, '--json']);
    expect(jsonOf(run)).toMatchObject({
      hints: { total: 9, byTarget: { 'node-1': 1, 'node-3': 8 } },
      nodes: [
        { liveness: { 'node-3': 'dead' }, hints: { total: 5, byTarget: { 'node-3': 5 } } },
        { hints: { total: 4 } },
        { state: 'unreachable' },
      ],
    });
  });

  it('as JSON has zero hints where nobody keeps any', async () => {
    const [first] = await cluster();
    const run = await rondo(['status', '--url', first!.url, '--json']);
    expect(jsonOf(run)['hints']).toEqual({ total: 0, byTarget: {} });
  });

  it('exits 4 where no node answers, or what answers is no cluster', async () => {
    expect(await rondo(['status', '--url', 'http://127.0.0.1:1'])).toMatchObject({ exit: 4, out: '' });
    const [first] = await cluster([{ document: { epoch: 'three' } }]);
    const run = await rondo(['status', '--url', first!.url]);
    expect(run).toMatchObject({ exit: 4, out: '' });
    expect(run.err).toContain('document');
  });
});

describe('rondo ring', () => {
  it('draws the document, in colour only on a terminal that may have it', async () => {
    const [first] = await cluster();
    const argv = ['ring', '--url', first!.url];
    const plain = await rondo(argv);
    expect(plain.exit).toBe(0);
    expect(plain.out).toContain('ABCABCAB');
    expect((await rondo(argv, { outIsTty: true })).out).toContain('\x1b[');
    const noColour = { outIsTty: true, environment: { NO_COLOR: '1' } };
    expect((await rondo(argv, noColour)).out).toBe(plain.out);
  });

  it('as JSON gives figures for each node and the owner of each partition', async () => {
    const [first] = await cluster();
    const run = await rondo(['ring', '--url', first!.url, '--json']);
    expect(jsonOf(run)).toMatchObject({
      ...{ epoch: 3, partitions: 8, replicas: 3, owners: [0, 1, 2, 0, 1, 2, 0, 1] },
      nodes: [
        { node: 'node-1', tokens: 3, placements: 8, share: 0.375 },
        { node: 'node-2', tokens: 3 },
        { node: 'node-3', tokens: 2 },
      ],
    });
  });
});
