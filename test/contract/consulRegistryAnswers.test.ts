import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConsulNode, openConsulNode, registrationAt } from './support/consulNodes.js';
import { type DummyServer, startDummyServer } from './support/dummyServer.js';
import { eventually } from './support/mailbox.js';

/** What a registry makes of something that listens where Consul should be. */

jest.setTimeout(30_000);

const opened: ConsulNode[] = [];
const servers: DummyServer[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ registry }) => registry.close()));
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function open(...[url, options]: Parameters<typeof openConsulNode>): Promise<ConsulNode> {
  const node = await openConsulNode(url, options);
  opened.push(node);
  return node;
}

async function serve(answer: RequestListener, host?: string): Promise<DummyServer> {
  const server = await startDummyServer(answer, host);
  servers.push(server);
  return server;
}

type Headers = Readonly<Record<string, string>>;

const JSON_TYPE: Headers = { 'Content-Type': 'application/json' };
const INDEXED: Headers = { ...JSON_TYPE, 'X-Consul-Index': '7' };

function answering(status: number, headers: Headers, body: string): RequestListener {
  return (_, response) => void response.writeHead(status, headers).end(body);
}

const item = (over: object = {}): string =>
  JSON.stringify([{ Key: 'rondo/document', ModifyIndex: 7, Value: 'dGV4dA==', ...over }]);

describe('answers to a read', () => {
  it('of Consul are taken', async () => {
    const a = await open((await serve(answering(200, INDEXED, item()))).url);
    expect(await a.read()).toEqual({ status: 'read', index: 7, text: 'text' });
    const b = await open((await serve(answering(404, INDEXED, ''))).url);
    expect(await b.read()).toEqual({ status: 'read', index: 0, text: '' });
  });

  it.each([
    ['a 404 without an index', 404, JSON_TYPE, ''],
    ['a page', 200, { 'Content-Type': 'text/html' }, '<html>'],
    ['a page with an index', 200, { ...INDEXED, 'Content-Type': 'text/html' }, '<html>'],
    ['a redirect', 302, { Location: 'http://127.0.0.1:1/' }, ''],
    ['a redirect with an index', 301, { ...INDEXED, Location: 'http://127.0.0.1:1/' }, item()],
    ['a value without an index', 200, JSON_TYPE, item()],
    ['an index that is no number', 200, { ...JSON_TYPE, 'X-Consul-Index': 'x' }, item()],
    ['nothing', 200, INDEXED, ''],
    ['half of JSON', 200, INDEXED, '[{"Key":'],
    ['null', 200, INDEXED, 'null'],
    ['an empty list', 200, INDEXED, '[]'],
    ['an object', 200, INDEXED, '{}'],
    ['a list of nothing', 200, INDEXED, '[null]'],
    ['a list of words', 200, INDEXED, '["x"]'],
    ['an item that hides its properties', 200, INDEXED, item({ hasOwnProperty: 1 })],
    ['another key', 200, INDEXED, item({ Key: 'rondo/other' })],
    ['no index of the value', 200, INDEXED, item({ ModifyIndex: undefined })],
    ['an index of the value that is 0', 200, INDEXED, item({ ModifyIndex: 0 })],
    ['an index of the value that is no whole number', 200, INDEXED, item({ ModifyIndex: 1.5 })],
    ['a value that is no text', 200, INDEXED, item({ Value: 7 })],
    ['an error', 500, INDEXED, 'No cluster leader'],
    ['no gateway', 502, JSON_TYPE, item()],
    ['a refusal', 403, {}, 'Permission denied'],
    ['more than a value can have', 200, INDEXED, item({ Value: 'x'.repeat(2 * 1024 * 1024) })],
  ])('that Consul would not give fail: %s', async (_, status, headers, body) => {
    const server = await serve(answering(status, headers, body));
    const a = await open(server.url);
    expect(await a.read()).toEqual({ status: 'failed' });
    await eventually('it is said', () => a.telemetry.lines.length > 0);
    expect(a.registry.state().reachable).toBe(false);
    expect(a.seen.changes).toBe(0);
  });

  it('that are cut short fail', async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { ...INDEXED, 'Content-Length': '1000' });
      response.write(item(), () => response.destroy());
    });
    const a = await open(url);
    expect(await a.read()).toEqual({ status: 'failed' });
  });

  it('that never end are given up at their bound', async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, INDEXED);
      const timer = setInterval(() => response.write('x'.repeat(65_536)), 1);
      response.once('close', () => clearInterval(timer));
    });
    const a = await open(url);
    expect(await a.read()).toEqual({ status: 'failed' });
    await eventually(
      'counted',
      () => a.telemetry.total('rondo_registry_requests_total', { request: 'read', result: 'overlong' }) === 1,
    );
  });
});

describe('answers to a swap', () => {
  it.each([
    ['true', 200, 'true', 'stored'],
    ['false', 200, 'false', 'conflict'],
    ['null', 200, 'null', 'failed'],
    ['a word', 200, '"true"', 'failed'],
    ['a number', 200, '1', 'failed'],
    ['nothing', 200, '', 'failed'],
    ['an error with true', 500, 'true', 'failed'],
    ['a redirect with true', 307, 'true', 'failed'],
  ])('%s', async (_, status, body, result) => {
    const { url } = await serve(answering(status, JSON_TYPE, body));
    const a = await open(url);
    expect(await a.swap(0, 'text')).toBe(result);
  });
});

/** Answers as a Consul that holds nothing, at once, with indexes that are given. */
function emptyConsul(indexes: () => number): RequestListener {
  return (request, response) => {
    const headers = { ...JSON_TYPE, 'X-Consul-Index': String(indexes()) };
    if (request.url?.startsWith('/v1/kv/') === true) response.writeHead(404, headers).end();
    else response.writeHead(200, headers).end(request.url?.includes('/agent/') === true ? '{}' : '[]');
  };
}

describe('a watch', () => {
  it.each([
    ['that always wakes with the same index', () => 5],
    ['whose index is 0', () => 0],
    [
      'whose index goes back and forth',
      (() => {
        let calls = 0;
        return () => (++calls % 2 === 0 ? 9 : 4);
      })(),
    ],
  ])('%s never spins', async (_, indexes) => {
    const server = await serve(emptyConsul(indexes));
    const a = await open(server.url);
    await eventually('it is reached', () => a.registry.state().reachable);
    const beforeMs = performance.now();
    const before = server.requests.length;
    await eventually('a while', () => performance.now() - beforeMs > 1000);
    const perSecond = ((server.requests.length - before) * 1000) / (performance.now() - beforeMs);
    expect(perSecond).toBeLessThan(25);
  });

  it('that fails waits between its attempts, and says so once', async () => {
    const server = await serve(answering(500, {}, 'No cluster leader'));
    const a = await open(server.url);
    await eventually('some attempts', () => server.requests.length > 8);
    expect(a.telemetry.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('starts again where the index went backwards, and tells of it though nothing else differs', async () => {
    let index = 50;
    const server = await serve(emptyConsul(() => index));
    const a = await open(server.url);
    await eventually('it is reached', () => a.seen.changes === 1);
    await eventually('it waits', () => server.requests.some((line) => line.includes('index=50')));
    index = 20;
    await eventually('it is told', () => a.seen.changes === 2);
    const since = server.requests.length;
    await eventually('it starts again', () =>
      server.requests.slice(since - 2).some((line) => line.includes('/v1/kv/') && line.includes('index=0')),
    );
    expect(a.seen.changes).toBe(2);
  });

  it('waits for at most 3 s', async () => {
    const server = await serve(emptyConsul(() => 5));
    await open(server.url);
    await eventually('both watch', () => new Set(server.requests.map(pathOf)).size >= 2);
    expect(server.requests.every((line) => line.includes('wait=3000ms'))).toBe(true);
  });
});

function pathOf(line: string): string {
  return line.split('?')[0] ?? '';
}

describe('a Consul that hangs', () => {
  it('has few connections however often it is asked, and none after close', async () => {
    const server = await serve(() => undefined);
    const a = await open(server.url, {
      tuning: { watchMs: 400, backoffMsMax: 100, registerMs: 300, goodbyeMs: 200 },
    });
    a.registry.register(registrationAt('127.0.0.1:1'));
    const answers: string[] = [];
    let most = 0;
    for (let i = 0; i < 200; i++) {
      a.registry.read(({ status }) => answers.push(status));
      a.registry.swap(0, 'text', (result) => answers.push(result));
      await new Promise((resolve) => setTimeout(resolve, 10));
      most = Math.max(most, server.openSockets());
    }
    expect(most).toBeLessThanOrEqual(6);
    await a.registry.close();
    expect(answers).toHaveLength(400);
    expect(new Set(answers)).toEqual(new Set(['failed']));
    await eventually('all connections are closed', () => server.openSockets() === 0);
  });
});

describe('the way to Consul', () => {
  it('may be an IPv6 address', async () => {
    const server = await serve(answering(200, INDEXED, item()), '::1');
    const a = await open(server.url);
    expect(await a.read()).toMatchObject({ status: 'read', text: 'text' });
  });

  it('where nobody listens: calls fail, nothing else happens', async () => {
    const server = await startDummyServer(() => undefined);
    await server.close();
    const a = await open(server.url);
    expect(await a.read()).toEqual({ status: 'failed' });
    expect(await a.swap(0, 'text')).toBe('failed');
    expect(a.registry.state()).toEqual({ reachable: false, registered: false });
  });
});

describe('the token', () => {
  const folders: string[] = [];

  afterEach(async () => {
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
  });

  async function fileOf(text: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'rondo-token-'));
    folders.push(folder);
    const file = join(folder, 'token');
    await writeFile(file, text);
    return file;
  }

  const tokenOf = (request: IncomingMessage): string => String(request.headers['x-consul-token']);

  it('is read again when it is refused, and never logged', async () => {
    const tokens = new Set<string>();
    const { url } = await serve((request, response: ServerResponse) => {
      tokens.add(tokenOf(request));
      if (tokenOf(request) === 'second-token') response.writeHead(200, INDEXED).end(item());
      else response.writeHead(403).end(`ACL not found`);
    });
    const tokenFile = await fileOf('first-token\n');
    const a = await open(url, { tokenFile });
    expect(await a.read()).toEqual({ status: 'failed' });
    await eventually('it is said', () => a.telemetry.lines.length > 0);
    await writeFile(tokenFile, 'second-token\n');
    expect(await a.read()).toMatchObject({ status: 'read', text: 'text' });
    expect(tokens).toEqual(new Set(['first-token', 'second-token']));
    await eventually('it is reached', () => a.registry.state().reachable);
    expect(JSON.stringify(a.telemetry.lines)).not.toMatch(/first-token|second-token/);
    const countOf = (wanted: string) => a.telemetry.lines.filter(({ level }) => level === wanted).length;
    await eventually('each complaint is taken back', () => countOf('info') === countOf('warn'));
  });

  it('stays as it is where its file is unsound later', async () => {
    const { url } = await serve((request, response) => {
      if (tokenOf(request) === 'a-token') response.writeHead(403).end();
      else response.writeHead(200, INDEXED).end(item());
    });
    const tokenFile = await fileOf('a-token');
    const a = await open(url, { tokenFile });
    await writeFile(tokenFile, 'two words');
    expect(await a.read()).toEqual({ status: 'failed' });
    await rm(tokenFile);
    expect(await a.read()).toEqual({ status: 'failed' });
  });

  it.each(['', '\n', 'two words', 'größe'])('is wanted where a file is named: %j', async (text) => {
    const tokenFile = await fileOf(text);
    await expect(open('http://127.0.0.1:1', { tokenFile })).rejects.toThrow(/holds no token/);
  });
});
