import type { LoadPurpose, ReadResult, StoreId } from '../protocol/events.js';
import type { Message, ReadAnswer, RequestNumber } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { Actor, Clock, ClockEntry, Key, NodeId, VersionedRecord } from '../types.js';
import { type CellPort, Cells, type Waiter } from './cells.js';

/**
 * What this node does as a replica: answers reads from what is durable, merges what it is sent, and mints for the
 * coordinator on the newest record. It refuses keys that it does not hold, and while it is not complete its answers and
 * copies count for nothing (R2, R3).
 */

/** How the replica reaches the coordinator of the same node; they meet in node.ts. */
export interface MintPort {
  /** The coordinator's judgement of its write; see {@link CellPort.resolve}. */
  resolve(request: RequestNumber, record: VersionedRecord): VersionedRecord | undefined;
  /** The record here is damaged or cannot be loaded: this node must not mint on it (R2). */
  unsound(request: RequestNumber): void;
  stored(request: RequestNumber, durable: boolean): void;
}

export interface ReplicaOptions {
  readonly actor: Actor;
  readonly counter: number;
  readonly complete: boolean;
  readonly cellBytesMax: number;
  readonly holds: (key: Key) => boolean;
  readonly outbox: Outbox;
  readonly mint: MintPort;
}

type WriteMessage = Extract<Message, { type: 'write' }>;

export class Replica {
  readonly #options: ReplicaOptions;
  readonly #outbox: Outbox;
  readonly #cells: Cells;
  #counter: number;
  #counterLost = false;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#outbox = options.outbox;
    this.#counter = options.counter;
    this.#cells = new Cells(this.#cellPort(), options.cellBytesMax);
  }

  get cells(): number {
    return this.#cells.size;
  }

  /** Whether this replica holds everything acknowledged for its partitions, and its actor may mint. */
  get complete(): boolean {
    return this.#options.complete && !this.#counterLost;
  }

  /** The dot of a new write. Counters grow over the whole node and are never used twice (I4, R2). */
  nextEntry(): ClockEntry {
    this.#counter += 1;
    return { actor: this.#options.actor, counter: this.#counter, timestamp: this.#outbox.now.wallMs };
  }

  mint(key: Key, request: RequestNumber): void {
    this.#cells.mint(key, request);
  }

  onRead(from: NodeId, key: Key, request: RequestNumber, deadlineMs: number): void {
    if (!this.#options.holds(key)) this.#answerRead(from, request, { status: 'refused' }, deadlineMs);
    else if (!this.complete) this.#answerRead(from, request, { status: 'incomplete' }, deadlineMs);
    else this.#outbox.load(key, { for: 'replicaRead', from, request, deadlineMs });
  }

  onReplicaRead(purpose: Extract<LoadPurpose, { for: 'replicaRead' }>, result: ReadResult): void {
    this.#answerRead(purpose.from, purpose.request, this.readAnswer(result), purpose.deadlineMs);
  }

  /** What a load means as an answer; a damaged record counts for nothing. */
  readAnswer(result: ReadResult): ReadAnswer {
    if (!this.complete) return { status: 'incomplete' };
    switch (result.status) {
      case 'found':
      case 'missing':
        return result;
      case 'damaged':
        this.#outbox.observe('damagedRead');
        return { status: 'incomplete' };
      case 'failed':
        return { status: 'refused' };
    }
  }

  onWrite(from: NodeId, { key, record, request }: WriteMessage, deadlineMs: number): void {
    const waiter: Waiter = { for: 'peer', node: from, request, deadlineMs };
    if (!this.#options.holds(key)) {
      this.#settled(waiter, false);
      return;
    }
    this.noticeClock(record.clock);
    this.#cells.merge(key, record, waiter);
  }

  onCellLoaded(key: Key, result: ReadResult): void {
    this.#cells.onLoaded(key, result);
  }

  onStored(key: Key, store: StoreId): void {
    this.#cells.onStored(key, store);
  }

  onStoreFailed(key: Key, store: StoreId): void {
    this.#cells.onStoreFailed(key, store);
  }

  /**
   * A dot of this actor that its own directory does not know was sent by a later state of it: the directory was put back
   * to an old copy. It must not mint under this actor any more, and may lack acknowledged writes (I4).
   */
  noticeClock(clock: Clock): void {
    if (this.#counterLost) return;
    const { actor } = this.#options;
    if (!clock.some((entry) => entry.actor === actor && entry.counter > this.#counter)) return;
    this.#counterLost = true;
    this.#outbox.observe('counterLost');
  }

  #cellPort(): CellPort {
    const { mint } = this.#options;
    return {
      load: (key) => {
        this.#outbox.load(key, { for: 'cell', key });
      },
      store: (key, record) => this.#outbox.store(key, record, this.#counter),
      resolve: (request, record) => this.#resolve(request, record),
      unsound: (request) => {
        mint.unsound(request);
      },
      settled: (waiter, durable) => {
        this.#settled(waiter, durable);
      },
    };
  }

  /** The actor may have been lost since the write was submitted, or the record itself may show that it is. */
  #resolve(request: RequestNumber, record: VersionedRecord): VersionedRecord | undefined {
    const { mint } = this.#options;
    this.noticeClock(record.clock);
    if (this.complete) return mint.resolve(request, record);
    mint.unsound(request);
    return undefined;
  }

  #settled(waiter: Waiter, durable: boolean): void {
    if (waiter.for === 'coordinator') {
      this.#options.mint.stored(waiter.request, durable);
      return;
    }
    const { node, request, deadlineMs } = waiter;
    const answer = !durable ? 'refused' : this.complete ? 'stored' : 'incomplete';
    this.#outbox.send(node, { type: 'writeReply', request, answer }, deadlineMs);
  }

  #answerRead(to: NodeId, request: RequestNumber, answer: ReadAnswer, deadlineMs: number): void {
    this.#outbox.send(to, { type: 'readReply', request, answer }, deadlineMs);
  }
}
