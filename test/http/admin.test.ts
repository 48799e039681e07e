import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Liveness } from '../../services/node/core/protocol/events.js';
import type { ClusterDocument, Key, NodeId } from '../../services/node/core/types.js';
import { call, codeOf, linesOf, putJson } from './support/contract.js';
import { eventually, harnesses } from './support/harness.js';
import type { Harness } from './support/harness.js';
import { createStubService } from './support/stubService.js';

const { start, closeAll } = harnesses();
afterEach(closeAll);

describe('what monitors ask', () => {
  it('/ping and /health answer, whatever the node can do', async () => {
    const { url, stub } = await start();
    stub.set({ ready: false });
    expect((await call(url, 'GET', '/ping')).text).toBe('pong');
    expect((await call(url, 'GET', '/health')).json).toEqual({ alive: true });
  });

  it('/ready: 200 when the node takes traffic, else 503 with Retry-After', async () => {
    const { url, stub } = await start();
    expect((await call(url, 'GET', '/ready')).status).toBe(200);
    stub.set({ ready: false });
    const unready = await call(url, 'GET', '/ready');
    expect([unready.status, unready.json, unready.headers.get('retry-after')]).toEqual([
      503,
      { ready: false },
      '1',
    ]);
  });

  it('/metrics is what the registry exposes', async () => {
    const { url } = await start();
    expect((await call(url, 'GET', '/metrics')).text).toBe('rondo_epoch 1\n');
  });

  it('HEAD has the headers of GET and no body', async () => {
    const { url } = await start();
    const head = await call(url, 'HEAD', '/cluster');
    const get = await call(url, 'GET', '/cluster');
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'));
  });

  it('a bug: 500 with a requestId that is in the log, and the next request is served', async () => {
    const { url, stub, logged } = await start();
    const status = stub.status.bind(stub);
    stub.status = () => {
      throw new Error('a planted bug');
    };
    const broken = await call(url, 'GET', '/cluster');
    expect(codeOf(broken)).toBe('internal');
    expect(logged).toMatchObject([{ level: 'error', fields: { error: expect.stringContaining('planted') } }]);
    stub.status = status;
    expect((await call(url, 'GET', '/cluster')).status).toBe(200);
  });
});

describe('/check_connectivity and /cluster', () => {
  it('every node of the document is probed, all at the same time', async () => {
    const { url, stub } = await start();
    stub.unreachable.add('n2');
    const probe = stub.probe.bind(stub);
    let asked = 0;
    stub.probe = async (node, timeoutMs) => {
      asked++;
      await eventually(() => asked === 3);
      expect(timeoutMs).toBe(1000);
      return probe(node, timeoutMs);
    };
    const reply = await call(url, 'GET', '/check_connectivity');
    expect(reply.json).toEqual({ n1: 'reachable', n2: 'unreachable', n3: 'reachable' });
  });

  it('/cluster shows the document and how this node sees the cluster', async () => {
    const { url, stub } = await start();
    const [n2, n3] = ['n2' as NodeId, 'n3' as NodeId];
    stub.set({
      peers: new Map([[n2, 'unreachable']]),
      liveness: new Map<NodeId, Liveness>([
        [n2, 'dead'],
        [n3, 'alive'],
      ]),
      hints: new Map([
        [n3, 1],
        [n2, 12],
      ]),
      live: { requests: 3, bytes: 44 },
      antiEntropy: {
        underway: { number: 8, peer: n3, partitionsLeft: 3, keysPulled: 2 },
        last: new Map([[n2, { number: 7, secondsAgo: 4, how: 'repaired', keysPulled: 1 }]]),
        lastOfPartition: new Map(),
        ...{ treesReady: 5, damagedKeys: 1 },
      },
      rebuild: { left: [n3] },
    });
    const { json } = await call(url, 'GET', '/cluster');
    expect(json).toEqual({
      node: 'n1',
      actor: 'a1',
      incarnation: 1,
      epoch: 1,
      complete: true,
      ready: true,
      peers: { n2: 'unreachable' },
      liveness: { n2: 'dead', n3: 'alive' },
      hints: { total: 13, byTarget: { n2: 12, n3: 1 } },
      antiEntropy: {
        underway: { number: 8, peer: 'n3', partitionsLeft: 3, keysPulled: 2 },
        last: { n2: { number: 7, secondsAgo: 4, how: 'repaired', keysPulled: 1 } },
        lastOfPartition: {},
        ...{ treesReady: 5, damagedKeys: 1 },
      },
      rebuild: { left: ['n3'] },
      registry: null,
      live: { requests: 3, bytes: 44 },
      storage: { sequence: 7, damaged: 0 },
      document: stub.status().document,
    });
  });

  it('/cluster says so where this node keeps no hints', async () => {
    const { url } = await start();
    const { json } = await call(url, 'GET', '/cluster');
    expect(json).toMatchObject({ liveness: { n2: 'alive', n3: 'alive' }, hints: { total: 0, byTarget: {} } });
  });
});

describe('/internal/dump/my', () => {
  it('gives every record with siblings and tombstones', async () => {
    const { url } = await start();
    await putJson(url, '/storage/AAAA', { value: 'YQ==' });
    await putJson(url, '/storage/AAAA', { value: 'Yg==', onConflict: 'sibling' });
    await putJson(url, '/storage/BBBB', { value: '' });
    const { text } = await call(url, 'GET', '/internal/dump/my');
    expect(linesOf(text)).toEqual([
      { node: 'n1', key: 'AAAA', version: 'v2', values: ['YQ==', 'Yg=='] },
      { node: 'n1', key: 'BBBB', version: 'v1', values: [] },
    ]);
  });

  it('an empty node gives no line', async () => {
    const { url } = await start();
    expect((await call(url, 'GET', '/internal/dump/my')).text).toBe('');
  });

  it('a scan that fails ends with a line that says so', async () => {
    const { url, stub } = await start();
    await putJson(url, '/storage/AAAA', { value: 'YQ==' });
    stub.scanFault = new Error('the disk is gone');
    const { text } = await call(url, 'GET', '/internal/dump/my');
    expect(linesOf(text)).toEqual([
      { node: 'n1', key: 'AAAA', version: 'v1', values: ['YQ=='] },
      { node: 'n1', error: { code: 'storage_unavailable', message: 'the disk is gone' } },
    ]);
  });

  it('goes at the pace of its client, and a client that leaves ends the scan', async () => {
    const { url, stub } = await start();
    fill(stub, 2000, 100_000);
    const abort = new AbortController();
    const response = await fetch(`${url}/internal/dump/my`, { signal: abort.signal });
    const reader = response.body!.getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(stub.scans.handedOut).toBeLessThan(1500);
    abort.abort();
    await eventually(() => stub.scans.ended === 1);
    expect(stub.scans.handedOut).toBeLessThan(2000);
  });

  it('HEAD starts no scan', async () => {
    const { url, stub } = await start();
    fill(stub, 3, 10);
    expect((await call(url, 'HEAD', '/internal/dump/my')).status).toBe(200);
    expect(stub.scans.handedOut).toBe(0);
  });

  it('too many dumps at once: 503, and room again when they have ended', async () => {
    const { url, stub } = await start({ limits: { dumpsMax: 1 } });
    fill(stub, 2000, 100_000);
    const abort = new AbortController();
    await fetch(`${url}/internal/dump/my`, { signal: abort.signal });
    expect(codeOf(await call(url, 'GET', '/internal/dump/my'))).toBe('overloaded');
    abort.abort();
    await eventually(() => stub.scans.ended === 1);
    stub.records.clear();
    await eventually(() => stub.scans.ended === 1);
    expect((await call(url, 'GET', '/internal/dump/my')).status).toBe(200);
  });
});

describe('/internal/dump/all', () => {
  it('gives what every node holds', async () => {
    const cluster = await startCluster(['n1', 'n2', 'n3']);
    for (const [index, { stub }] of cluster.entries()) fill(stub, index + 1, 10);
    const { text } = await call(cluster[0]!.url, 'GET', '/internal/dump/all');
    const nodes = linesOf(text).map((line) => (line as { node: string }).node);
    expect(nodes).toEqual(['n1', 'n2', 'n2', 'n3', 'n3', 'n3']);
  });

  it('lines longer than any chunk come whole', async () => {
    const cluster = await startCluster(['n1', 'n2']);
    fill(cluster[1]!.stub, 3, 1_000_000);
    const { text } = await call(cluster[0]!.url, 'GET', '/internal/dump/all');
    const lengths = linesOf(text).map((line) => (line as { values: string[] }).values[0]?.length);
    expect(lengths).toEqual([1_333_336, 1_333_336, 1_333_336]);
  });

  it('a node that is away, silent, or breaks off gives a line that says so', async () => {
    const [one] = await startCluster(['n1', 'n2', 'n3', 'n4'], { dumpSilenceMs: 200 });
    const silent = await startFake((_request, response) => response.writeHead(200).flushHeaders());
    const breaking = await startFake((_request, response) => {
      response
        .writeHead(200)
        .write('{"node":"n3","key":"AAAA","version":"v1","values":[]}\n{"node":"n3","ke');
      setTimeout(() => response.destroy(), 50);
    });
    const failing = await startFake((_request, response) => void response.writeHead(503).end('{}'));
    setAddresses(one!, [one!.url, silent.url, breaking.url, failing.url]);
    const { text } = await call(one!.url, 'GET', '/internal/dump/all');
    expect(linesOf(text)).toMatchObject([
      { node: 'n2', error: { code: 'unreachable', message: expect.stringContaining('silent') } },
      { node: 'n3', key: 'AAAA' },
      { node: 'n3', error: { code: 'interrupted' } },
      { node: 'n4', error: { code: 'unreachable', message: expect.stringContaining('503') } },
    ]);
    setAddresses(one!, [one!.url, 'http://127.0.0.1:1', 'http://127.0.0.1:1', failing.url]);
    const again = await call(one!.url, 'GET', '/internal/dump/all');
    expect(linesOf(again.text)).toHaveLength(3);
    await Promise.all([silent.close(), breaking.close(), failing.close()]);
  });

  it('a client that leaves ends the scan of the other node', async () => {
    const cluster = await startCluster(['n1', 'n2']);
    fill(cluster[1]!.stub, 2000, 100_000);
    const abort = new AbortController();
    const response = await fetch(`${cluster[0]!.url}/internal/dump/all`, { signal: abort.signal });
    await response.body!.getReader().read();
    abort.abort();
    await eventually(() => cluster[1]!.stub.scans.ended === 1);
    expect(cluster[1]!.stub.scans.handedOut).toBeLessThan(2000);
  });
});

function fill(stub: Harness['stub'], count: number, bytes: number): void {
  const value = Buffer.alloc(bytes, 1);
  for (let i = 0; i < count; i++) stub.records.set(`key ${i}` as Key, { counter: 1, values: [value] });
}

/** One harness a node, each knowing the addresses of all. */
async function startCluster(ids: readonly string[], limits = {}): Promise<Harness[]> {
  const cluster = await Promise.all(ids.map((id) => start({ stub: stubOf(ids, id), limits })));
  const urls = cluster.map(({ url }) => url);
  for (const harness of cluster) setAddresses(harness, urls);
  return cluster;
}

function stubOf(ids: readonly string[], id: string): Harness['stub'] {
  const stub = createStubService(ids);
  stub.set({ node: id as NodeId });
  return stub;
}

function setAddresses({ stub }: Harness, urls: readonly string[]): void {
  const { document } = stub.status();
  const nodes = document.nodes.map((node, index) => ({ ...node, httpAddress: new URL(urls[index]!).host }));
  stub.set({ document: { ...document, nodes } satisfies ClusterDocument });
}

/** A node that answers in its own way. */
async function startFake(
  answer: Parameters<typeof createServer>[1],
): Promise<{ readonly url: string; close: () => Promise<void> }> {
  const server = createServer({}, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
