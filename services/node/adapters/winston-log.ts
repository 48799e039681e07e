import { Writable } from 'node:stream';
import winston from 'winston';
import type { Log, LogFields, LogLevel } from '../ports/telemetry.js';

export interface LogOptions {
  /** Lines below this level are left out. */
  readonly level: LogLevel;
  readonly nodeId: string;
  /** Where the lines go; the process's stdout by default. It is never closed here. */
  readonly stream?: Writable;
  /** Lines are dropped, and counted, while the stream holds more than this many bytes that its reader did not take. */
  readonly bufferedBytesMax?: number;
}

/** A log that an ordered shutdown can wait for. */
export interface ClosableLog extends Log {
  /** Resolves when every line is with the operating system, the stream is gone, or a second has passed. Idempotent. */
  close(): Promise<void>;
}

const BUFFERED_BYTES_MAX = 4 * 1024 * 1024;
const FLUSH_TIMEOUT_MS = 1000;

/**
 * Writes one JSON object a line: `time` (ISO 8601, UTC), `level`, `nodeId`, `message`, `requestId` where there is one,
 * then the other fields. Lines are handed to the stream before `log` returns, and stdout takes them synchronously on a
 * file or pipe, so that what was logged before a sudden exit is there. A reader that went away (EPIPE) or falls behind
 * costs lines, never the process or its memory.
 */
export function createLog(options: LogOptions): ClosableLog {
  const sink = boundedSink(options.stream ?? process.stdout, options.bufferedBytesMax ?? BUFFERED_BYTES_MAX);
  const logger = winston.createLogger({
    level: options.level,
    format: winston.format.printf((info) => line(options.nodeId, info as unknown as Line)),
    transports: [new winston.transports.Stream({ stream: sink.stream, eol: '\n' })],
    exitOnError: false,
  });
  let closed: Promise<void> | undefined;
  return {
    log(level, message, fields = {}) {
      if (!closed) logger.log({ level, message, fields } satisfies Line);
    },
    close() {
      closed ??= sink.flushed().finally(() => logger.close());
      return closed;
    },
  };
}

/** Fields travel as one object: winston gives names such as `message` and `stack` a meaning of its own. */
interface Line {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

function line(nodeId: string, { level, message, fields }: Line): string {
  const { requestId, ...others } = fields;
  const own = { time: new Date().toISOString(), level, nodeId, message, requestId };
  return JSON.stringify({ ...own, ...others, ...own });
}

interface Sink {
  readonly stream: Writable;
  flushed(): Promise<void>;
}

function boundedSink(target: Writable, bufferedBytesMax: number): Sink {
  let dropped = 0;
  const ignore = (): void => undefined;
  target.on('error', ignore);
  const put = (text: string): void => {
    if (target.destroyed || target.writableEnded) return;
    if (target.writableLength > bufferedBytesMax) {
      dropped++;
      return;
    }
    if (dropped > 0)
      target.write(`${JSON.stringify({ message: 'log lines were dropped', lines: dropped })}\n`);
    dropped = 0;
    target.write(text);
  };
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      put(chunk);
      done();
    },
  });
  return { stream, flushed: () => flushed(target) };
}

async function flushed(target: Writable): Promise<void> {
  if (target.destroyed || target.writableEnded) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, FLUSH_TIMEOUT_MS);
    target.write('', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
