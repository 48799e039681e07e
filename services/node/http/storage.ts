import { requestError } from '../core/errors.js';
import type { RequestError } from '../core/errors.js';
import type { GetOutcome, PutOutcome, PutRequest } from '../core/protocol/messages.js';
import type { Key } from '../core/types.js';
import { announcesBody, readBody } from './body.js';
import type { Edge } from './edge.js';
import type { Exchange } from './exchange.js';
import { parseDelete, parseGet, parsePut } from './parse.js';
import { getReplyJson, putReplyJson, refuseUnread, sendAscii, sendError, sendFault } from './replies.js';

/**
 * `/storage` without a framework in front: Express alone would cost more than the rest of a request together. No URL
 * objects, one write a reply, and nothing is read before there is room for it.
 */

const ROOT = '/storage';
const KEY_METHODS = 'GET, HEAD, PUT, DELETE';
const ROOT_METHODS = 'PUT';

/** Whether the target is `/storage`, alone or before a key or a query. */
export function isStorageTarget(target: string): boolean {
  if (!target.startsWith(ROOT)) return false;
  const next = target.charAt(ROOT.length);
  return next === '/' || next === '?' || next === '';
}

/** `target`: path and query; everything after `/storage/` is the key. */
export function serveStorage(edge: Edge, exchange: Exchange, target: string): void {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? '' : target.slice(mark + 1);
  const pathKey = path.slice(ROOT.length + 1);
  const method = exchange.request.method ?? '';
  if (edge.stopping()) refuseUnread(edge, exchange, requestError('shutting_down', {}, 'none'));
  else if (method === 'PUT') startPut(edge, exchange, pathKey, query);
  else if (path === ROOT) refuseUnread(edge, exchange, requestError('method_not_allowed'), ROOT_METHODS);
  else if (method === 'GET' || method === 'HEAD') startGet(edge, exchange, pathKey, query);
  else if (method === 'DELETE') startDelete(edge, exchange, pathKey, query);
  else refuseUnread(edge, exchange, requestError('method_not_allowed'), KEY_METHODS);
}

function startGet(edge: Edge, exchange: Exchange, pathKey: string, query: string): void {
  exchange.op = 'get';
  const parsed = parseGet(pathKey, query);
  if (!parsed.ok) {
    sendError(exchange, parsed);
    return;
  }
  if (!admitted(edge, exchange, 0)) return;
  const { key } = parsed.value;
  ask(edge, exchange, edge.service.get(parsed.value), (outcome) => replyGet(edge, exchange, key, outcome));
}

function startDelete(edge: Edge, exchange: Exchange, pathKey: string, query: string): void {
  exchange.op = 'delete';
  if (announcesBody(exchange.request)) {
    const detail = 'DELETE takes query parameters and no body';
    refuseUnread(edge, exchange, requestError('invalid_body', { detail }));
    return;
  }
  const parsed = parseDelete(pathKey, query);
  if (!parsed.ok) sendError(exchange, parsed);
  else if (admitted(edge, exchange, 0)) put(edge, exchange, parsed.value);
}

function startPut(edge: Edge, exchange: Exchange, pathKey: string, query: string): void {
  exchange.op = 'put';
  const announced = Number(exchange.request.headers['content-length'] ?? 0);
  if (announced > edge.bodyBytesMax) {
    refuseUnread(edge, exchange, tooLarge(edge));
    return;
  }
  if (!admitted(edge, exchange, announced)) return;
  if (exchange.awaitsContinue) {
    exchange.awaitsContinue = false;
    exchange.response.writeContinue();
  }
  readPut(edge, exchange, announced, (body) => {
    const parsed = parsePut(pathKey === '' ? undefined : pathKey, query, body, edge.valueBytesMax);
    if (parsed.ok) put(edge, exchange, parsed.value);
    else sendError(exchange, parsed);
  });
}

/** A body without an announced length is counted, against both bounds, as it arrives. */
function readPut(edge: Edge, exchange: Exchange, announced: number, done: (body: Buffer) => void): void {
  let length = 0;
  exchange.reading = true;
  readBody(exchange.request, {
    accept(bytes) {
      length += bytes;
      const refusal = length <= announced ? undefined : refusalOf(edge, exchange, length, bytes);
      if (!refusal) return true;
      exchange.reading = false;
      refuseUnread(edge, exchange, refusal);
      return false;
    },
    complete(body) {
      exchange.reading = false;
      if (exchange.gone) return;
      try {
        done(body);
      } catch (fault) {
        fail(edge, exchange, fault);
      }
    },
  });
}

function refusalOf(edge: Edge, exchange: Exchange, length: number, bytes: number): RequestError | undefined {
  if (length > edge.bodyBytesMax) return tooLarge(edge);
  return edge.room.hold(exchange, bytes) ? undefined : overloaded(edge, 'bytes');
}

function tooLarge({ bodyBytesMax }: Edge): RequestError {
  return requestError('body_too_large', { detail: `at most ${bodyBytesMax} bytes` });
}

function overloaded({ telemetry }: Edge, reason: 'requests' | 'bytes'): RequestError {
  telemetry.metrics.count('rondo_requests_refused_total', { reason });
  return requestError('overloaded');
}

/** Overload is refused at the door, before anything is read. */
function admitted(edge: Edge, exchange: Exchange, bytes: number): boolean {
  const reason = edge.room.admit(exchange, bytes);
  if (reason) refuseUnread(edge, exchange, overloaded(edge, reason));
  return reason === undefined;
}

function put(edge: Edge, exchange: Exchange, request: PutRequest): void {
  ask(edge, exchange, edge.service.put(request), (outcome) => replyPut(exchange, outcome));
}

function ask<T>(edge: Edge, exchange: Exchange, answer: Promise<T>, reply: (outcome: T) => void): void {
  exchange.waiting = true;
  answer.then(
    (outcome) => {
      try {
        reply(outcome);
        edge.exchanges.settle(exchange);
      } catch (fault) {
        fail(edge, exchange, fault);
      }
    },
    (fault: unknown) => fail(edge, exchange, fault),
  );
}

function replyGet(edge: Edge, exchange: Exchange, key: Key, outcome: GetOutcome): void {
  if (!outcome.ok) {
    sendError(exchange, outcome);
    return;
  }
  const found = outcome.values.length > 0;
  const json = getReplyJson(key, outcome);
  // Values wait in memory for as long as a slow client takes to fetch them.
  if (!edge.room.hold(exchange, json.length)) sendError(exchange, overloaded(edge, 'bytes'));
  else sendAscii(exchange, found ? 200 : 404, json, found ? 'ok' : 'notFound');
}

function replyPut(exchange: Exchange, outcome: PutOutcome): void {
  if (outcome.ok) sendAscii(exchange, 200, putReplyJson(outcome), 'ok');
  else sendError(exchange, outcome);
}

function fail(edge: Edge, exchange: Exchange, fault: unknown): void {
  sendFault(edge.telemetry.log, exchange, fault);
  edge.exchanges.settle(exchange);
}
