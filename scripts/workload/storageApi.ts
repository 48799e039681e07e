import http from 'node:http';
import type { AnswerOutcome, ValueId } from './log.js';
import { decodeValue, encodeValue, keyInPath } from './values.js';

/** Rondo's storage requests as a client sends them, each with a definite or an unknown outcome. */
export interface StorageApi {
  get(url: string, key: string, query: ReadQuery): Promise<Answer>;
  put(url: string, key: string, write: PutBody): Promise<Answer>;
  remove(url: string, key: string, write: DeleteQuery): Promise<Answer>;
  close(): void;
}

export interface ReadQuery {
  readonly minNumReads?: number | undefined;
  readonly quorum: 'strict' | 'sloppy';
}

export interface DeleteQuery {
  readonly fromVersion: string;
  readonly minNumWrites?: number | undefined;
  readonly quorum: 'strict' | 'sloppy';
}

export interface PutBody extends DeleteQuery {
  /** undefined writes the empty value, which is a delete. */
  readonly value: ValueId | undefined;
  readonly sizeBytes: number;
  readonly onConflict: 'refuse' | 'sibling';
  readonly requestId?: string | undefined;
}

export interface Answer {
  readonly outcome: AnswerOutcome;
  readonly code: string;
  readonly version?: string | null;
  readonly values?: readonly ValueId[];
  readonly retryAfterMs?: number;
}

interface RawAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly retryAfterMs: number | undefined;
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body?: string;
}

/** Talks to any node over kept-alive connections; nothing is ever sent twice by itself. `token`: shown where there is one. */
export function openStorageApi(timeoutMs: number, token?: string): StorageApi {
  const agent = new http.Agent({ keepAlive: true });
  const shown = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const call = (url: string, { body, ...rest }: Omit<Call, 'headers'>): Promise<RawAnswer | Answer> => {
    const headers = body === undefined ? shown : { ...shown, ...bodyHeaders(body) };
    return send(agent, url, { ...rest, headers, ...(body !== undefined && { body }) }, timeoutMs);
  };
  return {
    get: async (url, key, query) =>
      readAnswer(await call(url, { method: 'GET', path: path(key, { ...query }) })),
    put: async (url, key, write) =>
      writeAnswer(await call(url, { method: 'PUT', path: path(key, {}), body: putBody(write) })),
    remove: async (url, key, write) =>
      writeAnswer(await call(url, { method: 'DELETE', path: path(key, { ...write }) })),
    close: () => {
      agent.destroy();
    },
  };
}

function path(key: string, query: Record<string, string | number | undefined>): string {
  const stated = Object.entries(query).filter((entry) => entry[1] !== undefined);
  const text = stated.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&');
  return `/storage/${keyInPath(key)}${text === '' ? '' : `?${text}`}`;
}

function putBody(write: PutBody): string {
  const { value, sizeBytes, ...rest } = write;
  const bytes = value === undefined ? Buffer.alloc(0) : encodeValue(value, sizeBytes);
  return JSON.stringify({ ...rest, value: bytes.toString('base64') });
}

function send(agent: http.Agent, url: string, call: Call, timeoutMs: number): Promise<RawAnswer | Answer> {
  return new Promise((resolve) => {
    const { method, headers } = call;
    const request = http.request(`${url}${call.path}`, { method, agent, headers });
    const deadline = setTimeout(() => {
      settle({ outcome: 'unknown', code: 'client_timeout' });
      request.destroy();
    }, timeoutMs);
    const settle = (answer: RawAnswer | Answer): void => {
      clearTimeout(deadline);
      resolve(answer);
    };
    request.on('response', (response) => {
      collect(response, settle);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      settle(connectionFailure(error));
    });
    request.end(call.body);
  });
}

function bodyHeaders(body: string): Record<string, string | number> {
  return { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
}

function collect(response: http.IncomingMessage, settle: (answer: RawAnswer | Answer) => void): void {
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('error', (error: NodeJS.ErrnoException) => {
    settle(connectionFailure(error));
  });
  response.on('end', () => {
    const body = parseObject(Buffer.concat(chunks).toString());
    if (body === undefined)
      settle({ outcome: 'unknown', code: `answer_not_json_${String(response.statusCode)}` });
    else settle({ status: response.statusCode ?? 0, body, retryAfterMs: retryAfter(response) });
  });
}

/** Only a refused connection says for certain that nothing was sent. */
function connectionFailure(error: NodeJS.ErrnoException): Answer {
  if (error.code === 'ECONNREFUSED') return { outcome: 'none', code: 'connection_refused' };
  return { outcome: 'unknown', code: 'connection_lost' };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function retryAfter(response: http.IncomingMessage): number | undefined {
  const seconds = Number(response.headers['retry-after']);
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}

/** 200 and 404 both carry the key's version and values; a 404 without them is an error of another kind. */
function readAnswer(raw: RawAnswer | Answer): Answer {
  if (!('status' in raw)) return raw;
  const found = isObject(raw.body['value']) ? raw.body['value'] : undefined;
  if ((raw.status !== 200 && raw.status !== 404) || !found) return errorAnswer(raw);
  const { version, values } = found;
  if (typeof version !== 'string' || !Array.isArray(values))
    return { outcome: 'unknown', code: 'answer_malformed' };
  const ids = values.map((value: unknown) => decodeValue(Buffer.from(String(value), 'base64')));
  return { outcome: 'ok', code: 'ok', version, values: ids };
}

function writeAnswer(raw: RawAnswer | Answer): Answer {
  if (!('status' in raw)) return raw;
  if (raw.status !== 200 || raw.body['success'] !== true) return errorAnswer(raw);
  const version = raw.body['version'];
  return { outcome: 'ok', code: 'ok', version: typeof version === 'string' ? version : null };
}

/** Ends the code of a 503 that did not say when to come again, which every one has to. */
const NO_RETRY_AFTER = '_without_retry_after';

function errorAnswer(raw: RawAnswer): Answer {
  const error = isObject(raw.body['error']) ? raw.body['error'] : {};
  const named = typeof error['code'] === 'string' ? error['code'] : `status_${String(raw.status)}`;
  const code = raw.status === 503 && raw.retryAfterMs === undefined ? `${named}${NO_RETRY_AFTER}` : named;
  const outcome = error['outcome'] === 'none' ? 'none' : 'unknown';
  return raw.retryAfterMs === undefined
    ? { outcome, code }
    : { outcome, code, retryAfterMs: raw.retryAfterMs };
}
