import { asError } from './errors.js';

/**
 * Group commit: what is accepted while one batch is being synced waits and travels together in the next. One batch at a
 * time, at most one a turn of the event loop, in the order of acceptance.
 */

export interface QueuedWrite {
  /** What the write holds in memory until it is durable. */
  readonly sizeBytes: number;
  done(error?: Error): void;
}

export interface CommitQueueOptions<W> {
  readonly pendingBytesMax: number;
  readonly batchBytesMax: number;
  /** Makes the batch durable, or rejects: then all that waits behind it fails as well. */
  commit(batch: readonly W[]): Promise<void>;
}

export interface CommitQueue<W> {
  /** False where the bound on accepted bytes would be passed; a lone write is taken whatever its size. */
  add(write: W): boolean;
  /** Calls `task` exactly once while no batch is under way: now, or when the one that is has been answered. */
  between(task: () => void): void;
  /** Asks for a batch even if nothing is written. */
  request(): void;
  /** Writes accepted and not yet durable. */
  pending(): number;
  /** Resolves when nothing is waiting or under way. */
  idle(): Promise<void>;
}

export function createCommitQueue<W extends QueuedWrite>(options: CommitQueueOptions<W>): CommitQueue<W> {
  const waiting: W[] = [];
  let current: readonly W[] = [];
  let pendingBytes = 0;
  let phase: 'idle' | 'scheduled' | 'committing' = 'idle';
  let requested = false;
  let whenIdle: (() => void)[] = [];
  const whenBetween: (() => void)[] = [];

  const schedule = (): void => {
    if (phase !== 'idle') return;
    phase = 'scheduled';
    setImmediate(() => void run());
  };

  const run = async (): Promise<void> => {
    phase = 'committing';
    requested = false;
    current = takeBatch(waiting, options.batchBytesMax);
    const error = await options.commit(current).then(() => undefined, asError);
    const settled = error ? [...current, ...waiting.splice(0)] : current;
    current = [];
    phase = 'idle';
    for (const write of settled) pendingBytes -= write.sizeBytes;
    for (const write of settled) write.done(error);
    for (const task of whenBetween.splice(0)) task();
    afterwards();
  };

  const afterwards = (): void => {
    if (waiting.length > 0 || requested) schedule();
    if (phase !== 'idle') return;
    const callbacks = whenIdle;
    whenIdle = [];
    for (const callback of callbacks) callback();
  };

  return {
    add(write) {
      if (pendingBytes > 0 && pendingBytes + write.sizeBytes > options.pendingBytesMax) return false;
      pendingBytes += write.sizeBytes;
      waiting.push(write);
      schedule();
      return true;
    },
    between(task) {
      if (phase === 'committing') whenBetween.push(task);
      else task();
    },
    request() {
      requested = true;
      schedule();
    },
    pending: () => waiting.length + current.length,
    idle: () => (phase === 'idle' ? Promise.resolve() : new Promise((resolve) => whenIdle.push(resolve))),
  };
}

function takeBatch<W extends QueuedWrite>(waiting: W[], bytesMax: number): readonly W[] {
  let bytes = 0;
  const beyond = waiting.findIndex((write, i) => (bytes += write.sizeBytes) > bytesMax && i > 0);
  return waiting.splice(0, beyond < 0 ? waiting.length : beyond);
}
