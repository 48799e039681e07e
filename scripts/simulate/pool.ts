import { type ChildProcess, fork } from 'node:child_process';
import type { SimulationResult } from '../../test/simulation/simulate.js';

/** Simulations in processes of their own, one for each core: JavaScript has one thread. */
export interface Pool {
  run(job: Job): Promise<SimulationResult>;
  /** How many jobs can run at a time. */
  readonly size: number;
  close(): void;
}

/** One seed, or one plan as JSON. */
export type Job =
  | { readonly plan?: undefined; readonly seed: string; readonly twice: boolean }
  | { readonly plan: string; readonly keepsLines: boolean };

export type JobResult =
  | { readonly ok: true; readonly result: SimulationResult }
  /** The simulator itself failed. */
  | { readonly ok: false; readonly error: string };

interface Waiting {
  readonly job: Job;
  readonly resolve: (result: SimulationResult) => void;
  readonly reject: (error: Error) => void;
}

/** `workerFile`: the compiled worker, perhaps that of a patched copy. */
export function openPool(workerFile: string, size: number): Pool {
  const queue: Waiting[] = [];
  const idle: ChildProcess[] = [];
  const running = new Map<ChildProcess, Waiting>();
  const next = (): void => {
    const [child] = idle;
    const waiting = child && queue.shift();
    if (!child || !waiting) return;
    idle.shift();
    running.set(child, waiting);
    child.send(waiting.job);
  };
  const settle = (child: ChildProcess, result: JobResult): void => {
    const waiting = running.get(child);
    running.delete(child);
    if (result.ok) waiting?.resolve(result.result);
    else waiting?.reject(new Error(result.error));
  };
  const children = Array.from({ length: size }, () => fork(workerFile, { stdio: 'inherit' }));
  for (const child of children) {
    idle.push(child);
    child.on('message', (result: JobResult) => {
      settle(child, result);
      idle.push(child);
      next();
    });
    child.on('exit', (code) => {
      settle(child, { ok: false, error: `a worker ended with code ${String(code)}` });
    });
  }
  return {
    size,
    run: (job) =>
      new Promise((resolve, reject) => {
        queue.push({ job, resolve, reject });
        next();
      }),
    close: () => {
      for (const child of children) child.disconnect();
    },
  };
}
