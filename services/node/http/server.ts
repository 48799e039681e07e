import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { requestError } from '../core/errors.js';
import type { RequestError } from '../core/errors.js';
import type { NodeService } from '../runtime/service.js';
import type { ClientTokens } from '../tokens/token.js';
import { createAdmin } from './admin.js';
import type { Edge, HttpTelemetry } from './edge.js';
import { createExchanges } from './exchange.js';
import type { Exchange } from './exchange.js';
import { gateRefusal } from './gate.js';
import { bodyBytesMax, DEFAULT_HTTP_LIMITS, HEADER_BYTES_MAX } from './limits.js';
import type { HttpLimits } from './limits.js';
import { createMeter } from './meter.js';
import { parserErrorCode, replyRaw } from './rawReply.js';
import { refuseUnread, sendFault } from './replies.js';
import { createRoom } from './room.js';
import { isStorageTarget, serveStorage } from './storage.js';

export interface HttpServerOptions {
  readonly service: NodeService;
  readonly host: string;
  /** 0: the kernel chooses. */
  readonly port: number;
  /** Largest value that a PUT may carry, in decoded bytes. */
  readonly valueBytesMax: number;
  readonly telemetry: HttpTelemetry;
  /** Those that clients must show; left out, nobody needs one. */
  readonly tokens?: ClientTokens | undefined;
  /** What is left out is taken from {@link DEFAULT_HTTP_LIMITS}. */
  readonly limits?: Partial<HttpLimits>;
}

export interface HttpServer {
  /** Resolves with the address once it takes connections; rejects where it cannot have it (`EADDRINUSE`). */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Takes no more connections, lets live requests finish for at most `drainMs`, then cuts off the rest. Idempotent. */
  close(): Promise<void>;
}

/** How often connections that have become idle are closed while the server drains. */
const DRAIN_CHECK_MS = 20;

/** The HTTP side of a node: `/storage` by a plain handler, everything else by Express. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const limits = { ...DEFAULT_HTTP_LIMITS, ...options.limits };
  const { service, telemetry, tokens, valueBytesMax } = options;
  const room = createRoom(limits);
  const exchanges = createExchanges(room, createMeter(telemetry.metrics), limits.lingerMs);
  let closed: Promise<void> | undefined;
  const stopping = (): boolean => closed !== undefined;
  const edge: Edge = {
    service,
    telemetry,
    limits,
    valueBytesMax,
    bodyBytesMax: bodyBytesMax(valueBytesMax),
    room,
    exchanges,
    tokens,
    stopping,
  };
  const server = newServer(limits);
  attach(server, edge);

  return {
    listen: () => listen(server, options.host, options.port),
    close() {
      closed ??= drain(server, edge);
      return closed;
    },
  };
}

function newServer(limits: HttpLimits): Server {
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: limits.checkMs,
    // Checked in `dispatch` instead, where the error gets its documented shape.
    requireHostHeader: false,
  });
  server.maxConnections = limits.connectionsMax;
  server.timeout = limits.stalledMs;
  return server;
}

function attach(server: Server, edge: Edge): void {
  const { exchanges, telemetry } = edge;
  const serve = createDispatch(edge);
  const dispatch = (exchange: Exchange): void => {
    if (exchanges.inTurn(exchange)) return;
    telemetry.metrics.count('rondo_requests_refused_total', { reason: 'pipelined' });
    refuseUnread(edge, exchange, requestError('overloaded'));
  };
  server.on('connection', (socket) => {
    exchanges.connect(socket, serve);
  });
  server.on('request', (request, response) => {
    dispatch(exchanges.open(request, response));
  });
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const exchange = exchanges.open(request, response);
    exchange.awaitsContinue = true;
    dispatch(exchange);
  });
  // An expectation that is not known may be ignored (RFC 9110 §10.1.1).
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    dispatch(exchanges.open(request, response));
  });
  server.on('connect', (_request, socket) => {
    // Node.js has let go of the socket: nobody else hears of a reset.
    socket.on('error', () => socket.destroy());
    exchanges.breakOff(socket, () => replyRaw(socket, 'method_not_allowed', edge.limits.lingerMs));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    onClientError(edge, error, socket);
  });
  server.on('drop', () => {
    telemetry.metrics.count('rondo_requests_refused_total', { reason: 'connections' });
  });
}

function createDispatch(edge: Edge): (exchange: Exchange) => void {
  const serveAdmin = createAdmin(edge);
  return (exchange) => {
    const { request } = exchange;
    try {
      const target = originForm(request.url ?? '/');
      const refusal = lacksHost(request) ? hostWanted() : gateRefusal(edge, request, target);
      if (refusal) refuseUnread(edge, exchange, refusal);
      else if (isStorageTarget(target)) serveStorage(edge, exchange, target);
      else if (!target.startsWith('/')) refuseUnread(edge, exchange, requestError('unknown_path'));
      else {
        // Express would answer some other forms itself, and trip over others.
        request.url = target;
        serveAdmin(exchange);
      }
    } catch (fault) {
      sendFault(edge.telemetry.log, exchange, fault);
    }
  };
}

function hostWanted(): RequestError {
  return requestError('malformed_request', { detail: 'there is no Host header' });
}

/** HTTP/1.1 demands it (RFC 9112 §3.2). A GET needs nothing else of its headers: they are not parsed for it. */
function lacksHost({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === 'host') return false;
  }
  return httpVersion === '1.1';
}

/** Clients of proxies send `http://host/path`; the host says nothing here. */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  return target.replace(/^https?:\/\/[^/?]*/i, '');
}

/** In the middle of another reply, bytes of this one would be taken for part of it; and that reply is owed. */
function onClientError(edge: Edge, error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET') socket.destroy();
  else
    edge.exchanges.breakOff(socket, () =>
      replyRaw(socket, parserErrorCode(error.code), edge.limits.lingerMs),
    );
}

function listen(server: Server, host: string, port: number): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      const { address, port: chosen } = server.address() as AddressInfo;
      resolve({ host: address, port: chosen });
    });
  });
}

async function drain(server: Server, edge: Edge): Promise<void> {
  if (!server.listening) return;
  edge.exchanges.closeAfterReplies();
  const stopped = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  const idle = setInterval(() => {
    edge.exchanges.closeIdle();
  }, DRAIN_CHECK_MS);
  const deadline = setTimeout(() => {
    edge.telemetry.log.log('warn', 'connections were cut off at shutdown');
    server.closeAllConnections();
  }, edge.limits.drainMs);
  await stopped;
  clearInterval(idle);
  clearTimeout(deadline);
}
