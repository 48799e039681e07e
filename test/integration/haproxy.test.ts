import { mkdtempSync, rmSync } from 'node:fs';
import { request, type IncomingHttpHeaders } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { consulPorts, startConsul, type Consul } from '../../scripts/services/consul.js';
import { startHaproxy, type Haproxy } from '../../scripts/services/haproxy.js';
import { newCleanup } from '../../scripts/support/cleanup.js';
import { reservePorts } from '../../scripts/support/ports.js';
import { waitUntil } from '../../scripts/support/processes.js';
import { ERRORS, type ErrorCode } from '../../services/node/core/errors.js';
import { register, startDummyNode, type DummyNode } from './support/dummyNode.js';
import { describeWithServices } from './support/required.js';

const PATIENCE_MS = 30_000;
/** HAProxy left to itself has forgotten all nodes 33 s after the last answer of Consul. */
const OUTAGE_MS = 36_000;

describeWithServices('HAProxy before nodes that it finds in Consul', ['consul', 'haproxy'], () => {
  const cleanup = newCleanup();
  let consulOptions: Parameters<typeof startConsul>[0];
  let consul: Consul;
  let haproxy: Haproxy;
  let nodes: DummyNode[];
  let diedAt: number;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rondo-haproxy-'));
    cleanup.defer('remove the folder', () => rmSync(folder, { recursive: true, force: true }));
    const ports = await reservePorts();
    cleanup.defer('release the ports', () => ports.release());
    const { first } = ports;
    consulOptions = { folder: join(folder, 'consul'), ports: consulPorts(first) };
    consul = await startConsul(consulOptions);
    cleanup.defer('end Consul', () => consul.stop());
    haproxy = await startHaproxy({
      folder: join(folder, 'haproxy'),
      ports: { clients: first + 5, stats: first + 6 },
      consulDnsPort: consul.dnsPort,
      variables: { RONDO_HAPROXY_READ_TIMEOUT: '1s', RONDO_HAPROXY_SERVER_TIMEOUT: '1s' },
    });
    cleanup.defer('end HAProxy', () => haproxy.stop());
    nodes = await Promise.all(['node1', 'node2', 'node3'].map(startDummyNode));
    for (const node of nodes) cleanup.defer(`close ${node.name}`, () => node.close());
  }, 60_000);

  afterAll(() => cleanup.run());

  beforeEach(() => {
    for (const node of nodes) node.answer = startsWith(node.name);
  });

  const get = (path = '/storage/aGVsbG8=') => fetch(`${haproxy.url}${path}`);
  const put = (body = '{}') => fetch(`${haproxy.url}/storage/aGVsbG8=`, { method: 'PUT', body });
  const reached = async (): Promise<string> => {
    const names = await Promise.all(Array.from({ length: 30 }, async () => (await get()).text()));
    return [...new Set(names)].sort().join(' ');
  };
  const untilReached = (names: string) =>
    waitUntil(`${names} are reached`, async () => (await reached()) === names, PATIENCE_MS);
  const everything = (): string[] => nodes.flatMap(({ seen }) => seen.splice(0));

  it('without a node: 503 of its own, in the shape, with the code and the header of every other', async () => {
    const response = await put();
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(errorOf(await response.json(), response.status)).toEqual({ code: 'no_node', outcome: 'none' });
  });

  it('finds the nodes by itself, and passes over one that is not ready', async () => {
    for (const node of nodes) await register(consul.http, node);
    await untilReached('node1 node2 node3');
    nodes[0]!.ready = false;
    await untilReached('node2 node3');
    nodes[0]!.ready = true;
    await untilReached('node1 node2 node3');
  }, 60_000);

  it('a node that is gone without a word: a PUT goes to another one, since nothing was sent', async () => {
    const gone = await startDummyNode('gone');
    await register(consul.http, gone);
    await untilReached('gone node1 node2 node3');
    await gone.close();
    const puts = await Promise.all(Array.from({ length: 30 }, () => put()));
    expect(puts.map(({ status }) => status)).toEqual(puts.map(() => 200));
    await consul.http.call('PUT', '/v1/agent/service/deregister/gone');
  }, 60_000);

  it('a reload loses no request', async () => {
    let stopped = false;
    const statuses: number[] = [];
    const client = async (): Promise<void> => {
      while (!stopped) {
        const response = statuses.length % 2 === 0 ? await put() : await get();
        await response.text();
        statuses.push(response.status);
      }
    };
    const clients = Array.from({ length: 8 }, client);
    try {
      for (let reload = 0; reload < 3; reload++) await haproxy.reload();
    } finally {
      stopped = true;
      await Promise.all(clients);
    }
    expect(statuses.length).toBeGreaterThan(50);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  }, 60_000);

  it('goes on when Consul dies; all that follows is without it', async () => {
    await untilReached('node1 node2 node3');
    consul.kill('SIGKILL');
    await consul.stop();
    diedAt = performance.now();
    expect(await reached()).toBe('node1 node2 node3');
  }, 60_000);

  it('hands on paths unchanged, and bodies of the largest value', async () => {
    everything();
    const paths = [
      '/storage/a%2Bb%2F%3D%3d?minNumReads=2',
      '/storage/ab+/=',
      `/storage/${'%2B'.repeat(5000)}`,
    ];
    for (const path of paths) await (await get(path)).text();
    expect(everything().sort()).toEqual(paths.map((path) => `GET ${path}`).sort());
    for (const node of nodes) {
      node.answer = (request, response) => {
        let bytes = 0;
        request.on('data', (chunk: Buffer) => (bytes += chunk.length));
        request.once('end', () => response.end(String(bytes)));
      };
    }
    const largest = Math.ceil((16 * 1024 * 1024) / 3) * 4;
    expect(await (await put('x'.repeat(largest))).text()).toBe(String(largest));
  });

  it.each([
    ['breaks off', (_request, response) => response.destroy()],
    ['stays silent', () => undefined],
  ] satisfies [string, DummyNode['answer']][])(
    'a node that %s: a GET is asked of another one, a PUT never',
    async (_how, answer) => {
      everything();
      nodes[0]!.answer = answer;
      const gets = await Promise.all(Array.from({ length: 20 }, () => get()));
      expect(gets.map(({ status }) => status)).toEqual(gets.map(() => 200));
      await Promise.all(gets.map((response) => response.text()));
      expect(everything().length).toBeGreaterThan(20);

      for (const node of nodes) node.answer = answer;
      const { status, headers, body } = await putOnNewConnection(haproxy.url);
      expect(everything()).toEqual(['PUT /storage/aGVsbG8=']);
      expect(headers['retry-after']).toBe('1');
      expect(errorOf(JSON.parse(body), status)).toEqual({ code: 'answer_lost', outcome: 'unknown' });
      // On a connection that has had answers before, HAProxy may say the same by closing it.
      await put().catch(() => undefined);
      expect(everything()).toEqual(['PUT /storage/aGVsbG8=']);
    },
    60_000,
  );

  it('forgets no node while Consul is away, nor when it is back with nothing', async () => {
    while (performance.now() < diedAt + OUTAGE_MS) {
      expect((await put()).status).toBe(200);
      await sleep(100);
    }
    expect(await reached()).toBe('node1 node2 node3');
    await expect(haproxy.reload()).rejects.toThrow(/Consul names 0 of 3 nodes/);
    expect(await reached()).toBe('node1 node2 node3');
    rmSync(join(consulOptions.folder, 'data'), { recursive: true });
    consul = await startConsul(consulOptions);
    cleanup.defer('end Consul', () => consul.stop());
    // Several questions, each of them a chance to forget.
    for (let second = 0; second < 4; second++) {
      await sleep(1000);
      expect(await reached()).toBe('node1 node2 node3');
    }
    const late = await startDummyNode('late');
    cleanup.defer('close late', () => late.close());
    for (const node of [...nodes, late]) await register(consul.http, node);
    await untilReached('late node1 node2 node3');
  }, 120_000);
});

function startsWith(name: string): DummyNode['answer'] {
  return (request, response) => {
    request.resume().once('end', () => response.end(name));
  };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function putOnNewConnection(url: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/storage/aGVsbG8=`, { method: 'PUT', agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.once('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    sent.once('error', reject);
    sent.end('{}');
  });
}

/** Code and outcome, which have to be as documented. */
function errorOf(body: unknown, status: number): { readonly code: string; readonly outcome: string } {
  const { success, error } = body as {
    readonly success: boolean;
    readonly error: { readonly code: ErrorCode; readonly message: string; readonly outcome: string };
  };
  expect(success).toBe(false);
  expect(ERRORS[error.code]).toMatchObject({ status, message: error.message });
  return { code: error.code, outcome: error.outcome };
}
