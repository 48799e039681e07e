import { afterEach, describe, expect, it } from '@jest/globals';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { CliError } from '../../../services/cli/failure.js';
import { createClient, type StoreClient } from '../../../services/cli/http/client.js';
import { createRotation, nextPauseMs, retryableReply } from '../../../services/cli/http/retry.js';
import { startMemoryStore, type MemoryStore } from './support/memoryStore.js';

const KEY = Buffer.from('key');
const VALUE = Buffer.from('value');

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function store(): Promise<MemoryStore> {
  const started = await startMemoryStore();
  cleanups.push(() => started.close());
  return started;
}

function clientOf(
  urls: readonly string[],
  retryMs: number,
  timeoutMs = 5_000,
  signal?: AbortSignal,
): StoreClient {
  const [first, ...others] = urls.map((url) => new URL(url));
  const client = createClient({ urls: [first!, ...others], retryMs, timeoutMs, signal, token: undefined });
  cleanups.push(() => client.close());
  return client;
}

/** A URL whose port was free a moment ago. */
async function deadUrl(): Promise<string> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

async function failure(promise: Promise<unknown>): Promise<CliError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CliError);
  return error as CliError;
}

describe('retry policy', () => {
  const state = { tries: 1, urls: 1, elapsedMs: 0, retryMs: 30_000 };

  it('tries every URL once without a pause, even where no time for retries is given', () => {
    const once = { ...state, urls: 3, retryMs: 0 };
    expect([1, 2, 3].map((tries) => nextPauseMs({ ...once, tries }, 0.5))).toEqual([0, 0, null]);
  });

  it('pauses longer and longer, up to a bound, with jitter between half and all of it', () => {
    const pauses = [1, 2, 3, 4, 20, 2000].map((tries) => nextPauseMs({ ...state, tries }, 0));
    expect(pauses).toEqual([25, 50, 100, 200, 1000, 1000]);
    expect(nextPauseMs({ ...state, tries: 3 }, 0.999)).toBeLessThan(200);
  });

  it('waits as long as the server asks, within a bound', () => {
    expect(nextPauseMs({ ...state, retryAfterMs: 3000 }, 0)).toBe(3000);
    expect(nextPauseMs({ ...state, retryAfterMs: 3_600_000 }, 0)).toBe(5000);
  });

  it('gives up where the next try would begin after the stated time', () => {
    expect(nextPauseMs({ ...state, tries: 5, elapsedMs: 29_000 }, 0)).not.toBeNull();
    expect(nextPauseMs({ ...state, tries: 5, elapsedMs: 29_900 }, 0)).toBeNull();
  });

  it.each([
    [503, 'overloaded', true],
    [503, undefined, true],
    [502, undefined, true],
    [429, undefined, true],
    [429, 'too_many_siblings', false],
    [500, 'internal', true],
    [409, 'stale_version', false],
    [400, 'invalid_key', false],
    [413, 'value_too_large', false],
    [404, undefined, false],
  ])('takes %d %s as retryable: %p', (status, code, expected) => {
    expect(retryableReply(status, code)).toBe(expected);
  });

  it('takes the URLs in turn and passes over one that just failed', () => {
    const urls = ['http://a', 'http://b', 'http://c'].map((url) => new URL(url));
    const rotation = createRotation([urls[0]!, urls[1]!, urls[2]!]);
    const hosts = (nowMs: number): string[] => [1, 2, 3].map(() => rotation.next(nowMs).hostname);
    expect(hosts(0)).toEqual(['a', 'b', 'c']);
    rotation.failed(urls[1]!, 0);
    expect(hosts(1)).toEqual(['a', 'c', 'a']);
    expect(new Set(hosts(1_000))).toEqual(new Set(['a', 'b', 'c']));
    for (const url of urls) rotation.failed(url, 2_000);
    expect(new Set(hosts(2_001)).size).toBe(3);
  });
});

describe('client', () => {
  it('repeats a PUT whose connection broke after it was carried out, with the same requestId: one write', async () => {
    const peer = await store();
    peer.mischief = ({ number }) => (number === 1 ? 'dropAfter' : undefined);
    const client = clientOf([peer.url], 10_000);
    const written = await client.put(KEY, VALUE, '');
    expect(written).toMatchObject({ status: 'stored' });
    expect(client.retried()).toBe(1);
    const ids = peer.calls.map((call) => call.body.requestId);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
    expect(peer.records.get('key')?.requestIds).toHaveLength(1);
  });

  it('gives two PUTs two requestIds', async () => {
    const peer = await store();
    const client = clientOf([peer.url], 0);
    await client.put(Buffer.from('a'), VALUE, '');
    await client.put(Buffer.from('b'), VALUE, '');
    expect(new Set(peer.calls.map((call) => call.body.requestId)).size).toBe(2);
  });

  it.each([503, 429, 500, 502])('overcomes %d', async (status) => {
    const peer = await store();
    peer.mischief = ({ number }) => (number <= 3 ? { status, code: 'overloaded' } : undefined);
    const client = clientOf([peer.url], 10_000);
    expect(await client.put(KEY, VALUE, '')).toMatchObject({ status: 'stored' });
    expect(client.retried()).toBe(3);
  });

  it('goes to another URL at once where one refuses the connection', async () => {
    const peer = await store();
    const client = clientOf([await deadUrl(), peer.url], 0);
    for (let i = 0; i < 5; i++) expect(await client.get(KEY)).toEqual({ status: 'missing', version: '' });
    expect(client.retried()).toBe(1);
  });

  it('spreads calls over all URLs', async () => {
    const [one, two] = [await store(), await store()];
    const client = clientOf([one.url, two.url], 0);
    for (let i = 0; i < 6; i++) await client.get(KEY);
    expect([one.calls.length, two.calls.length]).toEqual([3, 3]);
  });

  it('says what to do where nothing listens, and that nothing was written', async () => {
    const { failure: told } = await failure(clientOf([await deadUrl()], 0).put(KEY, VALUE, ''));
    expect(told).toMatchObject({ code: 'unreachable', exit: 4, outcome: 'none' });
    expect(told.hint).toContain('npm start');
  });

  it('says "unknown" where any of its tries may have been carried out, whatever the last one met', async () => {
    const peer = await store();
    peer.mischief = ({ number }) =>
      number === 1 ? 'drop' : { status: 503, code: 'overloaded', outcome: 'none' };
    const { failure: told } = await failure(clientOf([peer.url, `${peer.url}/`], 0).put(KEY, VALUE, ''));
    expect(told).toMatchObject({ code: 'overloaded', outcome: 'unknown' });
  });

  it('ends a call to a silent peer at its timeout, as unknown', async () => {
    const sockets: net.Socket[] = [];
    const silent = net.createServer((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      silent.close();
      for (const socket of sockets) socket.destroy();
    });
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const { failure: told } = await failure(clientOf([url], 0, 50).put(KEY, VALUE, ''));
    expect(told).toMatchObject({ code: 'timeout', exit: 4, outcome: 'unknown' });
  });

  it('ends a call whose reply stops half-way at its timeout', async () => {
    const half = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"key":'));
    });
    await new Promise<void>((resolve) => half.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => void half.close());
    const url = `http://127.0.0.1:${(half.address() as AddressInfo).port}`;
    const { failure: told } = await failure(clientOf([url], 0, 50).get(KEY));
    expect(told.code).toBe('timeout');
  });

  it('stops trying at once when told to', async () => {
    const peer = await store();
    const stop = new AbortController();
    peer.mischief = ({ number }) => {
      if (number === 2) stop.abort();
      return { status: 503, code: 'overloaded' };
    };
    const told = await failure(clientOf([peer.url], 600_000, 5_000, stop.signal).get(KEY));
    expect(told.failure.code).toBe('overloaded');
    expect(peer.calls).toHaveLength(2);
  });

  it('does not repeat what was refused for good', async () => {
    const peer = await store();
    peer.mischief = () => ({ status: 400, code: 'invalid_version' });
    const { failure: told } = await failure(clientOf([peer.url], 10_000).put(KEY, VALUE, 'x'));
    expect(told).toMatchObject({ code: 'invalid_version', exit: 2 });
    expect(peer.calls).toHaveLength(1);
  });

  it('keeps its connections', async () => {
    const peer = await store();
    const client = clientOf([peer.url], 0);
    for (let i = 0; i < 20; i++) await client.put(Buffer.from(`k${i}`), VALUE, '');
    expect(peer.connections).toBe(1);
  });

  it('sends keys of any bytes', async () => {
    const peer = await store();
    const key = Buffer.from([0, 255, 47, 63, 37, 10]);
    await clientOf([peer.url], 0).put(key, VALUE, '');
    expect(peer.calls[0]?.key).toEqual(key);
  });

  it('takes a server that is no Rondo node for what it is', async () => {
    const peer = await store();
    peer.cluster = 'hello';
    const { failure: told } = await failure(clientOf([peer.url], 0).cluster());
    expect(told.code).toBe('not_rondo');
  });
});
