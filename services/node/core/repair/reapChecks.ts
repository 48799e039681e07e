import type { ReadResult } from '../protocol/events.js';
import { type Message, type ReapItem, REAP_ITEMS_MAX } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { Key, NodeId } from '../types.js';
import { allows } from './reapable.js';

/** What this node says to a round of reaping, its own rounds included (R13, R14). */
export interface ReapChecksOptions {
  readonly graceMs: number;
  readonly outbox: Outbox;
  readonly holds: (key: Key) => boolean;
  readonly isComplete: () => boolean;
  /** The key is being written, or some node is owed it. */
  readonly isBusy: (key: Key) => boolean;
  /** Forgets it, if it still is what was agreed to. */
  readonly reap: (item: ReapItem) => void;
}

type Ask = Extract<Message, { type: 'reap' }>;

interface Check {
  readonly items: readonly ReapItem[];
  readonly agreed: Set<number>;
  left: number;
  readonly asker: boolean;
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

  onReap(from: NodeId, { request, phase, items }: Ask, deadlineMs: number): void {
    const { reap, outbox } = this.#options;
    const answer = (agreed: readonly number[]): void => {
      outbox.sendBulk(from, { type: 'reaped', request, agreed }, deadlineMs);
    };
    if (phase === 'ask') this.check(items, answer);
    else {
      for (const item of items) reap(item);
      answer([]);
    }
  }

  /**
   * Which of the items (by index) may be reaped as far as this node is concerned. `asker`: it is this one, and has nothing
   * to ask where it has nothing any more.
   */
  check(items: readonly ReapItem[], done: (agreed: readonly number[]) => void, asker = false): void {
    const wanted = items.slice(0, REAP_ITEMS_MAX);
    if (wanted.length === 0 || this.#checks.size >= CHECKS_MAX) {
      done([]);
      return;
    }
    const check = ++this.#last;
    this.#checks.set(check, { items: wanted, agreed: new Set(), left: wanted.length, asker, done });
    for (const [index, { key }] of wanted.entries()) {
      this.#options.outbox.load(key, { for: 'reap', check, index });
    }
  }

  onLoaded(id: number, index: number, result: ReadResult): void {
    const check = this.#checks.get(id);
    const item = check?.items[index];
    if (!check || !item) return;
    const isOver = check.asker && result.status === 'missing';
    if (!isOver && this.#agrees(item, result)) check.agreed.add(index);
    check.left -= 1;
    if (check.left > 0) return;
    this.#checks.delete(id);
    check.done([...check.agreed].sort((a, b) => a - b));
  }

  /**
   * Of a tombstone a replica has that very one or nothing, and whoever holds no replica has nothing at all. The entry of a
   * clock every replica has, and whoever else has a record of the key; nobody has a live value that it stands for.
   */
  #agrees(item: ReapItem, result: ReadResult): boolean {
    const { holds, isComplete, isBusy, outbox, graceMs } = this.#options;
    const { key, what } = item;
    const isReplica = holds(key);
    if (isReplica && !isComplete()) return false;
    if ((what === 'tombstone' || !isReplica) && isBusy(key)) return false;
    if (result.status === 'missing') return what === 'tombstone' || !isReplica;
    if (result.status !== 'found' || (what === 'tombstone' && !isReplica)) return false;
    return allows(item, result.record, outbox.now.wallMs, graceMs);
  }
}
