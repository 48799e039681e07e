import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError, EXIT } from '../failure.js';
import {
  errorCode,
  jsonBody,
  readOutcome,
  refusal,
  writeOutcome,
  type ReadOutcome,
  type WriteOutcome,
} from './replies.js';
import { createRotation, nextPauseMs, retryableReply } from './retry.js';
import { createTransport, TransportFault, type HttpCall, type HttpReply } from './transport.js';

/** Absent numbers and quorums leave the choice to the node: majority and sloppy. */
export interface ReadOptions {
  readonly minNumReads?: number | undefined;
  readonly quorum?: string | undefined;
}

export interface WriteOptions {
  readonly minNumWrites?: number | undefined;
  readonly quorum?: string | undefined;
  readonly onConflict?: string | undefined;
  readonly requestId?: string | undefined;
}

/** The nodes behind the given URLs, as one store. Every call settles within `retryMs` and one timeout. */
export interface StoreClient {
  get(key: Uint8Array, options?: ReadOptions): Promise<ReadOutcome>;
  /** `fromVersion` `""`: only where nothing is stored. An empty value deletes. */
  put(key: Uint8Array, value: Buffer, fromVersion: string, options?: WriteOptions): Promise<WriteOutcome>;
  /** The body of `/cluster` of the first node that answers. */
  cluster(): Promise<unknown>;
  /** The body of `/internal/where`. */
  where(key: Uint8Array): Promise<unknown>;
  /** Has the node that answers compare with the others, everything or one partition; the body of its reply. */
  repair(partition?: number): Promise<unknown>;
  /** Takes a lost node out of the cluster document; the body of the reply. */
  remove(node: string): Promise<unknown>;
  /** Tries beyond the first, over all calls. */
  retried(): number;
  close(): void;
}

export interface ClientOptions {
  readonly urls: readonly [URL, ...URL[]];
  readonly timeoutMs: number;
  /** Shown to every node, those that want none included. */
  readonly token: string | undefined;
  /** How long one call goes on trying; 0: every URL once. */
  readonly retryMs: number;
  /** Ends the trying; a call under way still gets its answer. */
  readonly signal?: AbortSignal | undefined;
}

export function createClient(options: ClientOptions): StoreClient {
  const transport = createTransport(options.token);
  const rotation = createRotation(options.urls);
  let retried = 0;

  /** Sends until there is an answer that counts; the last failure otherwise. */
  async function persist(call: HttpCall): Promise<{ reply: HttpReply; from: URL }> {
    const startedMs = performance.now();
    let doubtful = false;
    for (let tries = 1; ; tries++) {
      const from = rotation.next(performance.now());
      const result = await attempt(from, call);
      if (!(result instanceof CliError) && !isRetryable(result)) return { reply: result, from };
      rotation.failed(from, performance.now());
      const failure = result instanceof CliError ? result : refusal(result, from);
      doubtful ||= failure.failure.outcome === 'unknown';
      const retryAfterMs = result instanceof CliError ? undefined : result.retryAfterMs;
      const elapsedMs = performance.now() - startedMs;
      const { retryMs, urls } = options;
      const state = { tries, urls: urls.length, elapsedMs, retryMs, retryAfterMs };
      const pauseMs = nextPauseMs(state, Math.random());
      if (pauseMs === null || !(await paused(pauseMs, options.signal))) {
        throw doubtful ? inDoubt(failure) : failure;
      }
      retried++;
    }
  }

  async function attempt(from: URL, call: HttpCall): Promise<HttpReply | CliError> {
    try {
      return await transport.send(from, call, options.timeoutMs);
    } catch (error) {
      if (error instanceof TransportFault) return silence(error, from, call);
      throw error;
    }
  }

  async function body(call: HttpCall): Promise<unknown> {
    const { reply, from } = await persist(call);
    return jsonBody(reply, from);
  }

  return {
    get: async (key, read = {}) => {
      const { reply, from } = await persist({ method: 'GET', path: `${storagePath(key)}${queryOf(read)}` });
      return readOutcome(reply, from);
    },
    put: async (key, value, fromVersion, write = {}) => {
      const body = putBody(value, fromVersion, write);
      const { reply, from } = await persist({ method: 'PUT', path: storagePath(key), body });
      return writeOutcome(reply, from);
    },
    ...adminCalls(body),
    retried: () => retried,
    close: () => transport.close(),
  };
}

/** What is about the cluster, not about a key's values. */
function adminCalls(
  body: (call: HttpCall) => Promise<unknown>,
): Pick<StoreClient, 'cluster' | 'where' | 'repair' | 'remove'> {
  return {
    cluster: () => body({ method: 'GET', path: '/cluster' }),
    where: (key) => body({ method: 'GET', path: `/internal/where/${base64Url(key)}` }),
    repair: (partition) =>
      body({
        method: 'POST',
        path: partition === undefined ? '/internal/repair' : `/internal/repair?partition=${partition}`,
      }),
    remove: (node) =>
      body({ method: 'POST', path: `/internal/remove/${encodeURIComponent(node)}?acceptLoss=true` }),
  };
}

function storagePath(key: Uint8Array): string {
  return `/storage/${base64Url(key)}`;
}

function base64Url(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('base64url');
}

function queryOf({ minNumReads, quorum }: ReadOptions): string {
  const query = new URLSearchParams();
  if (minNumReads !== undefined) query.set('minNumReads', String(minNumReads));
  if (quorum !== undefined) query.set('quorum', quorum);
  return query.size === 0 ? '' : `?${query.toString()}`;
}

/** The requestId is made once a call, so that every try is the same write to the cluster. */
function putBody(value: Buffer, fromVersion: string, write: WriteOptions): string {
  const { minNumWrites, quorum, onConflict, requestId = randomUUID() } = write;
  const rest = JSON.stringify({ fromVersion, minNumWrites, quorum, onConflict, requestId });
  return `{"value":"${value.toString('base64')}",${rest.slice(1)}`;
}

function isRetryable(reply: HttpReply): boolean {
  return retryableReply(reply.status, reply.status === 429 ? errorCode(reply) : undefined);
}

/** An earlier try may have been carried out, whatever the last one says. */
function inDoubt(error: CliError): CliError {
  return new CliError({ ...error.failure, outcome: 'unknown' });
}

/** False where the signal ended the pause. */
async function paused(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  if (signal?.aborted) return false;
  if (ms === 0) return true;
  try {
    await sleep(ms, undefined, signal && { signal });
    return true;
  } catch {
    return false;
  }
}

function silence(fault: TransportFault, from: URL, call: HttpCall): CliError {
  const neverArrived = fault.kind === 'refused' || fault.kind === 'unresolved';
  return new CliError({
    code: fault.kind === 'timeout' ? 'timeout' : 'unreachable',
    exit: EXIT.unavailable,
    message: `${from.origin} ${fault.message}`,
    hint: neverArrived
      ? 'Is it running? Start it with `npm start`, or point --url (or RONDO_URL) at a node'
      : 'Try again; `rondo status` shows the nodes',
    outcome: call.method !== 'GET' ? (neverArrived ? 'none' : 'unknown') : undefined,
  });
}
