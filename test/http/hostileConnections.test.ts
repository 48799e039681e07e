import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { resetSocket } from '../../scripts/support/tcpProxy.js';
import { call } from './support/contract.js';
import { harnesses } from './support/harness.js';
import { exchangeRaw, requestText } from './support/rawHttp.js';
import type { RawReply, Sending } from './support/rawHttp.js';

/** Connections as the fuzzer made them, each of which once cost a reply or the process. */

const { start, closeAll } = harnesses();
afterEach(closeAll);

const TIMEOUT_MS = 10_000;
const PUT = requestText('PUT', '/storage/a2V5', JSON.stringify({ value: 'YWJj' }));

async function send(port: number, sendings: readonly Sending[]) {
  const { replies, closed } = await exchangeRaw({ host: '127.0.0.1', port }, sendings, {
    timeoutMs: TIMEOUT_MS,
  });
  return { statuses: replies.map(({ status }: RawReply) => status), replies, closed };
}

/** Everything up to the end of the connection. */
async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

describe('hostile connections', () => {
  it('a client that asks for a tunnel and is gone at once leaves the node alive', async () => {
    const { url, port } = await start();
    for (let left = 200; left > 0; left--) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(`CONNECT host:80 HTTP/1.1\r\nHost: rondo\r\n\r\n${'x'.repeat(left * 300)}`);
      resetSocket(socket);
    }
    expect((await call(url, 'GET', '/ping')).status).toBe(200);
  });

  it('a write is answered also where nonsense follows it on its connection', async () => {
    const { port, stub } = await start();
    stub.gate = new Promise((resolve) => setTimeout(resolve, 100));
    const { statuses, closed } = await send(port, [PUT, 'nonsense\r\n\r\n', 'more nonsense\r\n\r\n']);
    expect(statuses).toEqual([200, 400]);
    expect(closed).toBe(true);
  });

  it('a request whose body breaks off into nonsense is refused after what came before it was answered', async () => {
    const { port, stub } = await start();
    stub.gate = new Promise((resolve) => setTimeout(resolve, 100));
    const broken = requestText('PUT', '/storage/a2V6', undefined, { 'Transfer-Encoding': 'chunked' });
    const { statuses, closed } = await send(port, [PUT, requestText('GET', '/ping'), broken, 'zz\r\n{}\r\n']);
    expect(statuses).toEqual([200, 200, 400]);
    expect(closed).toBe(true);
  });

  it.each([
    ['answered', 'GET', '/storage/a2V5', 404],
    ['refused for its parameter', 'GET', '/storage/a2V5?x=1', 400],
    ['refused for its path', 'POST', '/nowhere', 404],
    ['answered by the admin side', 'GET', '/ping', 200],
  ])(
    'a last request that is %s while its body is on its way keeps its reply',
    async (_, method, target, status) => {
      const { port } = await start();
      const body = 'x'.repeat(20_000);
      const request = requestText(method, target, body, { Connection: 'close' });
      const socket = connect({ port, host: '127.0.0.1' });
      socket.pause();
      socket.on('error', () => undefined);
      socket.write(request.subarray(0, 1000));
      // Long after the reply has been written: the rest must not meet a closed connection, whose reset takes the reply away.
      await sleep(200);
      socket.write(request.subarray(1000, 10_000));
      await sleep(100);
      socket.write(request.subarray(10_000));
      expect(await textOf(socket)).toMatch(new RegExp(`^HTTP/1.1 ${String(status)} `));
    },
  );

  it.each([{ Expect: '100-continue' }, {}])(
    'a refusal reaches also a client that sends its body and further requests without a pause: %j',
    async (headers) => {
      const { port } = await start({ valueBytesMax: 1000 });
      const large = requestText('PUT', '/storage/a2V5', 'x'.repeat(200_000), headers);
      const socket = connect({ port, host: '127.0.0.1' });
      socket.pause();
      socket.on('error', () => undefined);
      socket.write(PUT);
      for (let sent = 0; sent < large.length; sent += 50_000) {
        socket.write(large.subarray(sent, sent + 50_000));
        await sleep(20);
      }
      socket.write(PUT);
      await sleep(100);
      socket.write(PUT);
      await sleep(100);
      expect((await textOf(socket)).match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 413']);
    },
  );

  it.each(['A://', 'a://b/c', 'ws://rondo/ping', 'http://', 'http://[::/x', '*'])(
    'the target %s is answered as an unknown path',
    async (target) => {
      const { port } = await start();
      const closing = requestText('GET', target, undefined, { Connection: 'close' });
      const { replies } = await send(port, [closing]);
      expect(replies.map(({ body }) => (JSON.parse(body) as { error: { code: string } }).error.code)).toEqual(
        ['unknown_path'],
      );
    },
  );
});
