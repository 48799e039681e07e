import { get } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { LIMITS } from '../core/types.js';

const NEWLINE = 0x0a;

/** Longest line taken from another node: eight times the largest record that a client may write, in base64. */
const LINE_BYTES_MAX = 8 * Math.ceil((LIMITS.recordBytesMax * 4) / 3);

export interface AskingHow {
  readonly silenceMs: number;
  /**
   * The `Authorization` header of the client for whom this is asked. Nodes have no token of their own: what the client may
   * not see there it gets from nobody.
   */
  readonly authorization: string | undefined;
}

/**
 * Another node's `/internal/dump/my`, in batches of whole lines: what it had begun when it broke off is left out. Throws
 * where the node does not answer, breaks off, or sends nothing for `silenceMs` while it is being waited for.
 */
export async function* remoteLines(
  address: string,
  { silenceMs, authorization }: AskingHow,
): AsyncGenerator<Buffer> {
  const headers = authorization === undefined ? {} : { authorization };
  const request = get(`http://${address}/internal/dump/my`, { agent: false, headers });
  // Without a listener, a failure after the reply has begun would end the process; the iteration reports it as well.
  request.on('error', () => undefined);
  try {
    const response = await within(answerTo(request), silenceMs);
    const { statusCode } = response;
    if (statusCode === 401) throw new Error('it answered 401: its token file does not have this token');
    if (statusCode !== 200) throw new Error(`it answered ${String(statusCode)}`);
    yield* wholeLines(chunksOf(response, silenceMs));
  } finally {
    request.destroy();
  }
}

function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve).once('error', reject);
  });
}

/** The clock runs only while a chunk is being waited for: a slow reader of ours is not the other node's silence. */
async function* chunksOf(response: IncomingMessage, silenceMs: number): AsyncGenerator<Buffer> {
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  for (;;) {
    const next = await within(chunks.next(), silenceMs);
    if (next.done === true) return;
    yield next.value;
  }
}

async function* wholeLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0) {
      yield Buffer.concat([...begun, chunk.subarray(0, end)]);
      begun = [];
      length = 0;
    }
    begun.push(chunk.subarray(end));
    length += chunk.length - end;
    if (length > LINE_BYTES_MAX) throw new Error('it sent a line that is too long');
  }
  if (length > 0) throw new Error('it broke off within a line');
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`it was silent for ${String(ms)} ms`));
    }, ms);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
