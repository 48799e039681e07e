import type { Key, NodeId } from '../types.js';

/** A hint as its keeper knows it. */
export interface KeptHint {
  readonly key: Key;
  readonly order: number;
  phase: 'waiting' | 'loading' | 'sent';
  /** Found again after a restart. */
  durable: boolean;
  /** On its way to the disk; it is not delivered before it is there, so that its end never overtakes its beginning. */
  storing: boolean;
  /** The record got another write while a delivery was under way. */
  again: boolean;
  readonly waiters: ((durable: boolean) => void)[];
}

export function newHint(key: Key, order: number): KeptHint {
  return { key, order, phase: 'waiting', durable: false, storing: false, again: false, waiters: [] };
}

/** Under way at a time. */
const WINDOW = { count: 32, bytes: 4 * 1024 * 1024 } as const;
const PAUSE_MS = { first: 100, longest: 5000 } as const;

/** The hints for one target, oldest first, and how deliveries to it have gone lately. */
export class HintQueue {
  readonly target: NodeId;
  readonly #hints = new Map<Key, KeptHint>();
  /** Deliveries that wait for the disk, and those that wait for the target. */
  loading = 0;
  sent = 0;
  sentBytes = 0;
  lastBytes = 0;
  #pauseMs: number = PAUSE_MS.first;
  #dueAtMs = 0;

  constructor(target: NodeId) {
    this.target = target;
  }

  get size(): number {
    return this.#hints.size;
  }

  get(key: Key): KeptHint | undefined {
    return this.#hints.get(key);
  }

  add(hint: KeptHint): void {
    this.#hints.set(hint.key, hint);
  }

  delete(hint: KeptHint): void {
    this.#hints.delete(hint.key);
  }

  /** How many more may be loaded: records are taken to be as large as the last one. */
  get room(): number {
    const underway = this.loading + this.sent;
    const bytesLeft = WINDOW.bytes - this.sentBytes - this.loading * this.lastBytes;
    const fitting = Math.floor(bytesLeft / Math.max(1, this.lastBytes));
    return Math.min(WINDOW.count - underway, Math.max(fitting, underway === 0 ? 1 : 0));
  }

  /** At most `count` of those that may be delivered, oldest first. */
  take(count: number): readonly KeptHint[] {
    const taken: KeptHint[] = [];
    for (const hint of this.#hints.values()) {
      if (taken.length >= count) break;
      if (hint.phase === 'waiting' && !hint.storing) taken.push(hint);
    }
    return taken;
  }

  isDue(nowMs: number): boolean {
    return this.#hints.size > 0 && nowMs >= this.#dueAtMs;
  }

  succeeded(): void {
    this.#pauseMs = PAUSE_MS.first;
    this.#dueAtMs = 0;
  }

  /** The hint waits again; with a time, the delivery failed, and the whole queue pauses. */
  retry(hint: KeptHint, failedAtMs?: number): void {
    hint.phase = 'waiting';
    if (failedAtMs !== undefined) this.pause(failedAtMs);
  }

  pause(nowMs: number): void {
    if (nowMs < this.#dueAtMs) return;
    this.#dueAtMs = nowMs + this.#pauseMs;
    this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MS.longest);
  }

  /** A hint that cannot be read now does not stand in the way of the others. */
  toTheEnd(hint: KeptHint): void {
    hint.phase = 'waiting';
    this.#hints.delete(hint.key);
    this.#hints.set(hint.key, hint);
  }
}
