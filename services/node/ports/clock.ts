import type { Instant } from '../core/types.js';

/** Time, as the runtime gets it. */
export interface Clock {
  now(): Instant;
  /** Calls `task` about every `ms` until the returned function is called. Does not keep the process alive. */
  every(ms: number, task: () => void): () => void;
}
