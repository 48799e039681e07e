import http from 'node:http';
import https from 'node:https';

/** A reply that arrived whole, whatever its status. */
export interface HttpReply {
  readonly status: number;
  readonly body: string;
  /** From the Retry-After header, where it is given in seconds. */
  readonly retryAfterMs?: number;
}

export interface HttpCall {
  readonly method: 'GET' | 'PUT' | 'POST';
  /** Below the base URL, with its leading slash. */
  readonly path: string;
  /** JSON text. */
  readonly body?: string;
}

/** `refused`: certainly never arrived. With the others the call may have been carried out. */
export type FaultKind = 'refused' | 'unresolved' | 'timeout' | 'broken';

/** No whole reply arrived. */
export class TransportFault extends Error {
  override readonly name = 'TransportFault';
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

export interface Transport {
  /** Settles within `timeoutMs`; rejects with {@link TransportFault} only. */
  send(base: URL, call: HttpCall, timeoutMs: number): Promise<HttpReply>;
  close(): void;
}

/** More than any record can need, less than what V8 can hold in one string. */
const REPLY_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Plain `node:http` with kept connections, bounded in number: an import makes ten thousand small requests.
 */
export function createTransport(token: string | undefined): Transport {
  const options = { keepAlive: true, maxFreeSockets: 256, scheduling: 'lifo' } as const;
  const agents = { 'http:': new http.Agent(options), 'https:': new https.Agent(options) };
  return {
    send: (base, call, timeoutMs) => {
      const secure = base.protocol === 'https:';
      const request = (secure ? https : http).request({
        agent: secure ? agents['https:'] : agents['http:'],
        hostname: base.hostname.replace(/^\[|\]$/g, ''),
        port: base.port,
        path: base.pathname.replace(/\/$/, '') + call.path,
        method: call.method,
        headers: { ...headersFor(call), ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      });
      return exchange(request, call, timeoutMs);
    },
    close: () => {
      agents['http:'].destroy();
      agents['https:'].destroy();
    },
  };
}

function headersFor(call: HttpCall): http.OutgoingHttpHeaders {
  // Nodes take what changes something only from those who say that they send JSON.
  if (call.method === 'POST') return { 'content-type': 'application/json', 'content-length': 0 };
  if (call.body === undefined) return { accept: 'application/json' };
  return { 'content-type': 'application/json', 'content-length': Buffer.byteLength(call.body) };
}

function exchange(request: http.ClientRequest, call: HttpCall, timeoutMs: number): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    let late: TransportFault | undefined;
    const timer = setTimeout(() => {
      late = new TransportFault('timeout', `did not answer within ${timeoutMs} ms`);
      request.destroy(late);
    }, timeoutMs);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      reject(late ?? faultOf(error));
    };
    request.on('error', failed);
    request.on('response', (response) => {
      collect(response, failed, (reply) => {
        clearTimeout(timer);
        resolve(reply);
      });
    });
    request.end(call.body);
  });
}

function collect(
  response: http.IncomingMessage,
  failed: (error: Error) => void,
  done: (reply: HttpReply) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > REPLY_BYTES_MAX) response.destroy(new TransportFault('broken', 'sent an endless reply'));
    else chunks.push(chunk);
  });
  response.on('error', failed);
  response.on('end', () => {
    const body = Buffer.concat(chunks, bytes).toString('utf8');
    done({ status: response.statusCode ?? 0, body, ...retryAfter(response.headers['retry-after']) });
  });
}

function retryAfter(header: string | undefined): { retryAfterMs: number } | undefined {
  const seconds = Number(header);
  return header !== undefined && Number.isFinite(seconds) && seconds >= 0
    ? { retryAfterMs: seconds * 1000 }
    : undefined;
}

function faultOf(error: Error & { code?: string }): TransportFault {
  if (error instanceof TransportFault) return error;
  if (error.code === 'ECONNREFUSED') return new TransportFault('refused', 'refused the connection');
  if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN') {
    return new TransportFault('unresolved', 'has a host name that cannot be resolved');
  }
  return new TransportFault('broken', `broke the connection (${error.code ?? error.message})`);
}
