import type { Partition } from '../types.js';
import type { HashTrees } from './hashTrees.js';

/**
 * Builds the hash trees anew, one after the other, from what is on the disk: so every record is read again within a given
 * time, and damage is found that no request meets while enough other replicas are sound (R12).
 */
export interface ScrubOptions {
  readonly partitions: number;
  /** In which every record is read once. */
  readonly scrubMs: number;
  readonly trees: HashTrees;
  readonly holds: (partition: Partition) => boolean;
}

export class Scrub {
  readonly #options: ScrubOptions;
  #next = 0;
  #dueAtMs: number | undefined;

  constructor(options: ScrubOptions) {
    this.#options = options;
  }

  tick(nowMs: number): void {
    const { partitions, scrubMs, trees, holds } = this.#options;
    const everyMs = scrubMs / partitions;
    this.#dueAtMs ??= nowMs + everyMs;
    if (nowMs < this.#dueAtMs) return;
    this.#dueAtMs = Math.max(this.#dueAtMs + everyMs, nowMs);
    const partition = this.#next as Partition;
    this.#next = (this.#next + 1) % partitions;
    if (holds(partition)) trees.renew(partition);
  }
}
