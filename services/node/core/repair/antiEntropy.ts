import type { AntiEntropyView, ComparisonView } from '../protocol/convergence.js';
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

/** A comparison in which nothing failed; `atMs`: its end. */
type Compared = Omit<ComparisonView, 'secondsAgo'> & { readonly atMs: number };

/** What is compared with a node: all that both hold, or one partition that a person asked for. */
interface Task {
  readonly peer: NodeId;
  readonly partitions: readonly Partition[];
  readonly partition?: Partition;
}

interface Underway {
  readonly task: Task;
  readonly number: number;
  readonly exchange: Exchange;
  readonly pulled: { keys: number };
}

const WINDOW = { countMax: 128, bytesMax: 8 * 1024 * 1024 } as const;
const SETTLE_MS_MAX = 500;
/** Single partitions that were asked for and are not begun; more would be a comparison of everything. */
const TASKS_MAX = 256;

export class AntiEntropy {
  readonly #options: AntiEntropyOptions;
  readonly #dueAtMs = new Map<NodeId, number>();
  readonly #last = new Map<NodeId, Compared>();
  readonly #lastOfPartition = new Map<NodeId, Compared>();
  /** By node, the number of the last comparison that was begun with it. */
  readonly #begunWith = new Map<NodeId, number>();
  #tasks: readonly Task[] = [];
  #underway: Underway | undefined;
  #begun = 0;

  constructor(options: AntiEntropyOptions) {
    this.#options = options;
  }

  /** How far comparisons are. */
  view(): Pick<AntiEntropyView, 'underway' | 'last' | 'lastOfPartition'> {
    return {
      underway: this.#underway && {
        ...{ number: this.#underway.number, peer: this.#underway.task.peer },
        partitionsLeft: this.#underway.exchange.left,
        keysPulled: this.#underway.pulled.keys,
        ...partitionOf(this.#underway.task),
      },
      last: this.#viewOf(this.#last),
      lastOfPartition: this.#viewOf(this.#lastOfPartition),
    };
  }

  /** Every node is compared with as soon as its turn comes. Gives the number of the last comparison that was begun. */
  hurry(): number {
    for (const peer of this.#options.shared().keys()) this.#dueAtMs.set(peer, 0);
    return this.#begun;
  }

  /**
   * The same for one partition. Nodes that cannot be compared with when their turn comes are left out: whoever waits asks
   * again. Gives undefined where too much was asked for already.
   */
  hurryPartition(partition: Partition): number | undefined {
    const asked = new Set(this.#tasks.filter((task) => task.partition === partition).map(({ peer }) => peer));
    const holders = [...this.#options.shared()].filter(([, shared]) => shared.includes(partition));
    const tasks = holders
      .filter(([peer]) => !asked.has(peer))
      .map(([peer]): Task => ({ peer, partitions: [partition], partition }));
    if (this.#tasks.length + tasks.length > TASKS_MAX) return undefined;
    this.#tasks = [...this.#tasks, ...tasks];
    return this.#begun;
  }

  /** The comparison under way counts for nothing; nor do the partitions that were asked for mean the same nodes. */
  abandon(): void {
    this.#tasks = [];
    this.#underway?.exchange.end('failed');
  }

  tick(nowMs: number): void {
    const { isAlive } = this.#options;
    if (this.#underway && !isAlive(this.#underway.task.peer)) this.#underway.exchange.end('failed');
    if (this.#underway) this.#underway.exchange.tick(nowMs);
    else this.#begin(nowMs);
  }

  #begin(nowMs: number): void {
    const next = this.#nextTask() ?? this.#nextInTurn(nowMs);
    if (next) this.#start(next);
  }

  #nextTask(): Task | undefined {
    const next = this.#tasks.findIndex(({ peer }) => this.#isWorthIt(peer));
    const task = this.#tasks[next];
    this.#tasks = task ? this.#tasks.slice(next + 1) : [];
    return task;
  }

  /**
   * Of those that are due, the one that was compared with longest ago: while all are hurried, again and again, none is left
   * out. The first comparisons come after a pause: a node that starts has better things to do.
   */
  #nextInTurn(nowMs: number): Task | undefined {
    const { everyMs, shared } = this.#options;
    let next: Task | undefined;
    let longestAgo = Infinity;
    for (const [peer, partitions] of shared()) {
      const dueAtMs = this.#dueAtMs.get(peer) ?? nowMs + everyMs;
      this.#dueAtMs.set(peer, dueAtMs);
      const begun = this.#begunWith.get(peer) ?? 0;
      if (dueAtMs > nowMs || begun >= longestAgo || !this.#isWorthIt(peer)) continue;
      longestAgo = begun;
      next = { peer, partitions };
    }
    return next;
  }

  #isWorthIt(peer: NodeId): boolean {
    return this.#options.isAlive(peer) && this.#options.isListedComplete(peer);
  }

  #start(task: Task): void {
    const { outbox, timeoutMs, isComplete } = this.#options;
    const number = ++this.#begun;
    const pulled = { keys: 0 };
    if (task.partition === undefined) this.#begunWith.set(task.peer, number);
    const exchange = new Exchange({
      ...this.#options,
      peer: task.peer,
      partitions: task.partitions,
      settleMs: Math.min(SETTLE_MS_MAX, timeoutMs / 2),
      takesExpired: !isComplete(),
      pulls: new PullWindow(WINDOW),
      now: () => outbox.now,
      onPulled: () => {
        pulled.keys += 1;
        outbox.observe('keyPulled');
      },
      onEnd: (how) => {
        this.#ended(how);
      },
    });
    this.#underway = { task, number, exchange, pulled };
  }

  #ended(how: ExchangeEnd): void {
    const { outbox, everyMs, exchanged } = this.#options;
    if (!this.#underway) return;
    const { task, number, pulled } = this.#underway;
    const { monotonicMs: atMs } = outbox.now;
    const isOfAll = task.partition === undefined;
    this.#underway = undefined;
    if (isOfAll) this.#dueAtMs.set(task.peer, atMs + everyMs);
    if (how !== 'failed') {
      const compared = { ...{ number, atMs, how, keysPulled: pulled.keys }, ...partitionOf(task) };
      (isOfAll ? this.#last : this.#lastOfPartition).set(task.peer, compared);
      if (isOfAll) exchanged(task.peer);
    }
    outbox.observe(FACTS[how]);
  }

  #viewOf(compared: ReadonlyMap<NodeId, Compared>): ReadonlyMap<NodeId, ComparisonView> {
    const { monotonicMs } = this.#options.outbox.now;
    return new Map(
      [...compared].map(([peer, { atMs, ...rest }]) => [
        peer,
        { ...rest, secondsAgo: Math.max(0, Math.round((monotonicMs - atMs) / 1000)) },
      ]),
    );
  }
}

/** Only where one was asked for. */
function partitionOf({ partition }: Task): { readonly partition?: Partition } {
  return partition === undefined ? {} : { partition };
}

const FACTS = { same: 'exchangeSame', repaired: 'exchangeRepaired', failed: 'exchangeFailed' } as const;
