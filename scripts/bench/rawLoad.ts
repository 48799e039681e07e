import { connect, type Socket } from 'node:net';
import { seededRandom } from '../support/random.js';
import { coarse } from './latency.js';
import type { LoadOrder, LoadResult } from './load.js';
import { keyText, type KeyChoice, piecesOf } from './requests.js';
import { valueSource } from './values.js';

/**
 * A load generator in JavaScript, for where wrk is missing and for small jobs in this process: plain sockets, one
 * request at a time on each, no pipelining, and of an answer only status and length are looked at.
 */
export interface RawOrder extends LoadOrder {
  /** Ends after so many requests instead of after a time; `seconds` is then the longest time. */
  readonly requests?: number;
}

interface Tally {
  answered: number;
  bytes: number;
  readonly failures: Record<string, number>;
  readonly latencies: Map<number, number>;
}

/** How long an answer may take once no more requests are sent. */
const LAST_ANSWERS_MS = 10_000;

/** Settles when the last request is answered or given up; rejects only where the order is no good. */
export async function runRawLoad(order: RawOrder): Promise<LoadResult> {
  const next = requestSource(order);
  const tally: Tally = { answered: 0, bytes: 0, failures: {}, latencies: new Map() };
  const startedMs = performance.now();
  const endMs = startedMs + order.seconds * 1000;
  let left = order.requests ?? Infinity;
  const take = (): string | undefined => {
    if (left <= 0 || performance.now() >= endMs) return undefined;
    left--;
    return next();
  };
  const lanes = Array.from({ length: order.connections }, () => runLane(order, take, tally, endMs));
  await Promise.all(lanes);
  const { failures, bytes, answered, latencies } = tally;
  if (order.requests !== undefined && left > 0 && Object.keys(failures).length === 0) {
    failures['not sent in time'] = left;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  return { answered, seconds, bytes, failures, latencies: [...latencies] };
}

/** The text of one request after the other. */
function requestSource({ shape, url, keys, seed }: LoadOrder): () => string {
  const random = seededRandom(seed);
  const fills = { key: keySource(keys, (below) => random.below(below)), value: valueSource(seed, random) };
  const pieces = piecesOf(shape, new URL(url).host).map((piece) => {
    return 'text' in piece ? () => piece.text : fills[piece.fill];
  });
  return () => pieces.reduce((text, piece) => text + piece(), '');
}

function keySource(keys: KeyChoice, below: (below: number) => number): () => string {
  if (keys.type === 'random') return () => keyText(keys.prefix, 1 + below(keys.count));
  let number = keys.first;
  return () => keyText(keys.prefix, number++);
}

/** One connection; resolves when it is closed. */
function runLane(
  order: LoadOrder,
  take: () => string | undefined,
  tally: Tally,
  endMs: number,
): Promise<void> {
  const { hostname, port } = new URL(order.url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    const timer = setTimeout(
      () => socket.destroy(new Error('timeout')),
      endMs - performance.now() + LAST_ANSWERS_MS,
    );
    let isWaiting = false;
    let sentMs = 0;
    let text = '';
    const sendNext = (): void => {
      const request = take();
      isWaiting = request !== undefined;
      if (request === undefined) socket.end();
      else {
        sentMs = performance.now();
        socket.write(request, 'latin1');
      }
    };
    socket.setEncoding('latin1');
    socket.on('connect', sendNext);
    socket.on('data', (data) => {
      text += String(data);
      const answer = readAnswer(text);
      if (answer === 'partial') return;
      if (answer === 'unreadable' || answer.length !== text.length) {
        socket.destroy(new Error('unreadable answer'));
        return;
      }
      note(tally, answer, (performance.now() - sentMs) * 1000);
      text = '';
      sendNext();
    });
    onClosed(socket, (cause) => {
      clearTimeout(timer);
      if (cause !== undefined || isWaiting) count(tally, cause ?? 'closed without an answer');
      resolve();
    });
  });
}

function onClosed(socket: Socket, closed: (cause: string | undefined) => void): void {
  let cause: string | undefined;
  socket.on('error', (error: NodeJS.ErrnoException) => (cause = error.code ?? error.message));
  socket.once('close', () => closed(cause));
}

export interface Answer {
  readonly status: number;
  /** Of head and body together. */
  readonly length: number;
}

/** The first answer in `text` (latin1); `partial` until it is all there. Only answers that say their length are read. */
export function readAnswer(text: string): Answer | 'partial' | 'unreadable' {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return 'partial';
  const status = Number(text.slice(9, 12));
  const announced = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
  if (!text.startsWith('HTTP/1.1 ') || announced === undefined) return 'unreadable';
  const length = headEnd + 4 + Number(announced);
  return text.length < length ? 'partial' : { status, length };
}

function note(tally: Tally, { status, length }: Answer, micros: number): void {
  tally.answered++;
  tally.bytes += length;
  if (status < 200 || status > 299) count(tally, `status ${String(status)}`);
  const step = coarse(micros);
  tally.latencies.set(step, (tally.latencies.get(step) ?? 0) + 1);
}

function count({ failures }: Tally, name: string): void {
  failures[name] = (failures[name] ?? 0) + 1;
}
