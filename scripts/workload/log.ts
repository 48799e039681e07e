import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/**
 * The log of a run: one JSON object a line, in the order in which things happened at this client process. A `send` line
 * is handed to the kernel before its request leaves, an `answer` line is added after the answer is in. Line order is
 * therefore real-time order, and the verdict needs nothing else: no clock of any node is ever consulted.
 */

/** Names one value (or one delete) over all runs: `run.client.sequence`. */
export type ValueId = string;

/**
 * `ok`: answered with success. `none`: certainly no effect (said by the error, or the connection was refused).
 * `unknown`: anything else, silence included.
 */
export type AnswerOutcome = 'ok' | 'none' | 'unknown';

export type Operation = 'get' | 'put' | 'delete';

export interface StartLine {
  readonly t: 'start';
  readonly run: string;
  readonly seed: number;
  readonly urls: readonly string[];
  readonly clients: number;
  readonly keys: number;
  /** null: the default of the cluster, the majority. */
  readonly minNumReads: number | null;
  readonly minNumWrites: number | null;
  readonly quorum: 'strict' | 'sloppy';
  /** Whether every read must show every write acknowledged before it was sent (I7). */
  readonly readsAreStrict: boolean;
}

export interface WriteIntent {
  readonly value: ValueId;
  /** Number of the request whose answer gave the version that is sent as fromVersion; 0: sent `""`. */
  readonly from: number;
  /** Whether this is a delete; its id then names the tombstone. */
  readonly deletes?: boolean;
  readonly requestId?: string;
}

export interface SendLine {
  readonly t: 'send';
  /** Numbers requests from 1; a repeat of a request is a new number with the same value. */
  readonly n: number;
  /** Milliseconds since the run began, monotonic. */
  readonly at: number;
  readonly client: number;
  /** Index into the URLs of the start line. */
  readonly node: number;
  readonly op: Operation;
  readonly key: string;
  readonly write?: WriteIntent;
}

export interface AnswerLine {
  readonly t: 'answer';
  readonly n: number;
  readonly at: number;
  readonly outcome: AnswerOutcome;
  /** `ok`, the error's code, or what became of the connection. */
  readonly code: string;
  readonly version?: string | null;
  /** With a successful GET: every value seen. */
  readonly values?: readonly ValueId[];
}

export type MarkName = 'fault' | 'healed';

export interface MarkLine {
  readonly t: 'mark';
  readonly name: MarkName;
  readonly at: number;
  readonly inFlight: number;
}

/** Final reads begin here; earlier ones no longer count. */
export interface FinalsLine {
  readonly t: 'finals';
}

export interface FinalLine {
  readonly t: 'final';
  readonly url: string;
  readonly key: string;
  readonly version: string;
  readonly values: readonly ValueId[];
}

/** A key that one node could not read until the deadline. */
export interface UnreadableLine {
  readonly t: 'unreadable';
  readonly url: string;
  readonly key: string;
  readonly code: string;
}

export type LogLine = StartLine | SendLine | AnswerLine | MarkLine | FinalsLine | FinalLine | UnreadableLine;

export interface LogWriter {
  /** Adds a line; it reaches the file in this turn of the event loop at the latest. */
  append(line: LogLine): void;
  /** Adds a line and resolves once it is in the file. */
  written(line: LogLine): Promise<void>;
  close(): void;
}

/** Appends to `file`. Lines of one turn go out in one write; errors of the file system end the process's run. */
export function openLog(file: string): LogWriter {
  const fd = openSync(file, 'a');
  let lines = '';
  let turn: Promise<void> | undefined;
  const flush = (): void => {
    const text = lines;
    lines = '';
    turn = undefined;
    if (text !== '') writeFully(fd, Buffer.from(text));
  };
  const scheduled = (): Promise<void> =>
    (turn ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        try {
          flush();
          resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    }));
  const written = (line: LogLine): Promise<void> => {
    lines += `${JSON.stringify(line)}\n`;
    return scheduled();
  };
  return {
    append: (line) => void written(line),
    written,
    close: () => {
      flush();
      closeSync(fd);
    },
  };
}

function writeFully(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}

/**
 * Reads a log; a last line that was cut off by a crash is left out, any other malformed line is an error.
 *
 * @param isWhole false while it is still being written, where such a line is nothing to speak of
 */
export function readLog(file: string, isWhole = true): LogLine[] {
  const texts = readFileSync(file, 'utf8').split('\n');
  const last = texts.pop();
  const lines = texts.map((text, index) => parseLine(text, index + 1));
  if (isWhole && last !== undefined && last !== '')
    process.stderr.write(`${file}: the last line is cut off and left out\n`);
  return lines;
}

function parseLine(text: string, lineNumber: number): LogLine {
  const parsed = JSON.parse(text) as LogLine | null;
  if (typeof parsed?.t !== 'string')
    throw new Error(`line ${String(lineNumber)} is not a line of a workload log`);
  return parsed;
}

/** Every key that the run touched, sorted. */
export function keysOf(lines: readonly LogLine[]): string[] {
  return [...new Set(lines.flatMap((line) => (line.t === 'send' ? [line.key] : [])))].sort();
}
