import type { ReadResult } from '../protocol/events.js';
import { type ReapItem, REAP_ITEMS_MAX } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { Key } from '../types.js';
import { hashRecord } from '../versioning/recordHash.js';
import { isExpired } from './tombstones.js';

/** What this node says to a round of reaping, its own rounds included (R13). */
export interface ReapChecksOptions {
  readonly graceMs: number;
  readonly outbox: Outbox;
  readonly holds: (key: Key) => boolean;
  readonly isComplete: () => boolean;
  /** The key is being written, or some node is owed it. */
  readonly isBusy: (key: Key) => boolean;
}

interface Check {
  readonly items: readonly ReapItem[];
  readonly agreed: Set<number>;
  left: number;
  readonly done: (agreed: readonly number[]) => void;
}

/** Under way at a time; over it nothing is agreed to. */
const CHECKS_MAX = 64;

export class ReapChecks {
  readonly #options: ReapChecksOptions;
  readonly #checks = new Map<number, Check>();
  #last = 0;

  constructor(options: ReapChecksOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#checks.size;
  }

  /** Which of the items (by index) may be reaped as far as this node is concerned. */
  check(items: readonly ReapItem[], done: (agreed: readonly number[]) => void): void {
    const wanted = items.slice(0, REAP_ITEMS_MAX);
    if (wanted.length === 0 || this.#checks.size >= CHECKS_MAX) {
      done([]);
      return;
    }
    const check = ++this.#last;
    this.#checks.set(check, { items: wanted, agreed: new Set(), left: wanted.length, done });
    for (const [index, { key }] of wanted.entries()) {
      this.#options.outbox.load(key, { for: 'reap', check, index });
    }
  }

  onLoaded(id: number, index: number, result: ReadResult): void {
    const check = this.#checks.get(id);
    const item = check?.items[index];
    if (!check || !item) return;
    if (this.#agrees(item, result)) check.agreed.add(index);
    check.left -= 1;
    if (check.left > 0) return;
    this.#checks.delete(id);
    check.done([...check.agreed].sort((a, b) => a - b));
  }

  /** A replica has that very tombstone or nothing; whoever holds no replica has nothing at all. */
  #agrees({ key, hash }: ReapItem, result: ReadResult): boolean {
    const { holds, isComplete, isBusy, outbox, graceMs } = this.#options;
    if (isBusy(key) || (holds(key) && !isComplete())) return false;
    if (result.status === 'missing') return true;
    if (result.status !== 'found' || !holds(key)) return false;
    return hashRecord(key, result.record) === hash && isExpired(result.record, outbox.now.wallMs, graceMs);
  }
}
