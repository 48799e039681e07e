import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Processes that a test or a chaos run starts. All are ended, by pid, when this process ends in whatever way it can
 * still notice; nothing that was not started here is ever signalled.
 */
export interface Started {
  readonly pid: number;
  /** Settles when the process is gone; never rejects. */
  readonly exited: Promise<Exit>;
  isRunning(): boolean;
  kill(signal: NodeJS.Signals): void;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartOptions {
  /** Node where there is none. */
  readonly command?: string;
  readonly args: readonly string[];
  /** Ours where there is none. */
  readonly env?: NodeJS.ProcessEnv;
  /** It gets a session of its own, and is not ended when this process ends. */
  readonly stays?: boolean;
  /** Gets stderr, and stdout too unless `onLine` is given. */
  readonly outputFile: string;
  readonly onLine?: (line: string) => void;
}

const TAIL_LINES = 25;

const running = new Set<Started>();

process.on('exit', () => {
  for (const started of running) started.kill('SIGKILL');
});

/** Starts a program with `args`; one that is not there has the pid 0 and has exited. */
export function startProcess(options: StartOptions): Started {
  const { command = process.execPath, args, env, outputFile, onLine, stays = false } = options;
  const output = openSync(outputFile, 'a');
  const stdio = ['ignore', onLine ? 'pipe' : output, output] as const;
  const child = spawn(command, args, { stdio: [...stdio], detached: stays, ...(env ? { env } : {}) });
  closeSync(output);
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
      exit = { code, signal };
      running.delete(started);
      resolve(exit);
    };
    child.once('exit', ended);
    child.once('error', () => {
      ended(null, null);
    });
  });
  const started: Started = {
    pid: child.pid ?? 0,
    exited,
    isRunning: () => exit === undefined,
    kill: (signal) => {
      if (exit === undefined) child.kill(signal);
    },
  };
  if (stays) child.unref();
  else running.add(started);
  if (onLine && child.stdout) createInterface({ input: child.stdout }).on('line', onLine);
  return started;
}

/** SIGTERM, then SIGKILL after `timeoutMs`; says how the process ended. */
export async function stopProcess(started: Started, timeoutMs: number): Promise<Exit> {
  started.kill('SIGTERM');
  const timer = setTimeout(() => {
    started.kill('SIGKILL');
  }, timeoutMs);
  const exit = await started.exited;
  clearTimeout(timer);
  return exit;
}

/** Whether a process with this pid exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  return processState(pid) !== undefined && processState(pid) !== 'Z';
}

/** The state letter of a process or thread as the kernel gives it; undefined where there is none. */
export function processState(pid: number, thread = pid): string | undefined {
  try {
    const text = readFileSync(`/proc/${String(pid)}/task/${String(thread)}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2)[0];
  } catch {
    return undefined;
  }
}

/** The command line of a process; empty where there is none. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/**
 * What distinguishes a process from every other that has had or will have its pid, restarts of the machine included;
 * undefined where there is none, or only a zombie.
 */
export function identityOf(pid: number): string | undefined {
  if (!isAlive(pid)) return undefined;
  try {
    const text = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    // The 22nd field; the second one, the name, may hold anything.
    const startedAt = text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${startedAt}`;
  } catch {
    return undefined;
  }
}

/** Polls until `condition` holds; throws with `what` after `timeoutMs`. */
export async function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${String(timeoutMs)} ms: ${what}`);
    await sleep(25);
  }
}

/** The last lines of a file, for the message of a failure. */
export function tailOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  } catch {
    return '(no output)';
  }
}
