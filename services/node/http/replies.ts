import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERRORS, requestError } from '../core/errors.js';
import type { ErrorCode, RequestError } from '../core/errors.js';
import type { GetOutcome, PutOutcome } from '../core/protocol/messages.js';
import type { Key } from '../core/types.js';
import type { Log } from '../ports/telemetry.js';
import { encodeBase64 } from './base64.js';
import { announcesBody } from './body.js';
import type { Edge } from './edge.js';
import type { Exchange } from './exchange.js';

/** Seconds after which a client may try again, with every 503. */
const RETRY_AFTER_SECONDS = '1';

/** A body up to this size is swallowed unread after a refusal, so that its connection can go on. */
const SWALLOWED_BYTES_MAX = 64 * 1024;

type Found = Extract<GetOutcome, { ok: true }>;
type Written = Extract<PutOutcome, { ok: true }>;

/** Assembled by hand: base64 and version strings need no escaping. */
export function getReplyJson(key: Key, found: Found): string {
  const values = found.values.map((value) => `"${encodeBase64(value)}"`).join(',');
  return `{"key":"${encodeKey(key)}","value":{"version":"${found.version}","values":[${values}]}}`;
}

export function putReplyJson(written: Written): string {
  if (written.version !== null) return `{"success":true,"version":"${written.version}"}`;
  return `{"success":true,"version":null,"siblings":${String(written.siblings)}}`;
}

/** The key in standard base64, padded. */
export function encodeKey(key: Key): string {
  return Buffer.from(key, 'latin1').toString('base64');
}

/** The documented shape of every error. */
export function errorJson(error: RequestError, requestId?: string): string {
  const { code, outcome, detail, got, wanted, version } = error;
  const { message } = ERRORS[code];
  return JSON.stringify({
    success: false,
    error: { code, message, outcome, detail, got, wanted, requestId },
    version,
  });
}

/** Sends JSON of ASCII characters only, in one write with its headers. */
export function sendAscii(exchange: Exchange, status: number, json: string, code: string): void {
  exchange.code = code;
  if (exchange.gone) return;
  exchange.response.writeHead(status, [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(json.length),
  ]);
  finish(exchange, json, 'latin1');
}

/** Sends a body of any kind. */
export function sendBody(exchange: Exchange, status: number, type: string, body: string | Buffer): void {
  exchange.code = status < 400 ? 'ok' : 'unready';
  if (exchange.gone) return;
  exchange.response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    ...(status === 503 && { 'Retry-After': RETRY_AFTER_SECONDS }),
  });
  finish(exchange, body);
}

/** Sends an error after the request's body, if any, has been read. `allow`: the methods that a 405 names. */
export function sendError(exchange: Exchange, error: RequestError, allow?: string, requestId?: string): void {
  exchange.code = error.code;
  if (exchange.gone) return;
  const body = errorJson(error, requestId);
  exchange.response.writeHead(ERRORS[error.code].status, headersOf(error.code, body, allow));
  finish(exchange, body);
}

/** Sends an error while the client may still be sending its body: a small one is swallowed, after a larger one all is over. */
export function refuseUnread(edge: Edge, exchange: Exchange, error: RequestError, allow?: string): void {
  edge.room.discount(exchange);
  if (!exchange.gone && !hasSmallBody(exchange)) exchange.response.setHeader('Connection', 'close');
  sendError(exchange, error, allow);
}

/** A bug: the client learns a request id, the log the rest; the node goes on. */
export function sendFault(log: Log, exchange: Exchange, fault: unknown): void {
  const requestId = requestIdOf(exchange.request);
  log.log('error', 'a request failed unexpectedly', {
    requestId,
    op: exchange.op,
    error: fault instanceof Error ? (fault.stack ?? fault.message) : String(fault),
  });
  exchange.code = 'internal';
  if (exchange.response.headersSent) exchange.response.destroy();
  else sendError(exchange, requestError('internal'), undefined, requestId);
}

/** The client's `x-request-id` where it is presentable, else a new one; for the log only. */
function requestIdOf(request: IncomingMessage): string {
  const sent = request.headers['x-request-id'];
  return typeof sent === 'string' && /^[\x21-\x7e]{1,64}$/.test(sent) ? sent : randomUUID();
}

function headersOf(code: ErrorCode, body: string, allow?: string): Record<string, string | number> {
  return {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...(ERRORS[code].status === 503 && { 'Retry-After': RETRY_AFTER_SECONDS }),
    ...(ERRORS[code].status === 401 && { 'WWW-Authenticate': 'Bearer' }),
    ...(allow !== undefined && { Allow: allow }),
  };
}

function hasSmallBody({ request, awaitsContinue }: Exchange): boolean {
  if (request.complete) return true;
  if (awaitsContinue || request.headers['transfer-encoding'] !== undefined) return false;
  return Number(request.headers['content-length'] ?? 0) <= SWALLOWED_BYTES_MAX;
}

/**
 * Ends a reply. Where the connection closes with it and the client is still sending, that is only some time later: closing
 * over unread bytes would reset the connection and take the reply with it. A client that meant this request to be its
 * last has stopped at the end of the body; of others, also of those that ask whether to send, more may be on its way.
 */
function finish(exchange: Exchange, body: string | Buffer, encoding: BufferEncoding = 'utf8'): void {
  const { request, response, lingerMs } = exchange;
  if (request.complete || !announcesBody(request) || !closesConnection(response)) {
    response.end(body, encoding);
    return;
  }
  response.write(body, encoding);
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  request.socket.once('close', end);
  // Node.js lets go of a connection whose client still waits to be told to send.
  if (!response.shouldKeepAlive && !exchange.awaitsContinue) request.once('end', end);
  request.resume();
}

function closesConnection(response: ServerResponse): boolean {
  return !response.shouldKeepAlive || response.getHeader('Connection') === 'close';
}
