import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** HTTP by hand, for requests that no client library would send. */

/** What goes over the wire: bytes, or a pause in ms between them. */
export type Sending = string | Buffer | { readonly pauseMs: number };

export interface RawReply {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface RawExchange {
  /** Replies in the order in which they came, interim ones (100) included. */
  readonly replies: readonly RawReply[];
  /** Whether the server closed the connection. */
  readonly closed: boolean;
}

/** A request as text, with `Host` and, where there is a body, `Content-Length`. */
export function requestText(
  method: string,
  target: string,
  body?: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  const bytes = Buffer.from(body ?? '');
  const all = {
    Host: 'rondo',
    ...(body === undefined ? {} : { 'Content-Length': String(bytes.length) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`), bytes]);
}

/**
 * Sends and collects what comes back until the server closes the connection, or `enough` of the replies has come, or
 * `timeoutMs` have passed. `halfClose` ends our side after sending.
 */
export async function exchangeRaw(
  address: { readonly host: string; readonly port: number },
  sendings: readonly Sending[],
  until: {
    readonly timeoutMs: number;
    readonly enough?: (replies: readonly RawReply[]) => boolean;
    readonly halfClose?: boolean;
  },
): Promise<RawExchange> {
  const socket = connect(address.port, address.host);
  const received: Buffer[] = [];
  const current = (): RawReply[] => parseReplies(Buffer.concat(received));
  // A reset after the reply is the server's way of not reading on.
  socket.on('error', () => undefined);
  const closed = new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), until.timeoutMs);
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk);
      if (until.enough?.(current()) === true) resolve(false);
    });
    socket.on('end', () => resolve(true));
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
  const sent = send(socket, sendings, until.halfClose ?? false);
  const wasClosed = await closed;
  socket.destroy();
  await sent;
  return { replies: current(), closed: wasClosed };
}

async function send(socket: Socket, sendings: readonly Sending[], halfClose: boolean): Promise<void> {
  for (const sending of sendings) {
    if (socket.destroyed) return;
    if (typeof sending === 'string' || Buffer.isBuffer(sending)) socket.write(sending);
    else await new Promise((resolve) => setTimeout(resolve, sending.pauseMs));
  }
  if (halfClose) socket.end();
}

/** Every complete reply in the bytes; bodies by Content-Length only. */
function parseReplies(bytes: Buffer): RawReply[] {
  const replies: RawReply[] = [];
  let rest = bytes;
  for (;;) {
    const headEnd = rest.indexOf('\r\n\r\n');
    if (headEnd < 0) return replies;
    const [statusLine = '', ...lines] = rest.subarray(0, headEnd).toString('latin1').split('\r\n');
    const headers = new Map(lines.map(headerOf));
    const length = Number(headers.get('content-length') ?? 0);
    const bodyStart = headEnd + 4;
    if (rest.length < bodyStart + length) return replies;
    const body = rest.subarray(bodyStart, bodyStart + length).toString('utf8');
    replies.push({ status: Number(statusLine.split(' ')[1]), headers, body });
    rest = rest.subarray(bodyStart + length);
  }
}

function headerOf(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
