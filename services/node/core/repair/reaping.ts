import type { ReapItem } from '../protocol/messages.js';
import { REAP_ITEMS_MAX } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import { rangeOf } from '../ring/position.js';
import type { NodeId, Partition } from '../types.js';
import { hashRecord } from '../versioning/recordHash.js';
import type { Asks } from './asks.js';
import type { HashTrees } from './hashTrees.js';
import { inTurns } from './inTurns.js';
import type { ReapChecks } from './reapChecks.js';
import type { Scans } from './scans.js';
import { expiresInMs } from './tombstones.js';

/**
 * Reaping: tombstones that are older than the grace time are forgotten by all replicas together (R13). The owner of a
 * partition asks *every* node of the cluster, twice: replicas must be complete and have that very tombstone or nothing,
 * everybody else nothing, and nobody a hint. Between the two questions every message dies that was on its way at the
 * first, so that after the second no older value is left anywhere that could come back (I10). A node that is away is
 * waited for, however long it takes. What the owner of the partition has not reaped after a while, because it lost the
 * tombstone or another replica did not hear that it should, the next replica takes up in its turn.
 */
export interface ReapingOptions {
  readonly self: NodeId;
  readonly partitions: number;
  readonly graceMs: number;
  readonly timeoutMs: number;
  readonly outbox: Outbox;
  readonly scans: Scans;
  readonly trees: HashTrees;
  readonly asks: Asks;
  readonly checks: ReapChecks;
  /** This node's place among the replicas of a partition, its owner first; -1 where it is none. */
  readonly placeAmong: (partition: Partition) => number;
  readonly others: () => readonly NodeId[];
  readonly isAlive: (node: NodeId) => boolean;
  /** Forgets the key here, if it still is that record, and nobody is owed it. */
  readonly reap: (item: ReapItem) => void;
}

interface Round {
  readonly items: readonly ReapItem[];
  readonly secondAtMs: number;
}

/** Of the grace time, from the turn of one replica to that of the next. */
const TURN = 1 / 2;
const EVERY_MS = { least: 200, most: 60_000 } as const;
/** No message of repair lives longer; see {@link messageMsMax}. */
const MESSAGE_MS_MAX = 120_000;

/** The longest that a message of repair may live: far less than the grace time, and than the pause of a round. */
export function messageMsMax(graceMs: number): number {
  return Math.min(graceMs / 5, MESSAGE_MS_MAX);
}

export class Reaping {
  readonly #options: ReapingOptions;
  readonly #dueAtMs = new Map<Partition, number>();
  #next = 0;
  #state: 'idle' | 'busy' = 'idle';
  #round: Round | undefined;
  #nextAtMs: number | undefined;

  constructor(options: ReapingOptions) {
    this.#options = options;
  }

  tick(nowMs: number): void {
    this.#nextAtMs ??= nowMs + this.#everyMs;
    if (this.#state === 'busy') return;
    if (this.#round) {
      if (nowMs >= this.#round.secondAtMs) this.#askAgain(this.#round);
    } else if (nowMs >= this.#nextAtMs) {
      this.#nextAtMs = nowMs + this.#everyMs;
      if (this.#allAlive()) this.#begin(nowMs);
    }
  }

  get #everyMs(): number {
    const { least, most } = EVERY_MS;
    return Math.min(most, Math.max(least, this.#options.graceMs / 20));
  }

  #allAlive(): boolean {
    const { others, isAlive } = this.#options;
    return others().every(isAlive);
  }

  #begin(nowMs: number): void {
    const { partitions, placeAmong, trees } = this.#options;
    for (let tried = 0; tried < partitions; tried++) {
      const partition = this.#next as Partition;
      this.#next = (this.#next + 1) % partitions;
      const isDue = nowMs >= (this.#dueAtMs.get(partition) ?? 0);
      const place = placeAmong(partition);
      if (!isDue || place < 0 || !trees.want(partition) || trees.tombstones(partition) === 0) continue;
      this.#collect(partition, this.#options.graceMs * (1 + place * TURN));
      return;
    }
  }

  /** `ageMs`: of tombstones that are to be reaped. */
  #collect(partition: Partition, ageMs: number): void {
    const { scans, partitions, outbox, graceMs } = this.#options;
    const items: ReapItem[] = [];
    let soonestMs = graceMs;
    this.#state = 'busy';
    const end = (): void => {
      this.#state = 'idle';
      const pauseMs = items.length > 0 ? 0 : Math.max(soonestMs, this.#everyMs);
      this.#dueAtMs.set(partition, outbox.now.monotonicMs + pauseMs);
      if (items.length > 0) this.#ask(items, this.#afterFirst);
    };
    const cancel = scans.start(rangeOf(partition, partitions), {
      page: ({ entries }) => {
        for (const { key, record } of entries) {
          const inMs = expiresInMs(record, outbox.now.wallMs, ageMs);
          if (inMs > 0) soonestMs = Math.min(soonestMs, inMs);
          else if (items.length < REAP_ITEMS_MAX) items.push({ key, hash: hashRecord(key, record) });
        }
        if (items.length < REAP_ITEMS_MAX) return;
        cancel();
        end();
      },
      ended: end,
    });
  }

  /** Asks everybody, this node itself included; `then` gets what all agree to. */
  #ask(items: readonly ReapItem[], then: (agreed: readonly ReapItem[]) => void): void {
    const { others, asks, timeoutMs, checks } = this.#options;
    let agreed = new Set(items.keys());
    const keep = (indexes: readonly number[]): void => {
      const told = new Set(indexes);
      agreed = new Set([...agreed].filter((index) => told.has(index)));
    };
    this.#state = 'busy';
    const ask = (node: NodeId | undefined, done: (ok: boolean) => void): void => {
      if (node === undefined) {
        checks.check(items, (indexes) => {
          keep(indexes);
          done(agreed.size > 0);
        });
        return;
      }
      asks.ask(
        node,
        (request) => ({ type: 'reap', request, phase: 'ask', items }),
        timeoutMs,
        (reply) => {
          keep(reply?.type === 'reaped' ? reply.agreed : []);
          done(agreed.size > 0);
        },
      );
    };
    const everybody = [undefined, ...others()];
    inTurns(everybody, everybody.length, ask, () => {
      this.#state = 'idle';
      then(items.filter((_, index) => agreed.has(index)));
    });
  }

  readonly #afterFirst = (agreed: readonly ReapItem[]): void => {
    const { outbox, graceMs } = this.#options;
    const quietMs = messageMsMax(graceMs) * 1.25;
    this.#round =
      agreed.length > 0 ? { items: agreed, secondAtMs: outbox.now.monotonicMs + quietMs } : undefined;
  };

  #askAgain({ items }: Round): void {
    this.#round = undefined;
    if (!this.#allAlive()) return;
    this.#ask(items, (agreed) => {
      this.#drop(agreed);
    });
  }

  /** Where that does not arrive, the tombstone stays, and a later round finds nothing against it. */
  #drop(items: readonly ReapItem[]): void {
    const { others, asks, timeoutMs, reap, outbox } = this.#options;
    if (items.length === 0) return;
    for (const node of others()) {
      asks.ask(
        node,
        (request) => ({ type: 'reap', request, phase: 'drop', items }),
        timeoutMs,
        () => undefined,
      );
    }
    for (const item of items) {
      reap(item);
      outbox.observe('tombstoneReaped');
    }
  }
}
