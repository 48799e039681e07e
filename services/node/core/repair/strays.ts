import { rangeOf } from '../ring/position.js';
import type { ReplicaSet } from '../ring/replicaSets.js';
import type { Key, NodeId, Partition } from '../types.js';
import type { Outbox } from '../protocol/outbox.js';
import type { Scans } from './scans.js';

/**
 * Records of keys that this node does not hold and owes to nobody: left by a crash between a record and its hint, by an
 * old copy of a directory, by a change of the ring. Each gets a hint for every replica of its key, so that it is handed
 * over and dropped as any stand-in's copy is (R4). One partition is looked through at a time.
 */
export interface StraysOptions {
  readonly partitions: number;
  /** From one partition to the next. */
  readonly everyMs: number;
  /** Until the first: a node that starts has better things to do. */
  readonly afterMs: number;
  readonly scans: Scans;
  readonly outbox: Outbox;
  readonly holds: (partition: Partition) => boolean;
  readonly replicaSet: (key: Key) => ReplicaSet;
  /** It is being written, or a hint says already whom it is for. */
  readonly isCaredFor: (key: Key) => boolean;
  readonly keepHint: (target: NodeId, key: Key) => void;
  readonly hintsAreFull: () => boolean;
  readonly onDamaged: (key: Key) => void;
}

export class Strays {
  readonly #options: StraysOptions;
  #next = 0;
  #dueAtMs: number | undefined;
  #isScanning = false;

  constructor(options: StraysOptions) {
    this.#options = options;
  }

  tick(nowMs: number): void {
    const { everyMs, partitions, holds } = this.#options;
    this.#dueAtMs ??= nowMs + this.#options.afterMs;
    if (this.#isScanning || nowMs < this.#dueAtMs) return;
    this.#dueAtMs = nowMs + everyMs;
    for (let tried = 0; tried < partitions; tried++) {
      const partition = this.#next as Partition;
      this.#next = (this.#next + 1) % partitions;
      if (holds(partition)) continue;
      this.#scan(partition);
      return;
    }
  }

  #scan(partition: Partition): void {
    const { scans, partitions, onDamaged, hintsAreFull } = this.#options;
    this.#isScanning = true;
    const cancel = scans.start(rangeOf(partition, partitions), {
      page: ({ entries, damaged }) => {
        for (const { key } of entries) this.#owe(key);
        for (const key of damaged) onDamaged(key);
        if (!hintsAreFull()) return;
        cancel();
        this.#isScanning = false;
      },
      ended: () => {
        this.#isScanning = false;
      },
    });
  }

  #owe(key: Key): void {
    const { isCaredFor, replicaSet, keepHint, hintsAreFull, outbox } = this.#options;
    if (isCaredFor(key) || hintsAreFull()) return;
    outbox.observe('strayFound');
    for (const node of replicaSet(key).primaries) keepHint(node, key);
  }
}
