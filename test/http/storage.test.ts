import { afterEach, describe, expect, it } from '@jest/globals';
import type { Key } from '../../services/node/core/types.js';
import { call, codeOf, putJson } from './support/contract.js';
import { eventually, harnesses } from './support/harness.js';
import { exchangeRaw, requestText } from './support/rawHttp.js';

const { start, closeAll } = harnesses();
afterEach(closeAll);

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('PUT and GET', () => {
  it('a value comes back under the version that the PUT gave', async () => {
    const { url } = await start();
    const put = await putJson(url, '/storage/a2V5', { value: base64('one') });
    expect(put.json).toEqual({ success: true, version: 'v1' });
    const get = await call(url, 'GET', '/storage/a2V5');
    expect(get.status).toBe(200);
    expect(get.json).toEqual({ key: 'a2V5', value: { version: 'v1', values: [base64('one')] } });
  });

  it('a key with nothing stored: 404, version "" and no values', async () => {
    const { url } = await start();
    const get = await call(url, 'GET', '/storage/a2V5');
    expect(get.status).toBe(404);
    expect(get.json).toEqual({ key: 'a2V5', value: { version: '', values: [] } });
  });

  it('a deleted key: 404 with its version and no values', async () => {
    const { url } = await start();
    await putJson(url, '/storage/a2V5', { value: base64('one') });
    const gone = await call(url, 'DELETE', '/storage/a2V5?fromVersion=v1');
    expect(gone.json).toEqual({ success: true, version: 'v2' });
    const get = await call(url, 'GET', '/storage/a2V5');
    expect(get.status).toBe(404);
    expect(get.json).toEqual({ key: 'a2V5', value: { version: 'v2', values: [] } });
  });

  it('a stale write: 409 with the stored version', async () => {
    const { url } = await start();
    await putJson(url, '/storage/a2V5', { value: base64('one') });
    const stale = await putJson(url, '/storage/a2V5', { value: base64('two'), fromVersion: '' });
    expect(stale.status).toBe(409);
    expect(stale.json).toMatchObject({
      success: false,
      error: { code: 'stale_version', outcome: 'none' },
      version: 'v1',
    });
  });

  it('siblings: PUT gives no version but their number, GET gives all of them', async () => {
    const { url } = await start();
    await putJson(url, '/storage/a2V5', { value: base64('one') });
    const second = await putJson(url, '/storage/a2V5', { value: base64('two'), onConflict: 'sibling' });
    expect(second.json).toEqual({ success: true, version: null, siblings: 2 });
    const get = await call(url, 'GET', '/storage/a2V5');
    expect(get.json).toMatchObject({ value: { values: [base64('one'), base64('two')] } });
  });

  it('every option reaches the node, and what is left out has its default', async () => {
    const { url, stub } = await start();
    const options = { fromVersion: 'v7', quorum: 'strict', onConflict: 'sibling', requestId: 'r 1' };
    await putJson(url, '/storage/a2V5', { value: '', minNumWrites: 3, ...options });
    await call(
      url,
      'DELETE',
      `/storage/a2V5?minNumWrites=3&${new URLSearchParams(options).toString().replace('+', '%20')}`,
    );
    const value = expect.objectContaining({ length: 0 });
    expect(stub.puts).toEqual([
      { key: 'key', value, minWrites: 3, ...options },
      { key: 'key', value, minWrites: 3, ...options },
    ]);
    await putJson(url, '/storage/a2V5', { value: '' });
    expect(stub.puts.at(-1)).toEqual({
      key: 'key',
      value,
      fromVersion: '',
      quorum: 'sloppy',
      onConflict: 'refuse',
    });
    await call(url, 'GET', '/storage/a2V5?minNumReads=3&quorum=strict');
    await call(url, 'GET', '/storage/a2V5');
    expect(stub.gets).toEqual([
      { key: 'key', minReads: 3, quorum: 'strict' },
      { key: 'key', quorum: 'sloppy' },
    ]);
  });

  it('every byte survives in keys and values', async () => {
    const { url, stub } = await start();
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await putJson(url, `/storage/${encodeURIComponent(every.toString('base64'))}`, {
      value: every.toString('base64'),
    });
    expect([...stub.records.keys()]).toEqual([every.toString('latin1')]);
    const get = await call(url, 'GET', `/storage/${every.toString('base64url')}`);
    expect(get.json).toMatchObject({
      key: every.toString('base64'),
      value: { values: [every.toString('base64')] },
    });
  });

  it('a key means the same in every form, and comes back in standard base64', async () => {
    const { url, stub } = await start();
    const forms = ['+/+/YQ==', '-_-_YQ', '%2B%2F%2B%2FYQ%3D%3D', '+/+/YQ', '%2b/%2B/YQ'];
    for (const form of forms) {
      const get = await call(url, 'GET', `/storage/${form}`);
      expect(get.json).toMatchObject({ key: '+/+/YQ==' });
    }
    expect(new Set(stub.gets.map(({ key }) => key)).size).toBe(1);
  });

  it('PUT /storage takes the key from the body, with and without the slash', async () => {
    const { url, stub } = await start();
    await putJson(url, '/storage', { key: 'a2V5', value: base64('one') });
    await putJson(url, '/storage/', { key: 'a2V5', value: base64('two'), fromVersion: 'v1' });
    expect(stub.records.get('key' as Key)?.values).toEqual([Buffer.from('two')]);
  });

  it('the same key in path and body, in different forms, is no contradiction', async () => {
    const { url } = await start();
    const put = await putJson(url, '/storage/-_-_YQ', { key: '+/+/YQ==', value: '' });
    expect(put.status).toBe(200);
  });

  it('HEAD has the headers of GET and no body', async () => {
    const { url } = await start();
    await putJson(url, '/storage/a2V5', { value: base64('one') });
    const get = await call(url, 'GET', '/storage/a2V5');
    const head = await call(url, 'HEAD', '/storage/a2V5');
    expect(head.status).toBe(200);
    expect(head.text).toBe('');
    expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'));
  });

  it('the largest key and the largest value are taken, one byte more is not', async () => {
    const { url } = await start({ valueBytesMax: 1000 });
    const key = Buffer.alloc(4096, 'k').toString('base64');
    const put = (bytes: number) =>
      putJson(url, '/storage', { key, value: Buffer.alloc(bytes).toString('base64') });
    expect((await put(1000)).status).toBe(200);
    const tooLarge = await put(1001);
    expect([tooLarge.status, codeOf(tooLarge)]).toEqual([413, 'value_too_large']);
  });

  it('a body of the largest value with every slash escaped is taken', async () => {
    const { url } = await start({ valueBytesMax: 1_000_000 });
    const value = Buffer.alloc(1_000_000, 'any bytes? \u00ff').toString('base64');
    const body = JSON.stringify({ value }).replaceAll('/', '\\/');
    expect((await call(url, 'PUT', '/storage/a2V5', { body })).status).toBe(200);
  });
});

describe('errors of the node', () => {
  it('a missed quorum: 503 with got, wanted, outcome and Retry-After', async () => {
    const { url, stub } = await start();
    stub.failure = { code: 'quorum_not_met', got: 1, wanted: 2 };
    const put = await putJson(url, '/storage/a2V5', { value: '' });
    expect(put.status).toBe(503);
    expect(put.headers.get('retry-after')).toBe('1');
    expect(put.json).toMatchObject({
      error: { code: 'quorum_not_met', outcome: 'unknown', got: 1, wanted: 2 },
    });
  });

  it('a bug: 500 whose requestId is in the log, and the next request is served', async () => {
    const { url, stub, logged } = await start();
    stub.bug = new Error('a planted bug');
    const get = await call(url, 'GET', '/storage/a2V5', { headers: { 'x-request-id': 'mine-1' } });
    expect(get.json).toMatchObject({ error: { code: 'internal', outcome: 'unknown', requestId: 'mine-1' } });
    expect(logged).toMatchObject([{ level: 'error', fields: { requestId: 'mine-1' } }]);
    expect(get.text).not.toContain('planted');
    const put = await putJson(url, '/storage/a2V5', { value: '' });
    const { error } = put.json as { error: { requestId: string } };
    expect(logged[1]?.fields).toMatchObject({
      requestId: error.requestId,
      error: expect.stringContaining('planted'),
    });
    stub.bug = undefined;
    expect((await putJson(url, '/storage/a2V5', { value: '' })).status).toBe(200);
  });

  it('an unpresentable x-request-id does not reach the log', async () => {
    const { url, stub, logged } = await start();
    stub.bug = new Error('a planted bug');
    await call(url, 'GET', '/storage/a2V5', { headers: { 'x-request-id': 'x'.repeat(65) } });
    expect(logged[0]?.fields).toMatchObject({ requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  });
});

describe('HTTP as clients speak it', () => {
  const put = (body: string, headers?: Record<string, string>) =>
    requestText('PUT', '/storage/a2V5', body, headers);
  const statuses = (replies: readonly { status: number }[]) => replies.map(({ status }) => status);

  it('pipelined requests of one connection take effect and are answered in their order', async () => {
    const { port, stub } = await start();
    const requests = [
      put('{"value":"YQ=="}'),
      requestText('GET', '/storage/a2V5'),
      requestText('GET', '/ping'),
    ];
    const { replies } = await exchangeRaw({ host: '127.0.0.1', port }, [Buffer.concat(requests)], {
      timeoutMs: 5000,
      enough: (all) => all.length === 3,
    });
    expect(statuses(replies)).toEqual([200, 200, 200]);
    expect(replies[2]?.body).toBe('pong');
    expect(stub.puts).toHaveLength(1);
  });

  it('a client too far ahead is refused what does not fit in line, and every request has its reply', async () => {
    const { port, stub } = await start();
    stub.gate = new Promise((resolve) => setTimeout(resolve, 100));
    const requests = Array.from({ length: 80 }, () => requestText('GET', '/storage/a2V5'));
    const { replies } = await exchangeRaw({ host: '127.0.0.1', port }, [Buffer.concat(requests)], {
      timeoutMs: 5000,
      enough: (all) => all.length === 80,
    });
    expect(statuses(replies)).toEqual(Array.from({ length: 80 }, (_, index) => (index < 65 ? 404 : 503)));
    expect(stub.gets).toHaveLength(65);
  });

  it('a body in chunks, split anywhere, is put together', async () => {
    const { port, stub } = await start();
    const head = requestText('PUT', '/storage/a2V5', undefined, { 'Transfer-Encoding': 'chunked' });
    const parts = [
      '5\r\n{"val\r\n',
      { pauseMs: 20 },
      'a\r\nue":"YWJj"\r\n',
      { pauseMs: 20 },
      '1\r\n}\r\n0\r\n\r\n',
    ];
    const { replies } = await exchangeRaw({ host: '127.0.0.1', port }, [head, ...parts], {
      timeoutMs: 5000,
      enough: (all) => all.length > 0,
    });
    expect(statuses(replies)).toEqual([200]);
    expect(stub.puts[0]?.value).toEqual(Buffer.from('abc'));
  });

  it('Expect: 100-continue is told to go on, and then served', async () => {
    const { port } = await start();
    const body = '{"value":"YQ=="}';
    const head = requestText('PUT', '/storage/a2V5', undefined, {
      'Content-Length': `${body.length}`,
      Expect: '100-continue',
    });
    const { replies } = await exchangeRaw({ host: '127.0.0.1', port }, [head, { pauseMs: 50 }, body], {
      timeoutMs: 5000,
      enough: (all) => all.length === 2,
    });
    expect(statuses(replies)).toEqual([100, 200]);
  });

  it('the absolute form of a target is served', async () => {
    const { port } = await start();
    const targets = ['http://rondo/ping', 'http://rondo/storage/a2V5'];
    const { replies } = await exchangeRaw(
      { host: '127.0.0.1', port },
      targets.map((target) => requestText('GET', target)),
      { timeoutMs: 5000, enough: (all) => all.length === 2 },
    );
    expect(statuses(replies)).toEqual([200, 404]);
    expect(replies[1]?.body).toContain('"version":""');
  });

  it('a connection is kept after an error about what it sent', async () => {
    const { port } = await start();
    const requests = [
      put('not JSON'),
      requestText('POST', '/storage/a2V5', '{}'),
      requestText('GET', '/ping'),
    ];
    const { replies } = await exchangeRaw({ host: '127.0.0.1', port }, requests, {
      timeoutMs: 5000,
      enough: (all) => all.length === 3,
    });
    expect(statuses(replies)).toEqual([400, 405, 200]);
  });

  it('nonsense after a request whose reply is outstanding is answered behind that reply', async () => {
    const { port, stub } = await start();
    stub.gate = new Promise((resolve) => setTimeout(resolve, 100));
    const { replies, closed } = await exchangeRaw(
      { host: '127.0.0.1', port },
      [requestText('GET', '/storage/a2V5'), 'nonsense\r\n\r\n'],
      { timeoutMs: 5000 },
    );
    expect(closed).toBe(true);
    expect(statuses(replies)).toEqual([404, 400]);
  });
});

describe('metrics', () => {
  it('every finished request is counted by operation and code, and timed', async () => {
    const { url, stub, counted, observed } = await start();
    await putJson(url, '/storage/a2V5', { value: 'YQ==' });
    await putJson(url, '/storage/a2V5', { value: 'YQ==' });
    await call(url, 'GET', '/storage/a2V5');
    await call(url, 'GET', '/storage/AAAA');
    await call(url, 'DELETE', '/storage/a2V5?fromVersion=v1');
    stub.bug = new Error('a planted bug');
    await call(url, 'GET', '/storage/a2V5');
    await call(url, 'GET', '/ping');
    await call(url, 'GET', '/nothing');
    const expected = [
      'op=put,code=ok',
      'op=put,code=stale_version',
      'op=get,code=ok',
      'op=get,code=notFound',
      'op=get,code=internal',
      'op=delete,code=ok',
      'op=admin,code=ok',
      'op=admin,code=unknown_path',
    ];
    const names = expected.map((labels) => `rondo_requests_total{${labels}}`);
    await eventually(() => names.every((name) => counted.get(name) === 1));
    expect([...counted.keys()].sort()).toEqual(names.sort());
    expect(observed.get('rondo_request_seconds{op=get}')).toBe(3);
  });
});
