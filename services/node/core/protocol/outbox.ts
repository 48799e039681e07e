import type {
  Actor,
  Cluster,
  ClusterDocument,
  Height,
  Hint,
  Instant,
  Key,
  NodeId,
  VersionedRecord,
} from '../types.js';
import type {
  Effect,
  Fact,
  LoadPurpose,
  ReplyOutcome,
  ScanId,
  ScanRange,
  StoreId,
  Ticket,
} from './events.js';
import type { Message } from './messages.js';
import type { Vote } from './vote.js';

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
    this.#send(to, message, deadlineMs, false);
  }

  /** For work that must not stand in the way of requests. */
  sendBulk(to: NodeId, message: Message, deadlineMs: number): void {
    this.#send(to, message, deadlineMs, true);
  }

  load(key: Key, purpose: LoadPurpose): void {
    this.#effects.push({ type: 'load', key, purpose });
  }

  /** `counter`: the highest that this node has used (R2). */
  store(key: Key, record: VersionedRecord, counter: number, mends: boolean): StoreId {
    const store = ++this.#lastStore;
    const effect = { type: 'store', store, key, record, counter } as const;
    this.#effects.push(mends ? { ...effect, mends } : effect);
    return store;
  }

  drop(key: Key): StoreId {
    const store = ++this.#lastStore;
    this.#effects.push({ type: 'drop', store, key });
    return store;
  }

  keepHint(hint: Hint): void {
    this.#effects.push({ type: 'keepHint', hint });
  }

  forgetHint(target: NodeId, key: Key): void {
    this.#effects.push({ type: 'forgetHint', target, key });
  }

  renounce(actor: Actor, counter: number): void {
    this.#effects.push({ type: 'renounce', actor, counter });
  }

  keepHeights(heights: ReadonlyMap<NodeId, Height>): void {
    this.#effects.push({ type: 'keepHeights', heights });
  }

  connect(node: NodeId, busAddress: string): void {
    this.#effects.push({ type: 'connect', node, busAddress });
  }

  keepVote(vote: Vote): void {
    this.#effects.push({ type: 'keepVote', vote });
  }

  keepDocument(document: ClusterDocument): void {
    this.#effects.push({ type: 'keepDocument', document });
  }

  keepCluster(cluster: Cluster): void {
    this.#effects.push({ type: 'keepCluster', cluster });
  }

  readStore(): void {
    this.#effects.push({ type: 'readStore' });
  }

  swapStore(index: number, text: string): void {
    this.#effects.push({ type: 'swapStore', index, text });
  }

  scan(scan: ScanId, range: ScanRange): void {
    this.#effects.push({ type: 'scan', scan, range });
  }

  scanNext(scan: ScanId): void {
    this.#effects.push({ type: 'scanNext', scan });
  }

  scanEnd(scan: ScanId): void {
    this.#effects.push({ type: 'scanEnd', scan });
  }

  reply(ticket: Ticket, reply: ReplyOutcome): void {
    this.#effects.push({ type: 'reply', ticket, reply });
  }

  observe(fact: Fact): void {
    this.#effects.push({ type: 'observe', fact });
  }

  #send(to: NodeId, message: Message, deadlineMs: number, bulk: boolean): void {
    const remainingMs = Math.max(0, deadlineMs - this.#now.monotonicMs);
    this.#effects.push({ type: 'send', to, message, remainingMs, bulk });
  }
}
