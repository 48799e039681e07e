import type { ReapItem } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import { rangeOf } from '../ring/position.js';
import type { Key, NodeId, Partition } from '../types.js';
import type { HashTrees } from './hashTrees.js';
import { reapableOf, type ReapRules } from './reapable.js';
import { askEverybody, type ReapRoundParts, tellOthers } from './reapRound.js';
import type { Scans } from './scans.js';

/**
 * Reaping: what is older than the grace time is forgotten by all replicas together, tombstones (R13) and entries of long
 * clocks (R14). The owner of a partition asks *every* node of the cluster, twice (reapChecks.ts says what each answers).
 * Between the two questions every message dies that was on its way at the first, and all that is sent because of one, so
 * that after the second no older value is left anywhere that could come back (I10). A node that is away is waited for,
 * however long it takes. What the owner of the partition has not reaped after a while, because it lost the record or
 * another replica did not hear that it should forget it, the next replica takes up in its turn.
 */
export interface ReapingOptions extends ReapRoundParts, ReapRules {
  readonly partitions: number;
  readonly outbox: Outbox;
  readonly scans: Scans;
  readonly trees: HashTrees;
  /** This node's place among the replicas of a partition, its owner first; -1 where it is none. */
  readonly placeAmong: (partition: Partition) => number;
  readonly isAlive: (node: NodeId) => boolean;
  /** Nobody can lose the document any more that says who has to be asked (R8). */
  readonly isSettled: () => boolean;
  /** Forgets it here, if it still is what was agreed to. */
  readonly reap: (item: ReapItem) => void;
}

/** What all have agreed to once. */
interface Round {
  readonly partition: Partition;
  readonly items: readonly ReapItem[];
  /** Of the keys. */
  readonly bytes: number;
  readonly secondAtMs: number;
}

/** Of the grace time, from the turn of one replica to that of the next. */
const TURN = 1 / 2;
const EVERY_MS = { least: 200, most: 1000 } as const;
/** A node that starts has better things to do. */
const FIRST_MS_MAX = 60_000;
/** In one round, and in all that wait for their second question. */
const ROUND_ITEMS_MAX = 4096;
const WAITING = { items: 65_536, bytes: 16 * 1024 * 1024 } as const;
/** No message of repair lives longer; see {@link messageMsMax}. */
const MESSAGE_MS_MAX = 120_000;
/** A message, one that is sent because of it, and some room. */
const MESSAGES_BETWEEN = 2.5;

/** The longest that a message of repair may live: far less than the grace time, and than the pause of a round. */
export function messageMsMax(graceMs: number): number {
  return Math.min(graceMs / 5, MESSAGE_MS_MAX);
}

export class Reaping {
  readonly #options: ReapingOptions;
  readonly #dueAtMs = new Map<Partition, number>();
  /** Where the next round of a partition begins. */
  readonly #after = new Map<Partition, Key>();
  #next = 0;
  /** A scan or a question is under way. */
  #isBusy = false;
  #rounds: readonly Round[] = [];
  #nextAtMs: number | undefined;

  constructor(options: ReapingOptions) {
    this.#options = options;
  }

  tick(nowMs: number): void {
    this.#nextAtMs ??= nowMs + Math.min(FIRST_MS_MAX, this.#options.graceMs / 20);
    if (this.#isBusy) return;
    const [oldest, ...rest] = this.#rounds;
    if (oldest && nowMs >= oldest.secondAtMs) {
      this.#rounds = rest;
      if (this.#mayAsk()) this.#askAgain(oldest);
    } else if (nowMs >= this.#nextAtMs) {
      this.#nextAtMs = nowMs + this.#everyMs;
      if (this.#hasRoom() && this.#mayAsk()) this.#begin(nowMs);
    }
  }

  get #everyMs(): number {
    const { least, most } = EVERY_MS;
    return Math.min(most, Math.max(least, this.#options.graceMs / 20));
  }

  /** Requests may live longer than messages of repair, and their read repair as long again. */
  get #pauseMs(): number {
    const { graceMs, timeoutMs } = this.#options;
    return MESSAGES_BETWEEN * Math.max(messageMsMax(graceMs), timeoutMs);
  }

  #mayAsk(): boolean {
    const { others, isAlive, isSettled } = this.#options;
    return isSettled() && others().every(isAlive);
  }

  #hasRoom(): boolean {
    const items = this.#rounds.reduce((sum, round) => sum + round.items.length, 0);
    const bytes = this.#rounds.reduce((sum, round) => sum + round.bytes, 0);
    return items < WAITING.items && bytes < WAITING.bytes;
  }

  #begin(nowMs: number): void {
    const { partitions, placeAmong, trees, graceMs } = this.#options;
    for (let tried = 0; tried < partitions; tried++) {
      const partition = this.#next as Partition;
      this.#next = (this.#next + 1) % partitions;
      const place = placeAmong(partition);
      if (
        !this.#isDue(partition, nowMs) ||
        place < 0 ||
        !trees.want(partition) ||
        trees.reapable(partition) === 0
      )
        continue;
      this.#collect(partition, graceMs * (1 + place * TURN));
      return;
    }
  }

  /** From its beginning not before all that was found is decided. */
  #isDue(partition: Partition, nowMs: number): boolean {
    if (this.#after.has(partition)) return true;
    return (
      nowMs >= (this.#dueAtMs.get(partition) ?? 0) &&
      !this.#rounds.some((round) => round.partition === partition)
    );
  }

  /** `ageMs`: of what is to be reaped. */
  #collect(partition: Partition, ageMs: number): void {
    const { scans, partitions, outbox, graceMs, clockEntriesMax } = this.#options;
    const items: ReapItem[] = [];
    const after = this.#after.get(partition);
    let soonestMs = graceMs;
    this.#isBusy = true;
    const end = (last: Key | undefined): void => {
      this.#isBusy = false;
      if (last !== undefined) this.#after.set(partition, last);
      else this.#after.delete(partition);
      const isWhole = items.length === 0 && after === undefined && last === undefined;
      const pauseMs = isWhole ? Math.max(soonestMs, this.#everyMs) : 0;
      this.#dueAtMs.set(partition, outbox.now.monotonicMs + pauseMs);
      if (items.length > 0) this.#askFirst(partition, items);
    };
    const range = rangeOf(partition, partitions);
    const cancel = scans.start(after === undefined ? range : { ...range, after }, {
      page: ({ entries }) => {
        const rules = { wallMs: outbox.now.wallMs, ageMs, clockEntriesMax };
        for (const { key, record } of entries) {
          const found = reapableOf(key, record, rules);
          items.push(...found.items);
          soonestMs = Math.min(soonestMs, found.nextInMs);
          if (items.length < ROUND_ITEMS_MAX) continue;
          cancel();
          end(key);
          return;
        }
      },
      ended: () => {
        end(undefined);
      },
    });
  }

  #ask(items: readonly ReapItem[], then: (agreed: readonly ReapItem[]) => void): void {
    this.#isBusy = true;
    askEverybody(items, this.#options, (agreed) => {
      this.#isBusy = false;
      then(agreed);
    });
  }

  #askFirst(partition: Partition, items: readonly ReapItem[]): void {
    this.#ask(items, (agreed) => {
      const secondAtMs = this.#options.outbox.now.monotonicMs + this.#pauseMs;
      const bytes = agreed.reduce((sum, { key }) => sum + key.length, 0);
      if (agreed.length > 0)
        this.#rounds = [...this.#rounds, { partition, items: agreed, bytes, secondAtMs }];
      // Until somebody's answer may be another.
      else this.#dueAtMs.set(partition, secondAtMs);
    });
  }

  #askAgain({ items }: Round): void {
    const { reap, outbox } = this.#options;
    this.#ask(items, (agreed) => {
      tellOthers(agreed, this.#options);
      for (const item of agreed) {
        reap(item);
        outbox.observe(FACTS[item.what]);
      }
    });
  }
}

const FACTS = { tombstone: 'tombstoneReaped', entry: 'clockTrimmed' } as const;
