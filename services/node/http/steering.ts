import { requestError } from '../core/errors.js';
import type { RequestError } from '../core/errors.js';
import { announcesBody } from './body.js';
import type { Edge } from './edge.js';
import type { Exchange } from './exchange.js';
import { parseRemove, parseRepair, parseWhere } from './parse.js';
import { encodeKey, refuseUnread, sendBody, sendError } from './replies.js';

export type Answer = (exchange: Exchange) => void | Promise<void>;

/** One of the things by which people see and steer how replicas become the same. */
export interface Steering {
  /** Keys may hold `/`, so the rest of a path is taken as it was sent. */
  readonly path: string | RegExp;
  readonly method: 'get' | 'post';
  readonly answer: Answer;
}

const WHERE = '/internal/where/';
const REPAIR = '/internal/repair';
const REMOVE = '/internal/remove/';

export function steering(edge: Edge): readonly Steering[] {
  return [
    { path: /^\/internal\/where\//, method: 'get', answer: (exchange) => where(edge, exchange) },
    { path: REPAIR, method: 'post', answer: deliberate(edge, (exchange) => repair(edge, exchange)) },
    {
      path: /^\/internal\/remove\/[^/]+$/,
      method: 'post',
      answer: deliberate(edge, (exchange) => remove(edge, exchange)),
    },
  ];
}

async function where({ service }: Edge, exchange: Exchange): Promise<void> {
  const { rest, query } = targetOf(exchange, WHERE);
  const key = parseWhere(rest, query);
  if (!key.ok) {
    sendError(exchange, key);
    return;
  }
  const outcome = await service.where(key.value);
  if (!outcome.ok) {
    sendError(exchange, outcome);
    return;
  }
  const { ok: _ok, ...report } = outcome;
  sendJson(exchange, { key: encodeKey(key.value), ...report });
}

async function repair({ service }: Edge, exchange: Exchange): Promise<void> {
  const { node, incarnation, document } = service.status();
  const partition = parseRepair(targetOf(exchange, REPAIR).query, document.partitions);
  if (!partition.ok) {
    sendError(exchange, partition);
    return;
  }
  const outcome = await service.hurry(partition.value);
  if (outcome.ok) sendJson(exchange, { success: true, node, incarnation, after: outcome.after });
  else sendError(exchange, outcome);
}

async function remove({ service, telemetry }: Edge, exchange: Exchange): Promise<void> {
  const { rest, query } = targetOf(exchange, REMOVE);
  const asked = parseRemove(rest, query);
  if (!asked.ok) {
    sendError(exchange, asked);
    return;
  }
  const { node, acceptsLoss } = asked.value;
  if (!acceptsLoss) {
    sendError(exchange, requestError('loss_not_accepted'));
    return;
  }
  const outcome = await service.remove(node);
  telemetry.log.log('warn', 'a person wanted a node out of the cluster', {
    target: node,
    outcome: outcome.ok ? `epoch ${String(outcome.epoch)}` : outcome.code,
  });
  if (outcome.ok) sendJson(exchange, { success: true, epoch: outcome.epoch });
  else sendError(exchange, outcome);
}

/**
 * Only for requests that say that they carry JSON: a browser sends such a one for a page of another site only after asking
 * this node for leave, which it does not get. All there is to say stands in the path and the query.
 */
function deliberate(edge: Edge, answer: Answer): Answer {
  return async (exchange) => {
    const refusal = refusalOf(exchange);
    if (refusal) refuseUnread(edge, exchange, refusal);
    else await answer(exchange);
  };
}

function refusalOf({ request }: Exchange): RequestError | undefined {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json[ \t]*(?:;|$)/i.test(type)) return requestError('unsupported_media_type');
  if (!announcesBody(request)) return undefined;
  return requestError('invalid_body', { detail: 'parameters go into the query, and there is no body' });
}

/** What follows the prefix in the path, and the query. */
function targetOf({ request }: Exchange, prefix: string): { readonly rest: string; readonly query: string } {
  const target = request.url ?? '';
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  return { rest: path.slice(prefix.length), query: mark < 0 ? '' : target.slice(mark + 1) };
}

function sendJson(exchange: Exchange, body: object): void {
  sendBody(exchange, 200, 'application/json', JSON.stringify(body));
}
