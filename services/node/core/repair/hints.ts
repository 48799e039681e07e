import type { ReadResult } from '../protocol/events.js';
import type { OtherEpoch, RequestNumber, WriteAnswer } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { Hint, Key, NodeId, VersionedRecord } from '../types.js';
import { recordBytes } from '../versioning/record.js';
import { HintQueue, type KeptHint, newHint } from './hintQueue.js';

/** How hints reach the rest of the node. */
export interface HintPort {
  /** Whether this node thinks that the target would answer. */
  isAlive(target: NodeId): boolean;
  /** Whether the document lists the target. */
  isListed(target: NodeId): boolean;
  nextNumber(): RequestNumber;
  /** In which epoch the replicas of a key last changed (R9). */
  sinceOf(key: Key): number;
  /** The last hint of a key is delivered: its record here may be dropped where nothing was merged into it since. */
  handedOver(key: Key, record: VersionedRecord): void;
}

export interface HintOptions {
  readonly hintsMax: number;
  readonly timeoutMs: number;
  readonly messageMsMax: number;
  readonly kept: readonly Hint[];
  readonly outbox: Outbox;
  readonly port: HintPort;
}

interface Delivery {
  readonly queue: HintQueue;
  readonly hint: KeptHint;
  readonly record: VersionedRecord;
  readonly bytes: number;
  readonly deadlineMs: number;
}

/** Large deliveries take their time on a slow link. */
const BYTES_PER_SECOND_MIN = 1024 * 1024;
const STORED_AGAIN_A_TICK = 64;
const LET_GO_A_TICK = 512;

/**
 * The writes that this node keeps for others (R4). A hint is a durable note "this node may lack this key"; the record
 * lies under its key like any other, so that a delivery always carries the newest. Each target gets its hints oldest
 * first, a bounded number at a time, on the bulk lane, and again after a pause that doubles for as long as it fails. An
 * accepted hint is kept until its target has the record durably.
 */
export class Hints {
  readonly #options: HintOptions;
  readonly #outbox: Outbox;
  readonly #queues = new Map<NodeId, HintQueue>();
  readonly #deliveries = new Map<RequestNumber, Delivery>();
  /** Refused by the disk, with their targets. */
  readonly #unstored = new Map<KeptHint, NodeId>();
  #total = 0;
  /** For hints whose record is on its way to the disk. */
  #reserved = 0;
  #lastOrder = 0;

  constructor(options: HintOptions) {
    this.#options = options;
    this.#outbox = options.outbox;
    for (const { target, key, order } of [...options.kept].sort((a, b) => a.order - b.order)) {
      this.#queueOf(target).add({ ...newHint(key, order), durable: true });
      this.#total += 1;
      this.#lastOrder = Math.max(this.#lastOrder, order);
    }
  }

  get total(): number {
    return this.#total;
  }

  get isFull(): boolean {
    return this.#total + this.#reserved >= this.#options.hintsMax;
  }

  counts(): ReadonlyMap<NodeId, number> {
    return new Map(
      [...this.#queues].filter(([, { size }]) => size > 0).map(([node, { size }]) => [node, size]),
    );
  }

  /** Sets room for one hint aside, where there is any. */
  reserve(): boolean {
    if (this.isFull) {
      this.#outbox.observe('hintRefused');
      return false;
    }
    this.#reserved += 1;
    return true;
  }

  release(): void {
    this.#reserved -= 1;
  }

  /** As {@link Hints.keep}, in the room that was set aside for it. */
  keepReserved(target: NodeId, key: Key, done: (durable: boolean) => void): void {
    this.release();
    this.keep(target, key, done);
  }

  /** `done` is told when the hint is durable, or that it is not kept. */
  keep(target: NodeId, key: Key, done: (durable: boolean) => void = () => undefined): void {
    this.#repeat(key);
    const known = this.#queues.get(target)?.get(key);
    if (known) {
      if (known.durable) done(true);
      else this.#store(target, known, done);
      return;
    }
    if (this.isFull) {
      this.#outbox.observe('hintRefused');
      done(false);
      return;
    }
    const hint = newHint(key, ++this.#lastOrder);
    this.#queueOf(target).add(hint);
    this.#total += 1;
    this.#outbox.observe('hintKept');
    this.#store(target, hint, done);
  }

  /** A hint that could not be stored is delivered all the same, and stored when the disk takes it. */
  onStored(target: NodeId, key: Key, durable: boolean): void {
    const hint = this.#queues.get(target)?.get(key);
    if (!hint) return;
    hint.storing = false;
    hint.durable ||= durable;
    if (!hint.durable) this.#unstored.set(hint, target);
    for (const done of hint.waiters.splice(0)) done(durable);
  }

  onLoaded(target: NodeId, key: Key, result: ReadResult): void {
    const queue = this.#queues.get(target);
    const hint = queue?.get(key);
    if (!queue || hint?.phase !== 'loading') return;
    switch (result.status) {
      case 'found':
        this.#send(queue, hint, result.record);
        return;
      case 'missing':
        queue.loading -= 1;
        if (hint.again) queue.retry(hint);
        else this.#forget(queue, hint);
        return;
      case 'damaged':
      case 'failed':
        if ('record' in result) this.#send(queue, hint, result.record);
        else this.#later(queue, hint);
    }
  }

  /** What the target keeps, but for nothing, is delivered again when it counts. */
  onAnswer(request: RequestNumber, answer: WriteAnswer | OtherEpoch): void {
    const delivery = this.#end(request);
    if (!delivery) return;
    const { queue, hint, record } = delivery;
    if (answer !== 'stored') {
      queue.toTheEnd(hint);
      queue.pause(this.#nowMs);
      return;
    }
    queue.succeeded();
    this.#outbox.observe('hintDelivered');
    if (hint.again) queue.retry(hint);
    else this.#delivered(queue, hint, record);
    this.#deliver(queue);
  }

  onUnroutable(request: RequestNumber): void {
    const delivery = this.#end(request);
    delivery?.queue.retry(delivery.hint, this.#nowMs);
  }

  /** These nodes answer again: no pause stands in the way. */
  recovered(nodes: readonly NodeId[]): void {
    for (const node of nodes) this.#queues.get(node)?.succeeded();
  }

  /** Whether any target still waits for the key. */
  has(key: Key): boolean {
    for (const queue of this.#queues.values()) if (queue.get(key)) return true;
    return false;
  }

  tick(): void {
    for (const [request, { deadlineMs }] of this.#deliveries) {
      if (deadlineMs <= this.#nowMs) this.onUnroutable(request);
    }
    for (const queue of this.#queues.values()) {
      if (this.#options.port.isListed(queue.target)) this.#deliver(queue);
      else this.#letGo(queue);
    }
    this.#storeAgain();
  }

  /** The target has left for good: the copies here are strays now, which go to the replicas that there are (R4). */
  #letGo(queue: HintQueue): void {
    for (const hint of queue.take(LET_GO_A_TICK)) this.#forget(queue, hint);
  }

  /** Not what is on its way to its target: the end of that would be stored behind, and undo what comes between. */
  #storeAgain(): void {
    let left = STORED_AGAIN_A_TICK;
    for (const [hint, target] of this.#unstored) {
      if (hint.phase !== 'waiting') continue;
      if (left-- === 0) return;
      this.#unstored.delete(hint);
      this.#store(target, hint, () => undefined);
    }
  }

  get #nowMs(): number {
    return this.#outbox.now.monotonicMs;
  }

  /**
   * The record has changed since it was loaded for the deliveries under way. All are repeated, also to other targets: the
   * last of them has to carry the record as it then is, or that would never be handed over.
   */
  #repeat(key: Key): void {
    for (const queue of this.#queues.values()) {
      const hint = queue.get(key);
      if (hint) hint.again = hint.phase !== 'waiting';
    }
  }

  #store(target: NodeId, hint: KeptHint, done: (durable: boolean) => void): void {
    const { key, order } = hint;
    hint.waiters.push(done);
    if (hint.storing) return;
    hint.storing = true;
    this.#outbox.keepHint({ target, key, order });
  }

  #queueOf(target: NodeId): HintQueue {
    const queue = this.#queues.get(target) ?? new HintQueue(target);
    this.#queues.set(target, queue);
    return queue;
  }

  #deliver(queue: HintQueue): void {
    if (!queue.isDue(this.#nowMs) || !this.#options.port.isAlive(queue.target)) return;
    for (const hint of queue.take(queue.room)) {
      hint.phase = 'loading';
      hint.again = false;
      queue.loading += 1;
      this.#outbox.load(hint.key, { for: 'hint', target: queue.target });
    }
  }

  #send(queue: HintQueue, hint: KeptHint, record: VersionedRecord): void {
    const request = this.#options.port.nextNumber();
    const bytes = recordBytes(record);
    const { timeoutMs, messageMsMax } = this.#options;
    const transferMs = Math.floor((1000 * bytes) / BYTES_PER_SECOND_MIN);
    const deadlineMs = this.#nowMs + Math.min(timeoutMs + transferMs, messageMsMax);
    hint.phase = 'sent';
    queue.loading -= 1;
    queue.sent += 1;
    queue.sentBytes += bytes;
    queue.lastBytes = bytes;
    this.#deliveries.set(request, { queue, hint, record, bytes, deadlineMs });
    const since = this.#options.port.sinceOf(hint.key);
    const write = { type: 'write', request, key: hint.key, since, record } as const;
    this.#outbox.sendBulk(queue.target, write, deadlineMs);
  }

  #later(queue: HintQueue, hint: KeptHint): void {
    queue.loading -= 1;
    queue.toTheEnd(hint);
    queue.pause(this.#nowMs);
  }

  #end(request: RequestNumber): Delivery | undefined {
    const delivery = this.#deliveries.get(request);
    if (!delivery) return undefined;
    this.#deliveries.delete(request);
    delivery.queue.sent -= 1;
    delivery.queue.sentBytes -= delivery.bytes;
    return delivery;
  }

  #delivered(queue: HintQueue, hint: KeptHint, record: VersionedRecord): void {
    this.#forget(queue, hint);
    if (!this.has(hint.key)) this.#options.port.handedOver(hint.key, record);
  }

  #forget(queue: HintQueue, hint: KeptHint): void {
    queue.delete(hint);
    this.#unstored.delete(hint);
    this.#total -= 1;
    this.#outbox.forgetHint(queue.target, hint.key);
  }
}
