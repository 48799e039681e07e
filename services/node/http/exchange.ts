import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Meter, Op } from './meter.js';
import type { Holding, Room } from './room.js';

/**
 * One request and its reply. It lasts from the request line until the reply has gone out or the connection has closed,
 * *and* the service has answered: a client that hangs up makes no room for the next while the node still works for it.
 */
export interface Exchange extends Holding {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly startedMs: number;
  /** How long a client that is still sending is waited for after its last reply. */
  readonly lingerMs: number;
  op: Op;
  /** What the metrics say of it: an error's code, `ok`, or `notFound`; `aborted` until there is a reply. */
  code: string;
  /** The client sends its body only when told to (`Expect: 100-continue`), and has not been. */
  awaitsContinue: boolean;
  /** The body is still arriving and nothing of a reply has been written. */
  reading: boolean;
  /** The service owes an answer. */
  waiting: boolean;
  /** The reply has gone out, or nobody is there to take it. */
  gone: boolean;
}

/** Follows every exchange to its end, and knows what each connection is still owed (I11). */
export interface Exchanges {
  /** Follows a connection until it closes. `serve` is called with each of its exchanges, in their turn. */
  connect(socket: Duplex, serve: (exchange: Exchange) => void): void;
  open(request: IncomingMessage, response: ServerResponse): Exchange;
  /**
   * Serves the exchange once its connection owes no earlier reply: requests of one connection take effect in their order
   * (RFC 9112 §9.3.2). False, and never served, where too many are in line already.
   */
  inTurn(exchange: Exchange): boolean;
  /** The service has answered. */
  settle(exchange: Exchange): void;
  /**
   * What follows on this connection is not HTTP. The requests that came whole before it are still answered; then `done` is
   * called, unless the connection has closed by then. Only the first call for a connection counts.
   */
  breakOff(socket: Duplex, done: () => void): void;
  /** From now on every reply that is not yet under way closes its connection. */
  closeAfterReplies(): void;
  /** Closes the connections on which no reply is outstanding. */
  closeIdle(): void;
}

interface Connection {
  readonly serve: (exchange: Exchange) => void;
  /** Few, and mostly one. */
  live: Exchange[];
  current: Exchange | undefined;
  /** Pipelined requests that wait for their turn. */
  line: Exchange[];
  /** Set once what follows is not HTTP: what to do when all is answered, and nothing afterwards. */
  broken: { onAnswered: (() => void) | undefined } | undefined;
}

/** Few clients pipeline at all; one that does may be this far ahead. */
const PIPELINED_MAX = 64;

export function createExchanges(room: Room, meter: Meter, lingerMs: number): Exchanges {
  const byConnection = new Map<Duplex, Connection>();
  let closing = false;

  function release(exchange: Exchange): void {
    if (!exchange.gone || exchange.waiting) return;
    room.discount(exchange);
    meter.done(exchange.op, exchange.code, exchange.startedMs);
  }

  function leave(exchange: Exchange): void {
    if (exchange.gone) return;
    exchange.gone = true;
    release(exchange);
    const connection = byConnection.get(exchange.request.socket);
    if (connection) forget(connection, exchange);
  }

  return {
    connect(socket, serve) {
      const connection = newConnection(serve);
      byConnection.set(socket, connection);
      socket.once('close', () => {
        byConnection.delete(socket);
        connection.live.forEach(leave);
      });
    },
    open(request, response) {
      const exchange = newExchange(request, response, lingerMs);
      byConnection.get(request.socket)?.live.push(exchange);
      response.once('finish', () => leave(exchange));
      if (closing) markLast(exchange);
      return exchange;
    },
    inTurn(exchange) {
      const connection = byConnection.get(exchange.request.socket);
      return connection === undefined || takeTurn(connection, exchange);
    },
    settle(exchange) {
      exchange.waiting = false;
      release(exchange);
    },
    breakOff(socket, done) {
      const connection = byConnection.get(socket);
      if (!connection || connection.broken) return;
      connection.broken = { onAnswered: done };
      takeUnfinished(connection).forEach(leave);
      endBroken(connection);
    },
    closeAfterReplies() {
      closing = true;
      for (const { live } of byConnection.values()) live.forEach(markLast);
    },
    closeIdle() {
      for (const [socket, { live }] of byConnection) if (live.length === 0) socket.destroy();
    },
  };
}

function newConnection(serve: Connection['serve']): Connection {
  return { serve, live: [], current: undefined, line: [], broken: undefined };
}

function takeTurn(connection: Connection, exchange: Exchange): boolean {
  if (connection.current) {
    if (connection.line.length >= PIPELINED_MAX) return false;
    connection.line.push(exchange);
    return true;
  }
  connection.current = exchange;
  connection.serve(exchange);
  return true;
}

function forget(connection: Connection, exchange: Exchange): void {
  connection.live = connection.live.filter((one) => one !== exchange);
  if (connection.current === exchange) serveNext(connection);
  endBroken(connection);
}

function serveNext(connection: Connection): void {
  const next = connection.line.shift();
  connection.current = next;
  if (next) connection.serve(next);
}

/** Takes those out of the line whose bodies will never be whole. */
function takeUnfinished(connection: Connection): readonly Exchange[] {
  const unfinished = connection.line.filter(({ request }) => !request.complete);
  connection.line = connection.line.filter(({ request }) => request.complete);
  return unfinished;
}

function endBroken({ broken, live }: Connection): void {
  const isOwed = ({ reading, request }: Exchange): boolean => !reading || request.complete;
  if (!broken?.onAnswered || live.some(isOwed)) return;
  const { onAnswered } = broken;
  broken.onAnswered = undefined;
  onAnswered();
}

function newExchange(request: IncomingMessage, response: ServerResponse, lingerMs: number): Exchange {
  return {
    request,
    response,
    startedMs: performance.now(),
    lingerMs,
    op: 'admin',
    code: 'aborted',
    admitted: false,
    bytes: 0,
    awaitsContinue: false,
    reading: false,
    waiting: false,
    gone: false,
  };
}

function markLast({ response }: Exchange): void {
  if (!response.headersSent) response.setHeader('Connection', 'close');
}
