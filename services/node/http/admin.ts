import { pipeline } from 'node:stream/promises';
import express from 'express';
import type { ErrorRequestHandler, Express, RequestHandler, Response } from 'express';
import { requestError } from '../core/errors.js';
import { clusterJson } from './clusterJson.js';
import { clusterDump, ownDump } from './dump.js';
import type { Edge } from './edge.js';
import type { Exchange } from './exchange.js';
import { openApiDocument } from './openapi.js';
import { refuseUnread, sendBody, sendFault } from './replies.js';
import { steering, type Answer, type Steering } from './steering.js';

const JSON_TYPE = 'application/json';

/** Finds the exchange that a response of Express belongs to. */
type ExchangeOf = (response: Response) => Exchange;

/** Everything but `/storage`: what people, monitors and the CLI ask of a node. */
export function createAdmin(edge: Edge): (exchange: Exchange) => void {
  const exchanges = new WeakMap<object, Exchange>();
  const exchangeOf: ExchangeOf = (response) => {
    const exchange = exchanges.get(response);
    if (!exchange) throw new Error('a response without an exchange');
    return exchange;
  };
  const app = express();
  app.disable('x-powered-by').disable('etag').enable('case sensitive routing').enable('strict routing');
  for (const [path, answer] of Object.entries(answers(edge))) {
    const route = app.route(path);
    route.get(handler(exchangeOf, answer)).all(refusal(edge, exchangeOf, 'method_not_allowed', 'GET, HEAD'));
  }
  for (const verb of steering(edge)) mount(app, edge, exchangeOf, verb);
  app.use(refusal(edge, exchangeOf, 'unknown_path'));
  app.use(faultHandler(edge, exchangeOf));
  return (exchange) => {
    exchanges.set(exchange.response, exchange);
    app(exchange.request, exchange.response);
  };
}

function mount(app: Express, edge: Edge, exchangeOf: ExchangeOf, verb: Steering): void {
  const route = app.route(verb.path);
  if (verb.method === 'get') route.get(handler(exchangeOf, verb.answer));
  else route.post(handler(exchangeOf, verb.answer));
  const allowed = verb.method === 'get' ? 'GET, HEAD' : 'POST';
  route.all(refusal(edge, exchangeOf, 'method_not_allowed', allowed));
}

function answers(edge: Edge): Record<string, Answer> {
  const { service, telemetry, limits } = edge;
  const openApi = JSON.stringify(openApiDocument());
  const dump = createDumper(edge);
  return {
    '/ping': (exchange) => {
      sendBody(exchange, 200, 'text/plain', 'pong');
    },
    '/health': (exchange) => {
      sendBody(exchange, 200, JSON_TYPE, '{"alive":true}');
    },
    '/ready': (exchange) => {
      const ready = service.status().ready && !edge.stopping();
      sendBody(exchange, ready ? 200 : 503, JSON_TYPE, JSON.stringify({ ready }));
    },
    '/metrics': async (exchange) => {
      const { contentType, body } = await telemetry.metrics.expose();
      sendBody(exchange, 200, contentType, body);
    },
    '/check_connectivity': async (exchange) => {
      sendBody(exchange, 200, JSON_TYPE, JSON.stringify(await connectivity(edge)));
    },
    '/internal/dump/my': (exchange) => dump(exchange, () => ownDump(service)),
    '/internal/dump/all': (exchange) =>
      dump(exchange, () => {
        const { authorization } = exchange.request.headers;
        return clusterDump(service, { silenceMs: limits.dumpSilenceMs, authorization });
      }),
    '/cluster': (exchange) => {
      sendBody(exchange, 200, JSON_TYPE, clusterJson(service.status()));
    },
    '/openapi.json': (exchange) => {
      sendBody(exchange, 200, JSON_TYPE, openApi);
    },
  };
}

/** Every node of the document, asked over the bus and all at the same time. */
async function connectivity({ service, limits }: Edge): Promise<Record<string, string>> {
  const nodes = service.status().document.nodes;
  const probes = nodes.map(async ({ id }) => {
    const reachable = await service.probe(id, limits.probeMs);
    return [id, reachable ? 'reachable' : 'unreachable'] as const;
  });
  return Object.fromEntries(await Promise.all(probes));
}

/** Streams at the client's pace; a client that leaves ends the scan. */
function createDumper(edge: Edge): (exchange: Exchange, lines: () => AsyncGenerator) => Promise<void> {
  let running = 0;
  return async (exchange, lines) => {
    if (running >= edge.limits.dumpsMax) {
      edge.telemetry.metrics.count('rondo_requests_refused_total', { reason: 'dumps' });
      refuseUnread(edge, exchange, requestError('overloaded', { detail: 'other dumps are under way' }));
      return;
    }
    running++;
    try {
      await stream(edge, exchange, lines);
    } finally {
      running--;
    }
  };
}

async function stream(edge: Edge, exchange: Exchange, lines: () => AsyncGenerator): Promise<void> {
  const { request, response } = exchange;
  async function* body(): AsyncGenerator {
    if (request.method !== 'HEAD') yield* lines();
    exchange.code = 'ok';
  }
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  try {
    await pipeline(body, response);
  } catch (fault) {
    edge.telemetry.log.log('debug', 'a dump was not taken to its end', { error: String(fault) });
  }
}

function handler(exchangeOf: ExchangeOf, answer: Answer): RequestHandler {
  return async (_request, response) => {
    await answer(exchangeOf(response));
  };
}

function refusal(
  edge: Edge,
  exchangeOf: ExchangeOf,
  code: 'unknown_path' | 'method_not_allowed',
  allow?: string,
): RequestHandler {
  return (_request, response) => {
    refuseUnread(edge, exchangeOf(response), requestError(code), allow);
  };
}

/** Express knows an error handler by its four parameters. */
function faultHandler(edge: Edge, exchangeOf: ExchangeOf): ErrorRequestHandler {
  return (fault: unknown, _request, response, _next) => {
    sendFault(edge.telemetry.log, exchangeOf(response), fault);
  };
}
