import { randomBytes } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** A store of one process that follows the HTTP contract as far as the CLI uses it, and misbehaves as a test says. */

interface Stored {
  version: string;
  /** Empty: deleted. */
  values: Buffer[];
  requestIds: string[];
}

export interface Call {
  readonly method: string;
  readonly key: Buffer;
  readonly query: URLSearchParams;
  readonly body: PutBody;
  /** Counted from 1. */
  readonly number: number;
}

export interface PutBody {
  readonly value: string;
  readonly fromVersion?: string;
  readonly onConflict?: string;
  readonly requestId?: string;
}

/**
 * What happens to a call instead of being carried out; `drop`: the connection breaks before, `dropAfter`: after it was
 * carried out.
 */
export type Mischief =
  'drop' | 'dropAfter' | { status: number; code: string; outcome?: string; headers?: Record<string, string> };

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

export interface MemoryStore {
  readonly url: string;
  readonly records: Map<string, Stored>;
  readonly calls: Call[];
  mischief: (call: Call) => Mischief | undefined;
  /** Sockets accepted so far. */
  connections: number;
  cluster: unknown;
  /** Answers what is under /internal; `path` with its query. */
  internal: (method: string, path: string, headers: http.IncomingHttpHeaders) => Reply;
  live(): string[];
  plant(key: string, ...values: (Buffer | string)[]): void;
  close(): Promise<void>;
}

export async function startMemoryStore(): Promise<MemoryStore> {
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => answer(store, request, response, Buffer.concat(chunks)));
  });
  server.on('connection', () => store.connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const store: MemoryStore = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    records: new Map(),
    calls: [],
    mischief: () => undefined,
    connections: 0,
    cluster: undefined,
    internal: () => ({ status: 404, body: {} }),
    live: () => [...store.records].filter(([, { values }]) => values.length > 0).map(([key]) => key),
    plant: (key, ...values) => {
      store.records.set(key, {
        version: newVersion(),
        values: values.map((v) => Buffer.from(v)),
        requestIds: [],
      });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return store;
}

function newVersion(): string {
  return randomBytes(12).toString('base64url');
}

function answer(
  store: MemoryStore,
  request: http.IncomingMessage,
  response: http.ServerResponse,
  body: Buffer,
): void {
  const target = new URL(request.url ?? '/', 'http://store');
  if (target.pathname === '/cluster') return send(response, 200, store.cluster);
  if (target.pathname.startsWith('/internal/')) {
    const reply = store.internal(request.method ?? '', request.url ?? '', request.headers);
    return send(response, reply.status, reply.body);
  }
  const key = Buffer.from(decodeURIComponent(target.pathname.replace('/storage/', '')), 'base64url');
  const method = request.method ?? '';
  const parsed = JSON.parse(body.length > 0 ? body.toString('utf8') : '{"value":""}') as PutBody;
  const call = { method, key, query: target.searchParams, body: parsed, number: store.calls.length + 1 };
  store.calls.push(call);
  const mischief = store.mischief(call);
  if (mischief === 'drop') return void request.socket.destroy();
  if (typeof mischief === 'object') {
    const { status, code, outcome, headers } = mischief;
    return send(response, status, { success: false, error: { code, message: `${code}.`, outcome } }, headers);
  }
  const { status, reply } = carryOut(store.records, call);
  if (mischief === 'dropAfter') return void request.socket.destroy();
  send(response, status, reply);
}

function carryOut(records: Map<string, Stored>, call: Call): { status: number; reply: unknown } {
  const name = call.key.toString('latin1');
  const stored = records.get(name) ?? { version: '', values: [], requestIds: [] };
  if (call.method === 'GET') {
    const values = stored.values.map((value) => value.toString('base64'));
    const reply = { key: call.key.toString('base64'), value: { version: stored.version, values } };
    return { status: values.length > 0 ? 200 : 404, reply };
  }
  const { value, fromVersion = '', onConflict, requestId = '' } = call.body;
  if (requestId !== '' && stored.requestIds.includes(requestId)) {
    return { status: 200, reply: { success: true, version: stored.version } };
  }
  const stale = fromVersion !== stored.version && !(fromVersion === '' && stored.values.length === 0);
  if (stale && onConflict !== 'sibling') {
    const error = { code: 'stale_version', message: 'stale.', outcome: 'none' };
    return { status: 409, reply: { success: false, error, version: stored.version } };
  }
  const bytes = Buffer.from(value, 'base64');
  const values = [...(stale ? stored.values : []), ...(bytes.length > 0 ? [bytes] : [])];
  const version = newVersion();
  records.set(name, { version, values, requestIds: [...stored.requestIds, requestId] });
  const reply =
    values.length > 1
      ? { success: true, version: null, siblings: values.length }
      : { success: true, version };
  return { status: 200, reply };
}

function send(
  response: http.ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
