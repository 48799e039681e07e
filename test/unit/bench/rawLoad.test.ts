import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSocketServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type RawOrder, readAnswer, runRawLoad } from '../../../scripts/bench/rawLoad.js';

const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function listen(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function serve(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<string> {
  return listen(
    createServer((request, response) => {
      let body = '';
      request.on('data', (data: Buffer) => (body += data.toString()));
      request.on('end', () => answer(request, response, body));
    }),
  );
}

function reply(response: ServerResponse, status = 200): void {
  response.writeHead(status, { 'Content-Length': 2 }).end('{}');
}

const order = (url: string, more: Partial<RawOrder> = {}): RawOrder => ({
  url,
  shape: { method: 'PUT', path: '/{key}', body: '{"value":"{value}"}' },
  keys: { type: 'sequence', prefix: 'putm0000', first: 1 },
  connections: 4,
  seconds: 30,
  seed: 1,
  requests: 50,
  ...more,
});

describe('bench: the load generator in JavaScript', () => {
  it('sends each key of a sequence once, each with a value of its own, and counts every answer', async () => {
    const seen = new Map<string, string>();
    const url = await serve(({ url: path = '' }, response, body) => {
      seen.set(path, (JSON.parse(body) as { value: string }).value);
      reply(response);
    });
    const result = await runRawLoad(order(url));
    expect(result).toMatchObject({ answered: 50, failures: {} });
    expect(result.latencies.reduce((sum, [, count]) => sum + count, 0)).toBe(50);
    expect([...seen.keys()].sort()[0]).toBe('/putm000000000001');
    expect([...seen.keys()].sort().at(-1)).toBe('/putm000000000050');
    expect(new Set(seen.values()).size).toBe(50);
  });

  it('asks for keys of the given range only', async () => {
    const seen = new Set<string>();
    const url = await serve(({ url: path = '' }, response) => {
      seen.add(path);
      reply(response);
    });
    await runRawLoad(order(url, { keys: { type: 'random', prefix: 'benchget', count: 3 }, requests: 200 }));
    expect([...seen].sort()).toEqual([1, 2, 3].map((number) => `/benchget0000000${number}`));
  });

  it('keeps every connection busy with one request at a time', async () => {
    let most = 0;
    let open = 0;
    const url = await serve((_, response) => {
      most = Math.max(most, ++open);
      setTimeout(() => {
        open--;
        reply(response);
      }, 5);
    });
    await runRawLoad(order(url));
    expect(most).toBe(4);
  });

  it('counts answers that are not 2xx by their status', async () => {
    const url = await serve(({ url: path = '' }, response) =>
      reply(response, path.endsWith('0') ? 503 : 200),
    );
    const { failures, answered } = await runRawLoad(order(url));
    expect({ failures, answered }).toEqual({ failures: { 'status 503': 5 }, answered: 50 });
  });

  it('a connection that is closed instead of answered is a failure', async () => {
    const url = await listen(createSocketServer((socket) => socket.on('data', () => socket.end())));
    const { failures, answered } = await runRawLoad(order(url));
    expect({ failures, answered }).toEqual({ failures: { 'closed without an answer': 4 }, answered: 0 });
  });

  it('nobody listening is a failure', async () => {
    const url = await serve((_, response) => reply(response));
    await new Promise((resolve) => servers.splice(0)[0]!.close(resolve));
    expect((await runRawLoad(order(url))).failures).toEqual({ ECONNREFUSED: 4 });
  });

  it('an answer is whole when its announced length is there, in whatever pieces it comes', () => {
    const text = 'HTTP/1.1 409 Conflict\r\ncontent-length: 3\r\n\r\nabc';
    for (let length = 0; length < text.length; length++)
      expect(readAnswer(text.slice(0, length))).toBe('partial');
    expect(readAnswer(text)).toEqual({ status: 409, length: text.length });
    expect(readAnswer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')).toBe('unreadable');
  });
});
