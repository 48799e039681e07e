import type { Instant, Key, NodeId, VersionedRecord } from '../types.js';
import type { Effect, Fact, LoadPurpose, ReplyOutcome, StoreId, Ticket } from './events.js';
import type { Message } from './messages.js';

/** Collects what one step wants done, in order; the only way out of the core. */
export class Outbox {
  #effects: Effect[] = [];
  #now: Instant = { monotonicMs: 0, wallMs: 0 };
  #lastStore: StoreId = 0;

  get now(): Instant {
    return this.#now;
  }

  begin(now: Instant): void {
    this.#now = now;
    this.#effects = [];
  }

  /** The effects since {@link Outbox.begin}. */
  take(): readonly Effect[] {
    return this.#effects;
  }

  send(to: NodeId, message: Message, deadlineMs: number): void {
    const remainingMs = Math.max(0, deadlineMs - this.#now.monotonicMs);
    this.#effects.push({ type: 'send', to, message, remainingMs });
  }

  load(key: Key, purpose: LoadPurpose): void {
    this.#effects.push({ type: 'load', key, purpose });
  }

  /** `counter`: the highest that this node has used (R2). */
  store(key: Key, record: VersionedRecord, counter: number): StoreId {
    const store = ++this.#lastStore;
    this.#effects.push({ type: 'store', store, key, record, counter });
    return store;
  }

  reply(ticket: Ticket, reply: ReplyOutcome): void {
    this.#effects.push({ type: 'reply', ticket, reply });
  }

  observe(fact: Fact): void {
    this.#effects.push({ type: 'observe', fact });
  }
}
