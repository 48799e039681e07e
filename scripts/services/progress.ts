import { execFile } from 'node:child_process';
import { environment } from '../../services/node/config.js';
import { needProgram, ServiceError } from './programs.js';

/** Tells a person what is being done, a line at a time. */
export type Say = (line: string) => void;

const PROGRESS_MS = 2000;
const COMMAND_TIMEOUT_MS = 600_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const TAIL_LINES = 15;

/** Says what is being done, again every two seconds while it lasts. */
export async function withProgress<T>(what: string, say: Say, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const seconds = (): string => ((performance.now() - startedAt) / 1000).toFixed(0);
  say(`${what} …`);
  const timer = setInterval(() => say(`${what} … ${seconds()} s`), PROGRESS_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** Runs a program to its end; throws a {@link ServiceError} with the end of what it printed where it fails. */
export function runCommand(
  what: string,
  name: string,
  args: readonly string[],
  say: Say,
  env: Readonly<Record<string, string>> = {},
  cwd = process.cwd(),
): Promise<void> {
  const options = {
    env: { ...environment(), ...env },
    cwd,
    timeout: COMMAND_TIMEOUT_MS,
    maxBuffer: OUTPUT_BYTES_MAX,
  };
  const command = needProgram(name);
  const run = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = execFile(command, args, options, (error, stdout, stderr) => {
        if (!error) resolve();
        else reject(new ServiceError(`${what} failed: ${error.message}\n${tail(`${stdout}${stderr}`)}`));
      });
      child.stdin?.end();
    });
  return withProgress(what, say, run);
}

function tail(text: string): string {
  return text.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
}
