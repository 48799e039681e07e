import { EventEmitter } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { performance } from 'node:perf_hooks';
import Consul from 'consul';
import type { Metrics } from '../../ports/telemetry.js';
import { type Fault, faultOf } from './faults.js';
import { guardAnswers, type RequestContext } from './guard.js';
import type { Token } from './token.js';

/** Requests to one agent: each has a deadline and a bound, none is repeated but after the token was renewed. */
export interface Client {
  ask(request: RequestName, timeoutMs: number, call: Call): Promise<Reply>;
  /** Ends what is under way, as a fault, and whatever is asked from now on. */
  close(): void;
}

/** As the metrics call them. */
export type RequestName = 'read' | 'swap' | 'watch' | 'nodes' | 'look' | 'register' | 'deregister';

export interface CallOptions {
  readonly ctx: RequestContext;
  readonly token?: string;
}

/** Resolves with the answer's head and body. */
export type Call = (api: Consul, options: CallOptions) => Promise<unknown>;

export type Reply =
  | {
      readonly ok: true;
      readonly status: number;
      /** None where the answer is no blocking query's, or not Consul's. */
      readonly index: number | undefined;
      readonly body: unknown;
    }
  | { readonly ok: false; readonly fault: Fault };

export type Answer<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault };

export interface ClientOptions {
  /** `http://` or `https://`, host and port. */
  readonly url: string;
  /** PEM; the system's authorities where there is none. */
  readonly ca: string | undefined;
  readonly token: Token;
  readonly metrics: Metrics;
}

/** Two watches, a read, a swap, the registration, and one on its way out. */
const CONNECTIONS_MAX = 6;
/** A value of 512 KiB in base64, and what is around it. */
const BYTES_MAX = 1024 * 1024;
/** 1,024 nodes of 4,096 partitions, with what their checks say. */
const NODES_BYTES_MAX = 8 * 1024 * 1024;

interface State extends ClientOptions {
  readonly api: Consul;
  readonly underway: Set<() => void>;
  closed: boolean;
}

export function openClient(options: ClientOptions): Client {
  const state: State = { ...options, api: openApi(options), underway: new Set(), closed: false };
  return {
    ask: (request, timeoutMs, call) => ask(state, request, timeoutMs, call),
    close: () => {
      state.closed = true;
      for (const abort of [...state.underway]) abort();
      state.api.destroy();
    },
  };
}

function openApi({ url, ca }: ClientOptions): Consul {
  const { protocol, hostname, port } = new URL(url);
  const secure = protocol === 'https:';
  // Sockets want an IPv6 address without the brackets of a URL; what an agent is given counts.
  const common = { keepAlive: true, maxSockets: CONNECTIONS_MAX, host: hostname.replace(/^\[(.*)\]$/, '$1') };
  const agent = secure
    ? new https.Agent({ ...common, ...(ca !== undefined && { ca }) })
    : new http.Agent(common);
  const api = new Consul({
    host: hostname,
    port: Number(port === '' ? (secure ? 443 : 80) : port),
    secure,
    agent,
  });
  guardAnswers(api);
  return api;
}

async function ask(state: State, request: RequestName, timeoutMs: number, call: Call): Promise<Reply> {
  const deadlineMs = performance.now() + timeoutMs;
  const { token } = state;
  const used = token.current();
  let reply = await askOnce(state, request, timeoutMs, call);
  if (!reply.ok && reply.fault.kind === 'refused') {
    await token.renew();
    // What was refused was not done.
    if (token.current() !== used) {
      reply = await askOnce(state, request, Math.max(1, deadlineMs - performance.now()), call);
    }
  }
  state.metrics.count('rondo_registry_requests_total', {
    request,
    result: reply.ok ? 'ok' : reply.fault.kind,
  });
  return reply;
}

function askOnce(state: State, request: RequestName, timeoutMs: number, call: Call): Promise<Reply> {
  if (state.closed) return Promise.resolve({ ok: false, fault: CLOSING });
  const token = state.token.current();
  const bytesMax = request === 'nodes' ? NODES_BYTES_MAX : BYTES_MAX;
  const ctx: RequestContext = Object.assign(new EventEmitter(), { includeResponse: true as const, bytesMax });
  return new Promise((resolve) => {
    const end = (reply: Reply): void => {
      clearTimeout(timer);
      state.underway.delete(abort);
      resolve(reply);
    };
    const giveUp = (fault: Fault): void => {
      end({ ok: false, fault });
      ctx.emit('cancel');
    };
    const abort = (): void => giveUp(CLOSING);
    const timer = setTimeout(() => giveUp({ kind: 'timeout', detail: 'no answer in time' }), timeoutMs);
    state.underway.add(abort);
    call(state.api, { ctx, ...(token !== undefined && { token }) }).then(
      (answer) => end(replyOf(answer)),
      (error: unknown) => end({ ok: false, fault: faultOf(error) }),
    );
  });
}

const CLOSING: Fault = { kind: 'closing', detail: 'the registry is being closed' };

/** Some errors the library resolves with, instead of rejecting. */
function replyOf(answer: unknown): Reply {
  if (!Array.isArray(answer)) return { ok: false, fault: faultOf(answer) };
  const [head, body] = answer as unknown as readonly [http.IncomingMessage, unknown];
  return { ok: true, status: head.statusCode ?? 0, index: indexOf(head.headers['x-consul-index']), body };
}

function indexOf(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string' || !/^-?\d{1,15}$/.test(header)) return undefined;
  return Number(header);
}

/** For an answer whose content is not what Consul answers. */
export function foreign(detail: string): { readonly ok: false; readonly fault: Fault } {
  return { ok: false, fault: { kind: 'foreign', detail } };
}
