import type { Outbox } from '../protocol/outbox.js';
import type { NodeId, Partition } from '../types.js';
import { Exchange, type ExchangeEnd } from './exchange.js';
import { PullWindow } from './pullWindow.js';
import type { ExchangeParts } from './spanRepair.js';

/**
 * Anti-entropy: in turns, one at a time, this node compares what it holds with each other node that holds part of it,
 * and pulls what it lacks (Dynamo, §4.7). What is the same costs one message for 64 partitions.
 */
export interface AntiEntropyOptions extends Omit<
  ExchangeParts,
  'peer' | 'pulls' | 'takesExpired' | 'settleMs'
> {
  readonly outbox: Outbox;
  /** From one comparison with a node to the next. */
  readonly everyMs: number;
  readonly isComplete: () => boolean;
  readonly isAlive: (node: NodeId) => boolean;
  /** Whether a comparison with the node is worth anything. */
  readonly isListedComplete: (node: NodeId) => boolean;
  /** Everything of the node's that was missing here has been pulled. */
  readonly exchanged: (peer: NodeId) => void;
  /** The other nodes, and the partitions that each holds together with this one. */
  readonly shared: () => ReadonlyMap<NodeId, readonly Partition[]>;
}

/** What became of comparisons, for whoever looks on. */
export interface AntiEntropyProgress {
  /** With whom this node compares now, and how many partitions are left. */
  readonly underway: { readonly peer: NodeId; readonly partitionsLeft: number } | undefined;
  /** By peer: when the last comparison ended in which nothing failed (monotonic ms), and whether anything was pulled. */
  readonly last: ReadonlyMap<NodeId, { readonly atMs: number; readonly how: ExchangeEnd }>;
}

const WINDOW = { countMax: 128, bytesMax: 8 * 1024 * 1024 } as const;
const SETTLE_MS_MAX = 500;

export class AntiEntropy {
  readonly #options: AntiEntropyOptions;
  readonly #dueAtMs = new Map<NodeId, number>();
  readonly #last = new Map<NodeId, { readonly atMs: number; readonly how: ExchangeEnd }>();
  #underway: Exchange | undefined;

  constructor(options: AntiEntropyOptions) {
    this.#options = options;
  }

  progress(): AntiEntropyProgress {
    const underway = this.#underway && { peer: this.#underway.peer, partitionsLeft: this.#underway.left };
    return { underway, last: this.#last };
  }

  /** Every node is compared with as soon as its turn comes. */
  hurry(): void {
    for (const peer of this.#dueAtMs.keys()) this.#dueAtMs.set(peer, 0);
  }

  /** The comparison under way counts for nothing. */
  abandon(): void {
    this.#underway?.end('failed');
  }

  tick(nowMs: number): void {
    const { isAlive } = this.#options;
    if (this.#underway && !isAlive(this.#underway.peer)) this.#underway.end('failed');
    if (this.#underway) this.#underway.tick(nowMs);
    else this.#begin(nowMs);
  }

  /** The first comparisons come after a pause: a node that starts has better things to do. */
  #begin(nowMs: number): void {
    const { everyMs, shared, isAlive, isListedComplete } = this.#options;
    let next: { readonly peer: NodeId; readonly partitions: readonly Partition[] } | undefined;
    let earliest = nowMs;
    for (const [peer, partitions] of shared()) {
      const dueAtMs = this.#dueAtMs.get(peer) ?? nowMs + everyMs;
      this.#dueAtMs.set(peer, dueAtMs);
      if (dueAtMs > earliest || !isAlive(peer) || !isListedComplete(peer)) continue;
      earliest = dueAtMs;
      next = { peer, partitions };
    }
    if (next) this.#start(next.peer, next.partitions);
  }

  #start(peer: NodeId, partitions: readonly Partition[]): void {
    const { outbox, timeoutMs, isComplete } = this.#options;
    this.#underway = new Exchange({
      ...this.#options,
      peer,
      partitions,
      settleMs: Math.min(SETTLE_MS_MAX, timeoutMs / 2),
      takesExpired: !isComplete(),
      pulls: new PullWindow(WINDOW),
      now: () => outbox.now,
      onPulled: () => {
        outbox.observe('keyPulled');
      },
      onEnd: (how) => {
        this.#ended(peer, how);
      },
    });
  }

  #ended(peer: NodeId, how: ExchangeEnd): void {
    const { outbox, everyMs } = this.#options;
    const { monotonicMs: atMs } = outbox.now;
    this.#underway = undefined;
    this.#dueAtMs.set(peer, atMs + everyMs);
    if (how !== 'failed') {
      this.#last.set(peer, { atMs, how });
      this.#options.exchanged(peer);
    }
    outbox.observe(FACTS[how]);
  }
}

const FACTS = { same: 'exchangeSame', repaired: 'exchangeRepaired', failed: 'exchangeFailed' } as const;
