import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { resetSocket } from '../../support/tcpProxy.js';
import { createReplyReader, type HttpReply, type ReplyReader } from './replyReader.js';

/** What goes over one connection, from the dialling to its end. */
export interface Conversation {
  /** For the counts and for people. */
  readonly kind: string;
  readonly steps: readonly Step[];
  readonly ending: Ending;
  /** The requests in it that are sound HTTP, in order; undefined where nobody can say what the server makes of it. */
  readonly requests?: readonly RequestLine[];
  /** How many requests it counts for. */
  readonly size: number;
}

export interface RequestLine {
  readonly method: string;
  readonly target: string;
}

export type Step =
  | { readonly type: 'send'; readonly bytes: Uint8Array }
  /** So many final replies have come. */
  | { readonly type: 'replies'; readonly count: number }
  /** One more `100 Continue`, or a final reply in its place, after which nothing more is sent. */
  | { readonly type: 'continue' }
  /** What was sent leaves on its own. */
  | { readonly type: 'turn' };

/**
 * `polite`: all replies are waited for, then this side closes. `quiet`: this side closes once nothing comes any more.
 * `cut` and `reset`: this side goes away after sending. `stay`: the server has to end it.
 */
export type Ending = 'polite' | 'quiet' | 'cut' | 'reset' | 'stay';

export interface Transcript {
  readonly replies: readonly HttpReply[];
  /** What was not HTTP. */
  readonly fault: string | undefined;
  /** The last reply broke off. */
  readonly isPartial: boolean;
  /** Something that was waited for did not come. */
  readonly timedOut: boolean;
  /** Not all was sent, because the server did not want it. */
  readonly stoppedEarly: boolean;
  /** The server closed while it was still being sent something. */
  readonly wasReset: boolean;
}

/** Far above the deadline of any request, and of a connection that stays silent. */
const TIMEOUT_MS = 60_000;
const QUIET_MS = 120;

interface Line {
  readonly socket: Socket;
  readonly reader: ReplyReader;
  isClosed: boolean;
  wasReset: boolean;
  timedOut: boolean;
  /** Called at whatever happens. */
  wake: () => void;
}

/** Never rejects for what the server does; rejects where it cannot be reached at all. */
export async function converse(port: number, conversation: Conversation): Promise<Transcript> {
  const methods = conversation.requests?.map(({ method }) => method) ?? [];
  const line = await dial(
    port,
    createReplyReader((reply) => methods[reply] ?? 'GET'),
  );
  try {
    const stoppedEarly = !(await play(line, conversation.steps));
    await end(line, conversation, stoppedEarly);
    const { reader, timedOut, wasReset } = line;
    return {
      replies: reader.replies,
      fault: reader.fault(),
      isPartial: reader.isPartial(),
      ...{ timedOut, stoppedEarly, wasReset },
    };
  } finally {
    line.socket.destroy();
  }
}

function dial(port: number, reader: ReplyReader): Promise<Line> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    const line: Line = {
      socket,
      reader,
      isClosed: false,
      wasReset: false,
      timedOut: false,
      wake: () => undefined,
    };
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', () => (line.wasReset = true));
      resolve(line);
    });
    socket.on('data', (data: Buffer) => {
      reader.feed(data);
      line.wake();
    });
    const closed = (): void => {
      line.isClosed = true;
      reader.end();
      line.wake();
    };
    socket.on('end', closed).on('close', closed);
  });
}

/** False where the server wanted no more. */
async function play(line: Line, steps: readonly Step[]): Promise<boolean> {
  for (const step of steps) {
    if (line.isClosed || line.timedOut) return false;
    const { replies } = line.reader;
    if (step.type === 'send') line.socket.write(step.bytes);
    else if (step.type === 'turn') await turn();
    else if (step.type === 'replies') await until(line, () => replies.length >= step.count);
    else {
      const [interim, final] = [line.reader.interim(), replies.length];
      await until(line, () => line.reader.interim() > interim || replies.length > final);
      if (line.reader.interim() === interim) return false;
    }
  }
  return true;
}

async function end(line: Line, { ending, requests }: Conversation, stoppedEarly: boolean): Promise<void> {
  const { socket, reader } = line;
  if (ending === 'cut') socket.destroy();
  else if (ending === 'reset') resetSocket(socket);
  else if (ending === 'stay') await until(line, () => false);
  else {
    const wanted = requests?.length ?? 0;
    if (ending !== 'polite') await quiet(line);
    else if (!stoppedEarly) await until(line, () => reader.replies.length >= wanted);
    socket.end();
    await until(line, () => false);
  }
}

/** Until the condition holds, the server has closed, or time is up. */
async function until(line: Line, condition: () => boolean): Promise<void> {
  const timer = setTimeout(() => {
    line.timedOut = true;
    line.wake();
  }, TIMEOUT_MS);
  while (!condition() && !line.isClosed && !line.timedOut && line.reader.fault() === undefined) {
    await new Promise<void>((resolve) => (line.wake = resolve));
  }
  clearTimeout(timer);
}

/** Until nothing has come for a while. */
async function quiet(line: Line): Promise<void> {
  let isQuiet = false;
  while (!isQuiet && !line.isClosed) {
    isQuiet = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(resolve, QUIET_MS, true);
      line.wake = () => {
        clearTimeout(timer);
        resolve(false);
      };
    });
  }
}
