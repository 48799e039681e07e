import { performance } from 'node:perf_hooks';
import type { Answer } from './client.js';
import type { Fault } from './faults.js';
import type { Life } from './life.js';
import { backoffMs, type ConsulTuning } from './tuning.js';

/**
 * Blocking queries, one after the other: each is answered when the index is not the one that it was asked with, or after
 * its wait. What Consul says of the index is in {@link nextIndex}; beyond that a wake-up is no proof of change.
 */

export interface Indexed {
  readonly index: number;
}

export interface WatchOptions<T extends Indexed> {
  readonly life: Life;
  readonly tuning: ConsulTuning;
  /** 0: answered at once. */
  readonly ask: (index: number) => Promise<Answer<T>>;
  /** `restarted`: Consul counts from another start than before. */
  readonly onSeen: (seen: T, restarted: boolean) => void;
  readonly onFault: (fault: Fault) => void;
}

/** Never asks again without a pause, after a failure for longer each time. */
export async function watch<T extends Indexed>(options: WatchOptions<T>): Promise<void> {
  const { life, tuning } = options;
  const sleeper = life.sleeper();
  let index = 0;
  let lastIndex = 0;
  let failures = 0;
  while (!life.hasEnded()) {
    const askedMs = performance.now();
    const answer = await options.ask(index);
    if (life.hasEnded()) return;
    if (!answer.ok) {
      // The next one is answered at once, where there is somebody to answer it.
      index = 0;
      options.onFault(answer.fault);
      await sleeper.pause(backoffMs(tuning, failures++));
      continue;
    }
    failures = 0;
    const restarted = answer.value.index < lastIndex;
    index = nextIndex(index, answer.value.index);
    lastIndex = answer.value.index;
    options.onSeen(answer.value, restarted);
    await sleeper.pause(askedMs + tuning.wakeMs - performance.now());
  }
}

/**
 * The index to ask with next. One that went backwards means that the data was put back or wiped: start again. One below 1
 * is a fault of Consul's that would make every query return at once; 1 waits where there is nothing yet.
 */
export function nextIndex(asked: number, answered: number): number {
  if (asked > 0 && answered < asked) return 0;
  return Math.max(1, answered);
}
