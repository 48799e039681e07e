import type { Instant, Partition } from '../types.js';
import { differingLeaves } from './hashTrees.js';
import { inTurns } from './inTurns.js';
import { type ExchangeParts, repairSpan, type Span } from './spanRepair.js';

/**
 * `same`: no difference was found; `repaired`: everything of the other's that was missing here was pulled; `failed`: some of
 * it was not.
 */
export type ExchangeEnd = 'same' | 'repaired' | 'failed';

export interface ExchangeOptions extends ExchangeParts {
  readonly partitions: readonly Partition[];
  readonly now: () => Instant;
  readonly onPulled: () => void;
  readonly onEnd: (how: ExchangeEnd) => void;
}

/** So many partitions are dealt with at a time. */
const PARTITIONS_AT_ONCE = 64;
const LEAVES_ASKED_AT_ONCE = 8;
const SPANS_AT_ONCE = 4;
/** Neighbouring leaves are listed together. */
const SPAN_LEAVES_MAX = 16;
/** Until trees that were being built are looked at again; after some vain looks others get their turn. */
const UNREADY_PAUSE_MS = 250;
const VAIN_LOOKS_MAX = 20;
/** A key that cannot be had or kept is left out; after so many the fault lies elsewhere. */
const KEYS_LEFT_OUT_MAX = 16;
/** Without any step forward for so long the exchange is given up. */
const PATIENCE_MS = 60_000;

/**
 * One comparison of this node with another, for the partitions that both hold: roots first, then the leaves of what
 * differs, and these once more after a pause, so that writes under way are not taken for differences. Only what differed
 * both times is listed and pulled. The other direction is the other's own exchange.
 */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #left: Partition[];
  /** Of the partitions at hand: whose roots are still to be compared, and whose differed. */
  #unread: readonly Partition[] = [];
  #differing: readonly Partition[] = [];
  #atHand = 0;
  #differed = false;
  #vainLooks = 0;
  #keysLeftOut = 0;
  #isWhole = true;
  #ended = false;
  /** What is to be done at that time; nothing while answers are waited for. */
  #next: { readonly atMs: number; readonly then: () => void } | undefined;
  #progressAtMs = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#left = [...options.partitions];
    this.#step();
    this.#later(0, this.#nextPartitions);
  }

  get peer(): ExchangeParts['peer'] {
    return this.#options.peer;
  }

  /** Partitions that are not dealt with yet. */
  get left(): number {
    return this.#left.length + this.#unread.length + this.#differing.length;
  }

  tick(nowMs: number): void {
    if (nowMs - this.#progressAtMs > PATIENCE_MS) this.end('failed');
    if (this.#ended || !this.#next || nowMs < this.#next.atMs) return;
    const { then } = this.#next;
    this.#next = undefined;
    then();
  }

  /** What comes later is ignored. */
  end(how: ExchangeEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.onEnd(how);
  }

  readonly #nextPartitions = (): void => {
    this.#unread = this.#left.splice(0, PARTITIONS_AT_ONCE);
    this.#differing = [];
    this.#atHand = this.#unread.length;
    if (this.#unread.length > 0) this.#compareRoots();
    else if (!this.#isWhole) this.end('failed');
    else this.end(this.#differed ? 'repaired' : 'same');
  };

  readonly #compareRoots = (): void => {
    const { trees, asks, peer, timeoutMs, epoch } = this.#options;
    const ready = this.#unread.filter((partition) => trees.want(partition));
    const roots = ready.map((partition) => ({ partition, root: trees.root(partition) ?? 0 }));
    if (roots.length === 0) {
      this.#lookAgain();
      return;
    }
    asks.ask(
      peer,
      (request) => ({ type: 'compare', request, epoch: epoch(), roots }),
      timeoutMs,
      (reply) => {
        if (this.#ended) return;
        if (reply?.type !== 'compared') this.end('failed');
        else this.#onCompared(ready, new Set(reply.differing), new Set(reply.unready));
      },
    );
  };

  #onCompared(
    ready: readonly Partition[],
    differing: ReadonlySet<Partition>,
    unready: ReadonlySet<Partition>,
  ): void {
    const told = new Set(ready.filter((partition) => !unready.has(partition)));
    if (told.size > 0) {
      this.#step();
      this.#vainLooks = 0;
    }
    this.#unread = this.#unread.filter((partition) => !told.has(partition));
    this.#differing = [...this.#differing, ...[...told].filter((partition) => differing.has(partition))];
    if (this.#unread.length > 0) this.#lookAgain();
    else this.#onAllCompared();
  }

  #onAllCompared(): void {
    if (this.#differing.length === 0) this.#nextPartitions();
    else this.#compareTwice();
  }

  #lookAgain(): void {
    if (++this.#vainLooks <= VAIN_LOOKS_MAX) {
      this.#later(UNREADY_PAUSE_MS, this.#compareRoots);
    } else if (this.#unread.length === this.#atHand) {
      this.end('failed');
    } else {
      // One partition that cannot be read, there or here, must not stand in the way of all others.
      this.#isWhole = false;
      this.#unread = [];
      this.#vainLooks = 0;
      this.#onAllCompared();
    }
  }

  #compareTwice(): void {
    this.#compareLeaves(this.#differing, (first) => {
      this.#later(this.#options.settleMs, () => {
        this.#compareLeaves([...first.keys()], (second) => {
          const spans = [...second].flatMap(([partition, leaves]) => {
            const before = new Set(first.get(partition));
            const twice = leaves.filter((leaf) => before.has(leaf));
            return spansOf(partition, twice);
          });
          this.#repair(spans);
        });
      });
    });
  }

  /** Which leaves of these partitions differ; partitions that are the same are left out. */
  #compareLeaves(
    partitions: readonly Partition[],
    then: (differing: ReadonlyMap<Partition, readonly number[]>) => void,
  ): void {
    const { asks, peer, timeoutMs, trees } = this.#options;
    const found = new Map<Partition, readonly number[]>();
    const ask = (partition: Partition, done: (ok: boolean) => void): void => {
      asks.ask(
        peer,
        (request) => ({ type: 'leaves', request, partition }),
        timeoutMs,
        (reply) => {
          const theirs = reply?.type === 'leavesReply' ? reply.leaves : undefined;
          const own = trees.leaves(partition);
          const leaves = theirs && own ? differingLeaves(own, theirs) : [];
          if (leaves.length > 0) found.set(partition, leaves);
          this.#step();
          done(theirs !== undefined && own !== undefined);
        },
      );
    };
    inTurns(partitions, LEAVES_ASKED_AT_ONCE, ask, (ok) => {
      if (this.#ended) return;
      if (ok) then(found);
      else this.end('failed');
    });
  }

  #repair(spans: readonly Span[]): void {
    const pulled = (kept: boolean): boolean => {
      this.#step();
      if (kept) {
        this.#differed = true;
        this.#options.onPulled();
      } else {
        this.#isWhole = false;
        this.#keysLeftOut += 1;
      }
      return this.#keysLeftOut <= KEYS_LEFT_OUT_MAX;
    };
    const repair = (span: Span, done: (ok: boolean) => void): void => {
      if (this.#ended) return;
      this.#step();
      repairSpan(span, this.#options, pulled, done);
    };
    inTurns(spans, SPANS_AT_ONCE, repair, (ok) => {
      if (this.#ended) return;
      if (ok) this.#nextPartitions();
      else this.end('failed');
    });
  }

  #step(): void {
    this.#progressAtMs = this.#options.now().monotonicMs;
  }

  #later(ms: number, then: () => void): void {
    this.#next = { atMs: this.#options.now().monotonicMs + ms, then };
  }
}

function spansOf(partition: Partition, leaves: readonly number[]): Span[] {
  const spans: { partition: Partition; first: number; last: number }[] = [];
  for (const leaf of leaves) {
    const open = spans.at(-1);
    if (open?.last === leaf - 1 && leaf - open.first < SPAN_LEAVES_MAX) open.last = leaf;
    else spans.push({ partition, first: leaf, last: leaf });
  }
  return spans;
}
