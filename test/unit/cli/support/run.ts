import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../../../../services/cli/program.js';
import type { Terminal } from '../../../../services/cli/terminal.js';

export interface CliRun {
  readonly exit: number;
  readonly out: string;
  readonly bytes: Buffer;
  readonly err: string;
}

export interface RunOptions {
  readonly environment?: NodeJS.ProcessEnv;
  readonly stdin?: Buffer;
  readonly outIsTty?: boolean;
  readonly errIsTty?: boolean;
  /** Somebody sits there and answers this. */
  readonly answer?: string;
  /** Called once with what Ctrl-C would do. */
  readonly onInterruptible?: (interrupt: () => void) => void;
}

/** Runs one command line in this process, on a terminal that remembers. */
export async function rondo(argv: readonly string[], options: RunOptions = {}): Promise<CliRun> {
  const out: Buffer[] = [];
  let err = '';
  const terminal: Terminal = {
    writeOut: (data) => void out.push(Buffer.from(data)),
    writeErr: (text) => void (err += text),
    outIsTty: options.outIsTty ?? false,
    errIsTty: options.errIsTty ?? false,
    inIsTty: options.answer !== undefined,
    columns: 80,
    readIn: () => Promise.resolve(options.stdin ?? Buffer.alloc(0)),
    ask: (question) => {
      err += question;
      return Promise.resolve(options.answer ?? '');
    },
    onInterrupt: (listener) => {
      options.onInterruptible?.(listener);
      return () => {};
    },
  };
  const exit = await runCli(
    argv,
    { terminal, environment: options.environment ?? {}, nodeEntry: '' },
    '0.0.0-test',
  );
  const bytes = Buffer.concat(out);
  return { exit, out: bytes.toString('utf8'), bytes, err };
}

export function jsonOf(run: CliRun): Record<string, unknown> {
  return JSON.parse(run.out) as Record<string, unknown>;
}

/** A folder that is gone after `use`. */
export async function inTempFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'rondo-cli-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
