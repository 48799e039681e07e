import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { call, codeOf, putJson } from './support/contract.js';
import { eventually, harnesses, startHarness } from './support/harness.js';
import { exchangeRaw, requestText } from './support/rawHttp.js';

const { start, closeAll } = harnesses();
afterEach(closeAll);

/** A promise and the function that settles it. */
function latch(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

const value = Buffer.alloc(30_000).toString('base64');

describe('I14: what does not fit is refused at the door', () => {
  it('too many live requests: 503 with Retry-After, no effect; after that there is room again', async () => {
    const { url, stub, counted } = await start({ limits: { requestsMax: 2 } });
    const { opened, open } = latch();
    stub.gate = opened;
    const live = [call(url, 'GET', '/storage/AAAA'), putJson(url, '/storage/BBBB', { value: '' })];
    await eventually(() => stub.gets.length + stub.puts.length === 2);
    const refused = [
      await call(url, 'GET', '/storage/CCCC'),
      await putJson(url, '/storage/DDDD', { value: '' }),
    ];
    expect(refused.map(codeOf)).toEqual(['overloaded', 'overloaded']);
    expect(refused[1]?.json).toMatchObject({ error: { outcome: 'none' } });
    expect(stub.gets.length + stub.puts.length).toBe(2);
    expect(counted.get('rondo_requests_refused_total{reason=requests}')).toBe(2);
    open();
    expect((await Promise.all(live)).map(({ status }) => status)).toEqual([404, 200]);
    expect((await call(url, 'GET', '/storage/CCCC')).status).toBe(404);
  });

  it('monitors are answered while /storage is full', async () => {
    const { url, stub } = await start({ limits: { requestsMax: 1 } });
    const { opened, open } = latch();
    stub.gate = opened;
    const live = call(url, 'GET', '/storage/AAAA');
    await eventually(() => stub.gets.length === 1);
    expect((await call(url, 'GET', '/health')).status).toBe(200);
    open();
    await live;
  });

  it('too many bytes of bodies: 503 before the body is read', async () => {
    const { url, port, stub } = await start({ limits: { bytesMax: 60_000 } });
    const { opened, open } = latch();
    stub.gate = opened;
    const live = putJson(url, '/storage/AAAA', { value });
    await eventually(() => stub.puts.length === 1);
    const head = requestText('PUT', '/storage/BBBB', undefined, { 'Content-Length': '40000' });
    const { replies } = await exchangeRaw({ host: '127.0.0.1', port }, [head], {
      timeoutMs: 5000,
      enough: (all) => all.length > 0,
    });
    expect(replies.map(({ status }) => status)).toEqual([503]);
    expect(replies[0]?.headers.get('retry-after')).toBe('1');
    open();
    expect((await live).status).toBe(200);
    expect((await putJson(url, '/storage/BBBB', { value })).status).toBe(200);
  });

  it('bytes of a body without an announced length count as they arrive', async () => {
    const { port, stub, url } = await start({ limits: { bytesMax: 10_000, lingerMs: 50 } });
    const head = requestText('PUT', '/storage/AAAA', undefined, { 'Transfer-Encoding': 'chunked' });
    const chunk = `1000\r\n${' '.repeat(0x1000)}\r\n`;
    const { replies, closed } = await exchangeRaw({ host: '127.0.0.1', port }, [head, chunk, chunk, chunk], {
      timeoutMs: 5000,
    });
    expect(replies.map(({ status }) => status)).toEqual([503]);
    expect(closed).toBe(true);
    expect(stub.puts).toEqual([]);
    expect((await putJson(url, '/storage/AAAA', { value: '' })).status).toBe(200);
  });

  it('bytes of replies count until the client has fetched them', async () => {
    const { url, stub } = await start({ limits: { bytesMax: 90_000 } });
    await putJson(url, '/storage/AAAA', { value });
    await putJson(url, '/storage/AAAA', { value, onConflict: 'sibling' });
    await putJson(url, '/storage/AAAA', { value, onConflict: 'sibling' });
    const get = await call(url, 'GET', '/storage/AAAA');
    expect([get.status, codeOf(get)]).toEqual([503, 'overloaded']);
    expect(stub.gets).toHaveLength(1);
    expect((await putJson(url, '/storage/BBBB', { value })).status).toBe(200);
  });

  it('a client that hangs up makes no room before the node has finished its request', async () => {
    const { url, stub, counted } = await start({ limits: { requestsMax: 1 } });
    const { opened, open } = latch();
    stub.gate = opened;
    const abort = new AbortController();
    const gaveUp = fetch(`${url}/storage/AAAA`, { signal: abort.signal }).catch(() => 'gave up');
    await eventually(() => stub.gets.length === 1);
    abort.abort();
    expect(await gaveUp).toBe('gave up');
    expect(codeOf(await call(url, 'GET', '/storage/BBBB'))).toBe('overloaded');
    open();
    await eventually(() => counted.get('rondo_requests_total{op=get,code=notFound}') === 1);
    expect((await call(url, 'GET', '/storage/BBBB')).status).toBe(404);
  });

  it('bodies that clients leave unfinished give back their room', async () => {
    const { url, port, stub, counted } = await start({ limits: { requestsMax: 4, bytesMax: 60_000 } });
    const head = requestText('PUT', '/storage/AAAA', undefined, { 'Content-Length': '10000' });
    for (let round = 0; round < 8; round++) {
      await exchangeRaw({ host: '127.0.0.1', port }, [head, '{"value":'], { timeoutMs: 20 });
    }
    await eventually(() => counted.get('rondo_requests_total{op=put,code=aborted}') === 8);
    expect((await putJson(url, '/storage/AAAA', { value })).status).toBe(200);
    expect(stub.puts).toHaveLength(1);
  });

  it('connections over the bound are closed, and counted', async () => {
    const { port, counted } = await start({ limits: { connectionsMax: 2 } });
    const address = { host: '127.0.0.1', port };
    const silent = [1, 2].map(() => exchangeRaw(address, [], { timeoutMs: 400 }));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const { replies, closed } = await exchangeRaw(address, [requestText('GET', '/ping')], {
      timeoutMs: 5000,
    });
    expect([replies, closed]).toEqual([[], true]);
    await eventually(() => counted.get('rondo_requests_refused_total{reason=connections}') === 1);
    await Promise.all(silent);
  });
});

describe('connections that nothing comes of', () => {
  it('an idle connection is closed after its time', async () => {
    const { port } = await start({ limits: { keepAliveMs: 100 } });
    const { replies, closed } = await exchangeRaw(
      { host: '127.0.0.1', port },
      [requestText('GET', '/ping')],
      {
        timeoutMs: 10_000,
      },
    );
    expect([replies.length, closed]).toEqual([1, true]);
  });

  it('a client that never fetches its reply is cut off, and its room given back', async () => {
    const { url, port, counted } = await start({ valueBytesMax: 16_000_000, limits: { stalledMs: 1_000 } });
    await putJson(url, '/storage/AAAA', { value: Buffer.alloc(12_000_000).toString('base64') });
    const socket = connect(port, '127.0.0.1').pause();
    socket.on('error', () => undefined);
    socket.write(requestText('GET', '/storage/AAAA'));
    await eventually(() => counted.get('rondo_requests_total{op=get,code=ok}') === 1, 10_000);
    socket.destroy();
  });
});

describe('close', () => {
  it('lets live requests finish, takes no new connection, and closes idle ones', async () => {
    const { server, url, port, stub } = await start();
    const { opened, open } = latch();
    stub.gate = opened;
    const idle = exchangeRaw({ host: '127.0.0.1', port }, [requestText('GET', '/ping')], { timeoutMs: 5000 });
    const silent = exchangeRaw({ host: '127.0.0.1', port }, [], { timeoutMs: 5000 });
    const live = call(url, 'GET', '/storage/AAAA');
    await eventually(() => stub.gets.length === 1);
    const closed = server.close();
    expect((await idle).closed).toBe(true);
    expect((await silent).closed).toBe(true);
    await expect(fetch(`${url}/ping`, { headers: { Connection: 'close' } })).rejects.toThrow();
    open();
    const reply = await live;
    expect([reply.status, reply.headers.get('connection')]).toEqual([404, 'close']);
    await closed;
    await server.close();
  });

  it('a request that comes on a live connection during it: 503 shutting_down, certainly no effect', async () => {
    const { server, port, stub } = await start();
    const { opened, open } = latch();
    stub.gate = opened;
    const sendings = [
      requestText('GET', '/storage/AAAA'),
      { pauseMs: 200 },
      requestText('GET', '/storage/BBBB'),
    ];
    const pipelined = exchangeRaw({ host: '127.0.0.1', port }, sendings, { timeoutMs: 5000 });
    await eventually(() => stub.gets.length === 1);
    const closed = server.close();
    await new Promise((resolve) => setTimeout(resolve, 400));
    open();
    const { replies } = await pipelined;
    await closed;
    expect(replies[0]?.status).toBe(404);
    expect(stub.gets).toHaveLength(1);
  });

  it('cuts off what does not finish within its time', async () => {
    const { server, url, stub } = await start({ limits: { drainMs: 100 } });
    const { opened, open } = latch();
    stub.gate = opened;
    const live = fetch(`${url}/storage/AAAA`).catch(() => 'cut off');
    await eventually(() => stub.gets.length === 1);
    await server.close();
    expect(await live).toBe('cut off');
    open();
  });

  it('a taken port is an error of listen', async () => {
    const { port } = await start();
    await expect(startHarness({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
