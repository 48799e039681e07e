import { afterEach, describe, expect, it } from '@jest/globals';
import { startMemoryStore, type MemoryStore, type Reply } from './support/memoryStore.js';
import { jsonOf, rondo } from './support/run.js';

const started: MemoryStore[] = [];
afterEach(async () => {
  for (const store of started.splice(0)) await store.close().catch(() => undefined);
});

type Fields = Record<string, unknown>;
type Liveness = Record<string, string>;

interface Node {
  readonly store: MemoryStore;
  readonly cluster: Fields & { antiEntropy: Fields; liveness: Liveness };
}

const ok = (body: unknown): Reply => ({ status: 200, body });
const refused = (status: number, code: string, outcome = 'none'): Reply => ({
  status,
  body: { success: false, error: { code, message: `${code}.`, outcome } },
});

/** Three nodes, of which each two hold every partition together. */
async function cluster(states: readonly string[] = []): Promise<readonly [Node, Node, Node]> {
  const stores = [await startMemoryStore(), await startMemoryStore(), await startMemoryStore()];
  started.push(...stores);
  const document = {
    ...{ epoch: 3, clusterId: 'the-cluster', partitions: 8, replicas: 3 },
    nodes: stores.map(({ url }, i) => ({
      ...{ id: `node-${i + 1}`, actor: `actor${i + 1}`, state: states[i] ?? 'complete' },
      ...{ busAddress: `bus:${i + 1}`, httpAddress: url, weight: 1, zone: 'z' },
    })),
    tokens: [0, 1, 2, 0, 1, 2, 0, 1],
    placement: Array.from({ length: 8 }, () => ({ now: [0, 1, 2] })),
  };
  const nodes = stores.map((store, i) => {
    const others = document.nodes.map((node) => node.id).filter((_, j) => j !== i);
    const said: Node['cluster'] = {
      ...{ node: `node-${i + 1}`, actor: `actor${i + 1}`, incarnation: 1, epoch: 3 },
      ...{ complete: true, ready: true },
      peers: Object.fromEntries(others.map((id) => [id, 'connected'])),
      liveness: Object.fromEntries(others.map((id) => [id, 'alive'])),
      hints: { total: 0, byTarget: {} },
      ...{ live: { requests: i, bytes: 0 }, storage: { sequence: 1234, damaged: 0 }, document },
      antiEntropy: { underway: null, last: {}, lastOfPartition: {}, treesReady: 8, damagedKeys: 0 },
      rebuild: null,
    };
    store.cluster = said;
    return { store, cluster: said };
  });
  return nodes as unknown as readonly [Node, Node, Node];
}

describe('rondo where', () => {
  const found = {
    status: 'found',
    hash: '00000000000abc',
    version: 'AbCd',
    values: 2,
    tombstone: false,
    bytes: 40,
  };
  const whereabouts = (second: Fields, third: Fields = { status: 'missing' }) => ({
    ...{ key: 'Z3JlZXRpbmc=', position: '00112233445566ff', partition: 5, epoch: 3 },
    primaries: [
      { node: 'node-1', ...found },
      { node: 'node-2', ...second },
    ],
    fallbacks: [{ node: 'node-3', ...third }],
  });

  async function asked(body: unknown, ...args: string[]) {
    const [{ store }] = await cluster();
    const paths: string[] = [];
    store.internal = (method, path) => {
      paths.push(`${method} ${path}`);
      return ok(body);
    };
    const run = await rondo(['where', ...args, '--url', store.url]);
    return { run, paths };
  }

  it('shows position, partition and epoch, and what each node holds, primaries in their order', async () => {
    const { run, paths } = await asked(whereabouts({ status: 'damaged' }), 'greeting');
    expect(paths).toEqual(['GET /internal/where/Z3JlZXRpbmc']);
    expect(run.exit).toBe(0);
    expect(run.out).toContain('greeting: position 00112233445566ff, partition 5, epoch 3');
    expect(run.out).toMatch(/primary +node-1 +found +2 +40 bytes +00000abc +AbCd\n/);
    expect(run.out).toMatch(/primary +node-2 +damaged/);
    expect(run.out).toMatch(/fallback +node-3 +missing/);
    expect(run.out.indexOf('node-1')).toBeLessThan(run.out.indexOf('node-2'));
  });

  it('says whether the primaries hold the same, and what to do where they do not', async () => {
    expect((await asked(whereabouts(found), 'k')).run.out).toContain('Every primary holds the same record');
    const { run } = await asked(whereabouts({ status: 'missing' }), 'k');
    expect(run.out).toContain('rondo repair --partition 5');
    const away = await asked(whereabouts({ status: 'silent' }), 'k');
    expect(away.run.out).toContain('Not every primary can tell');
  });

  it('exits 1 where nobody holds it, takes keys in base64, and prints JSON', async () => {
    const nowhere = { ...whereabouts({}), primaries: [{ node: 'node-1', status: 'missing' }] };
    const { run, paths } = await asked(nowhere, 'AAEC', '--key-base64', '--json');
    expect([run.exit, paths]).toEqual([1, ['GET /internal/where/AAEC']]);
    expect(jsonOf(run)).toEqual(nowhere);
  });

  it('lets nothing of a node steer the terminal', async () => {
    const { run } = await asked(whereabouts({ status: '\x1b[2J' }), 'a\x1b[2Jkey');
    expect(run.out).not.toContain('\x1b');
  });
});

describe('rondo nodes', () => {
  it('lists state, liveness and hints of each, with the epoch first', async () => {
    const [first, , third] = await cluster();
    first.cluster.liveness['node-2'] = 'dead';
    first.cluster['hints'] = { total: 4, byTarget: { 'node-2': 4 } };
    third.cluster['hints'] = { total: 2, byTarget: { 'node-2': 2 } };
    const run = await rondo(['nodes', '--url', first.store.url]);
    expect(run.exit).toBe(4);
    expect(run.out).toMatch(/^epoch 3: 3 of 3 nodes complete, 3 replicas, cluster the-cluster\n/);
    expect(run.out).toMatch(/node-1 .* bus:1 +complete +asked +0 +1 +z +actor1/);
    expect(run.out).toMatch(/node-2 .* complete +dead +6 /);
  });

  it('shows how far a rebuild is, and exits 4 until it is over', async () => {
    const [first, second] = await cluster(['complete', 'rebuilding', 'complete']);
    second.cluster['rebuild'] = { left: ['node-1', 'node-3'] };
    const underway = { number: 1, peer: 'node-1', partitionsLeft: 5, keysPulled: 1234 };
    second.cluster.antiEntropy = { ...second.cluster.antiEntropy, underway };
    const run = await rondo(['nodes', '--url', first.store.url]);
    expect(run.exit).toBe(4);
    expect(run.out).toContain(
      'node-2 is rebuilt: still to compare with node-1, node-3; now with node-1, 5 partitions left, 1,234 keys pulled.',
    );
    const json = await rondo(['nodes', '--json', '--url', first.store.url]);
    expect(jsonOf(json)).toMatchObject({
      ...{ success: false, epoch: 3, asked: 'node-1' },
      nodes: [
        { liveness: 'asked' },
        { state: 'rebuilding', rebuildLeft: ['node-1', 'node-3'], underway },
        {},
      ],
    });
  });

  it('exits 0 where all are complete and alive', async () => {
    const [{ store }] = await cluster();
    expect((await rondo(['nodes', '--url', store.url])).exit).toBe(0);
  });
});

describe('rondo repair', () => {
  /** Each node compares with one other a poll, when it was told to. */
  function comparing(
    nodes: readonly Node[],
    told: string[],
    more: (node: Node) => void = () => undefined,
  ): void {
    for (const node of nodes) {
      const id = node.cluster['node'] as string;
      const others = Object.keys(node.cluster.liveness);
      let number = 10;
      node.store.internal = (method, path, headers) => {
        told.push(`${id} ${method} ${path} ${String(headers['content-type'])}`);
        const after = number;
        for (const peer of others) {
          const last = node.cluster.antiEntropy['last'] as Fields;
          last[peer] = { number: ++number, secondsAgo: 0, how: 'repaired', keysPulled: 2 };
        }
        more(node);
        return ok({ success: true, node: id, incarnation: node.cluster['incarnation'], after });
      };
    }
  }

  it('tells every node of the document, and does not wait unless asked to', async () => {
    const nodes = await cluster();
    const told: string[] = [];
    comparing(nodes, told);
    const run = await rondo(['repair', '--partition', '5', '--url', nodes[1].store.url]);
    expect(run).toMatchObject({ exit: 0, out: expect.stringContaining('3 nodes told') });
    const call = 'POST /internal/repair?partition=5 application/json';
    expect(told.sort()).toEqual([`node-1 ${call}`, `node-2 ${call}`, `node-3 ${call}`]);
  });

  it('with --wait ends when all have compared with all, and counts what was pulled', async () => {
    const nodes = await cluster();
    comparing(nodes, []);
    const run = await rondo(['repair', '--wait', '--json', '--url', nodes[0].store.url]);
    expect(run.exit).toBe(0);
    expect(jsonOf(run)).toEqual({ success: true, comparisons: 6, left: [], keysPulled: 12 });
  });

  it('does not take comparisons from before it for new ones, and names those that are left', async () => {
    const nodes = await cluster();
    comparing(nodes, [], (node) => {
      if (node !== nodes[2]) return;
      const last = node.cluster.antiEntropy['last'] as Fields;
      last['node-1'] = { number: 10, secondsAgo: 0, how: 'same', keysPulled: 0 };
    });
    const run = await rondo(['repair', '--wait', '--wait-s', '1', '--url', nodes[0].store.url]);
    expect(run.exit).toBe(4);
    expect(run.out).toContain('node-3 with node-1');
    expect(run.out).not.toContain('node-3 with node-2');
  });

  it('tells a node that was started anew again, since its comparisons count from the beginning', async () => {
    const nodes = await cluster();
    const told: string[] = [];
    let restarted = false;
    comparing(nodes, told, (node) => {
      if (node !== nodes[2] || restarted) return;
      restarted = true;
      node.cluster['incarnation'] = 2;
      node.cluster.antiEntropy['last'] = {};
    });
    nodes[2].store.internal = ((inner) => (method, path, headers) => {
      const reply = inner(method, path, headers);
      // It was told in its first life.
      return told.length <= 3 && reply.status === 200
        ? ok({ ...(reply.body as Fields), incarnation: 1 })
        : reply;
    })(nodes[2].store.internal);
    const run = await rondo(['repair', '--wait', '--url', nodes[0].store.url]);
    expect(run.exit).toBe(0);
    expect(told.filter((line) => line.startsWith('node-3'))).toHaveLength(2);
  });

  it('says which node could not be told, and exits 4', async () => {
    const nodes = await cluster();
    comparing(nodes, []);
    await nodes[2].store.close();
    const run = await rondo(['repair', '--url', nodes[0].store.url]);
    expect(run.exit).toBe(4);
    expect(run.out).toContain('node-3: ');
  });

  it('refuses a partition that there is not', async () => {
    const [{ store }] = await cluster();
    expect(await rondo(['repair', '--partition', '8', '--url', store.url])).toMatchObject({ exit: 2 });
  });
});

describe('rondo remove', () => {
  /** node-3 is away, and the others say that it is dead. */
  async function lost(answer: Reply = ok({ success: true, epoch: 4 }), states: readonly string[] = []) {
    const nodes = await cluster(states);
    const calls: string[] = [];
    await nodes[2].store.close();
    for (const { cluster: said, store } of nodes.slice(0, 2)) {
      said.liveness['node-3'] = 'dead';
      store.internal = (method, path, headers) => {
        calls.push(`${method} ${path} ${String(headers['content-type'])}`);
        return answer;
      };
    }
    return { calls, nodes, url: nodes[0].store.url };
  }
  const DONE = ['POST /internal/remove/node-3?acceptLoss=true application/json'];

  it('without --accept-loss does nothing, and says what would be lost and what it is for', async () => {
    const { calls, url } = await lost();
    const run = await rondo(['remove', 'node-3', '--url', url]);
    expect([run.exit, calls]).toEqual([2, []]);
    expect(run.err).toContain('8 replica sets lose it');
    expect(run.err).toContain('Every partition keeps a complete replica');
    expect(run.err).toContain('ring changes');
    expect(run.err).toContain('--accept-loss');
  });

  it('with it asks a person, and takes only the name for a yes', async () => {
    const { calls, url } = await lost();
    const argv = ['remove', 'node-3', '--accept-loss', '--url', url];
    expect(await rondo(argv, { answer: 'yes' })).toMatchObject({ exit: 2 });
    expect(calls).toEqual([]);
    const run = await rondo(argv, { answer: 'node-3' });
    expect(run).toMatchObject({ exit: 0, out: expect.stringContaining('epoch 4') });
    expect(calls).toEqual(DONE);
  });

  it('where nobody can be asked wants --yes', async () => {
    const { calls, url } = await lost();
    const argv = ['remove', 'node-3', '--accept-loss', '--url', url];
    expect(await rondo(argv)).toMatchObject({ exit: 2, err: expect.stringContaining('--yes') });
    expect(await rondo([...argv, '--json'], { answer: 'node-3' })).toMatchObject({ exit: 2 });
    expect(calls).toEqual([]);
    const run = await rondo([...argv, '--yes', '--json']);
    expect(run.exit).toBe(0);
    expect(jsonOf(run)).toEqual({ success: true, node: 'node-3', epoch: 4, partitionsLost: 0 });
  });

  it('refuses a node that runs, also where only one of the others still reaches it', async () => {
    const { calls, nodes, url } = await lost();
    nodes[1].cluster.liveness['node-3'] = 'suspect';
    const run = await rondo(['remove', 'node-3', '--accept-loss', '--yes', '--url', url]);
    expect([run.exit, calls]).toEqual([3, []]);
    expect(run.err).toContain('node-2 takes it for suspect');
    const running = await rondo(['remove', 'node-2', '--accept-loss', '--yes', '--url', url]);
    expect(running).toMatchObject({ exit: 3, err: expect.stringContaining('it answers') });
  });

  it('says loudly of how many partitions nothing complete is left', async () => {
    const { url } = await lost(undefined, ['rebuilding', 'rebuilding', 'complete']);
    const run = await rondo(['remove', 'node-3', '--url', url]);
    expect(run.err).toContain('8 partitions have NO complete replica without it');
  });

  it('names the nodes that there are where the name is wrong', async () => {
    const { url } = await lost();
    const run = await rondo(['remove', 'node-9', '--url', url]);
    expect(run).toMatchObject({ exit: 2, err: expect.stringContaining('node-1, node-2, node-3') });
  });

  it('says what to do where no majority agreed', async () => {
    const { url } = await lost(refused(503, 'not_committed', 'unknown'));
    const run = await rondo(['remove', 'node-3', '--accept-loss', '--yes', '--url', url]);
    expect(run.exit).toBe(4);
    expect(run.err).toContain('may or may not have happened');
    expect(run.err).toContain('majority');
  });
});
