import { type ChildProcess, spawn } from 'node:child_process';
import type { Cleanup } from '../support/cleanup.js';
import type { LatencyCount } from './latency.js';
import type { KeyChoice, RequestShape } from './requests.js';

/** What one load process has to do: keep `connections` busy, one request at a time on each. */
export interface LoadOrder {
  readonly url: string;
  readonly shape: RequestShape;
  readonly keys: KeyChoice;
  readonly connections: number;
  readonly seconds: number;
  /** Of the choice of keys and values. */
  readonly seed: number;
}

export interface LoadResult {
  /** All that were answered, whatever the answer. */
  readonly answered: number;
  readonly seconds: number;
  /** Of all answers, with their headers. */
  readonly bytes: number;
  /** Requests without a 2xx answer, by status or by what went wrong. */
  readonly failures: Readonly<Record<string, number>>;
  readonly latencies: readonly LatencyCount[];
}

/** Makes the command line of a load process; that prints one line of {@link RESULT_MARK} and a {@link LoadResult}. */
export interface LoadGenerator {
  readonly name: 'wrk' | 'js';
  readonly version: string;
  command(order: LoadOrder, file: string): readonly [string, ...string[]];
}

export const RESULT_MARK = 'RESULT ';

/** A load process that has not ended so long after its time is ended. */
const OVERTIME_MS = 20_000;

const STDERR_TAIL_CHARS = 2000;

/** Runs one load process; `file` is written for it. Throws where it fails or prints no result. */
export async function runLoad(
  generator: LoadGenerator,
  order: LoadOrder,
  file: string,
  cleanup: Cleanup,
): Promise<LoadResult> {
  const [command, ...args] = generator.command(order, file);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  cleanup.defer('end a load process', () => void child.kill('SIGKILL'));
  const timer = setTimeout(() => child.kill('SIGKILL'), order.seconds * 1000 + OVERTIME_MS);
  try {
    return parseResult(await outputOf(child));
  } finally {
    clearTimeout(timer);
  }
}

function outputOf(child: ChildProcess): Promise<string> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(stdout);
      else {
        const shown = stderr.slice(-STDERR_TAIL_CHARS) || stdout.slice(-STDERR_TAIL_CHARS);
        reject(new Error(`a load process ended with ${String(code ?? signal)}: ${shown}`));
      }
    });
  });
}

/** The result among everything that a load process printed. Throws where there is none. */
export function parseResult(stdout: string): LoadResult {
  const line = stdout.split('\n').find((one) => one.startsWith(RESULT_MARK));
  if (line === undefined) throw new Error(`a load process printed no result: ${stdout.slice(0, 500)}`);
  const result = JSON.parse(line.slice(RESULT_MARK.length)) as LoadResult;
  const failures = Object.entries(result.failures).filter(([, count]) => count > 0);
  return { ...result, failures: Object.fromEntries(failures) };
}

/** All load processes of one measurement together; they ran side by side. */
export function sumFailures(results: readonly LoadResult[]): Readonly<Record<string, number>> {
  const sum: Record<string, number> = {};
  for (const [name, count] of results.flatMap((result) => Object.entries(result.failures))) {
    sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}
