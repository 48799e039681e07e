import type { ReadResult, StoreId } from '../protocol/events.js';
import type { Message, OtherEpoch, ReapItem, RequestNumber, WriteAnswer } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { Actor, Clock, ClockEntry, Key, NodeId, VersionedRecord } from '../types.js';
import { sameRecord } from '../versioning/record.js';
import { hashRecord } from '../versioning/recordHash.js';
import type { CellPort, Settlement, Waiter } from './cell.js';
import { Cells } from './cells.js';
import { Mint } from './mint.js';
import type { ReplicaOptions } from './replicaOptions.js';
import { Trims } from './trims.js';

type WriteMessage = Extract<Message, { type: 'write' }>;

/**
 * What this node does as a replica: answers reads from what is durable, merges what it is sent, and mints for the
 * coordinator on the newest record. Keys that it does not hold it takes only to stand in for a primary (R4). While it is
 * not complete its answers and copies count for nothing (R2, R3).
 */
export class Replica {
  readonly #options: ReplicaOptions;
  readonly #outbox: Outbox;
  readonly #cells: Cells;
  readonly #mint: Mint;
  readonly #trims = new Trims();
  #renounceDue = false;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#outbox = options.outbox;
    this.#mint = new Mint(options);
    this.#cells = new Cells(this.#cellPort(), options.cellBytesMax);
  }

  get cells(): number {
    return this.#cells.size;
  }

  get actor(): Actor {
    return this.#mint.actor;
  }

  /** Nothing was ever minted under the directory's actor. */
  get hasNeverMinted(): boolean {
    return this.#mint.counter === 0;
  }

  /** Whether this replica holds everything acknowledged for its partitions, and its actor may mint. */
  get complete(): boolean {
    return this.#options.listsAsComplete(this.#mint.actor);
  }

  /** Whether its answers count; for strict requests not before a majority has seen this life of the node (R12). */
  countsFor(strict: boolean): boolean {
    return this.complete && (!strict || this.#options.vouched.forStrict());
  }

  /** The dot of a new write. */
  nextEntry(): ClockEntry {
    return this.#mint.nextEntry(this.#options.vouched.forMints());
  }

  mint(key: Key, request: RequestNumber): void {
    this.#cells.mint(key, request);
  }

  onWrite(from: NodeId, message: WriteMessage, deadlineMs: number): void {
    const { key, record, request, hintFor, since } = message;
    const { epoch, sinceOf } = this.#options;
    if (since !== sinceOf(key)) {
      this.#answerWrite(from, request, { status: 'otherEpoch', epoch: epoch() }, deadlineMs);
      return;
    }
    this.noticeClock(record.clock);
    const waiter = this.#waiterOf(from, message, deadlineMs);
    if (hintFor === undefined ? this.#options.holds(key) : this.#standsIn()) {
      this.#cells.merge(key, record, waiter);
    } else {
      this.#answerWrite(from, request, 'refused', deadlineMs);
    }
  }

  /** Merges what was found elsewhere; `done` is told when it is durable, or that it could not be made so. */
  repair(key: Key, record: VersionedRecord, done: (kept: boolean) => void = () => undefined): void {
    this.noticeClock(record.clock);
    this.#cells.merge(key, record, { for: 'repair', done });
  }

  /** Everything that the other replicas have of a damaged key has been merged: what is here counts again. */
  mend(key: Key): void {
    this.#cells.mend(key);
  }

  /** Forgets what all nodes agreed to reap, if it is still that (R13, R14). */
  reap(item: ReapItem): void {
    const { key } = item;
    if (item.what === 'tombstone') this.#cells.drop(key, (held) => hashRecord(key, held) === item.hash);
    else if (this.#options.holds(key)) {
      this.#trims.remember(key, item.dot);
      this.#cells.trim(key, item.dot);
    }
  }

  /** What a client's version tells whoever holds the record. */
  withoutTrimmed(key: Key, version: Clock, { clock }: VersionedRecord): Clock {
    return this.#trims.without(key, version, clock);
  }

  isWriting(key: Key): boolean {
    return this.#cells.has(key);
  }

  /** Forgets the record of a key that this node does not hold and has handed over, if it is still that record. */
  handedOver(key: Key, record: VersionedRecord): void {
    if (!this.#options.holds(key)) this.#cells.drop(key, (held) => sameRecord(held, record));
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
   * to an old copy (I4).
   */
  noticeClock(clock: Clock): void {
    if (this.#mint.isBehind(clock)) this.renounce();
  }

  /** The directory is not what it was: it goes on under another actor and counts for nothing (I4, R12). Idempotent. */
  renounce(): void {
    if (this.#mint.renounced) return;
    this.#mint.renounce();
    this.#outbox.observe('directoryRenounced');
    this.#keepRenouncement();
    this.#options.onRenounced(this.#mint.actor);
  }

  /** Where the disk did not take it, the next start would find the old actor, and a sequence that others believe. */
  onRenounceStored(durable: boolean): void {
    this.#renounceDue = !durable;
  }

  tick(): void {
    if (this.#renounceDue) this.#keepRenouncement();
  }

  #keepRenouncement(): void {
    this.#renounceDue = false;
    this.#outbox.renounce(this.#mint.actor, this.#mint.counter);
  }

  #standsIn(): boolean {
    return this.complete && this.#options.standIn.reserve();
  }

  #waiterOf(node: NodeId, { key, request, hintFor }: WriteMessage, deadlineMs: number): Waiter {
    if (hintFor === undefined) return { for: 'peer', node, request, deadlineMs };
    return { for: 'standIn', node, request, deadlineMs, target: hintFor, key };
  }

  #cellPort(): CellPort {
    const { mint, standIn, watch } = this.#options;
    return {
      load: (key) => {
        this.#outbox.load(key, { for: 'cell' });
      },
      changed: (key, before, after) => {
        watch.changed(key, before, after);
      },
      doubted: (key) => {
        watch.doubted(key);
      },
      damaged: (key) => {
        watch.damaged(key);
      },
      mended: (key) => {
        watch.mended(key);
      },
      store: (key, record, mends) => this.#outbox.store(key, record, this.#mint.counter, mends),
      drop: (key) => this.#outbox.drop(key),
      mayDrop: (key) => !standIn.has(key),
      resolve: (request, record) => this.#resolve(request, record),
      unsound: (request) => {
        mint.unsound(request);
      },
      settled: (waiter, how) => {
        this.#settled(waiter, how);
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

  #settled(waiter: Waiter, how: Settlement): void {
    switch (waiter.for) {
      case 'coordinator':
        this.#options.mint.stored(waiter.request, how === 'durable');
        return;
      case 'peer':
        this.#answerWrite(waiter.node, waiter.request, this.#writeAnswer(how), waiter.deadlineMs);
        return;
      case 'standIn':
        this.#standIn(waiter, how === 'durable');
        return;
      case 'repair':
        waiter.done(how !== 'refused');
    }
  }

  #writeAnswer(how: Settlement): WriteAnswer {
    if (how === 'refused') return how;
    return how === 'durable' && this.complete ? 'stored' : 'incomplete';
  }

  /**
   * The record is durable, and only now its hint is written: the answer waits for both. Room for the hint was set aside
   * before, since a record that nobody is owed would stay for good.
   */
  #standIn(waiter: Extract<Waiter, { for: 'standIn' }>, durable: boolean): void {
    const { node, request, deadlineMs, target, key } = waiter;
    const answer = (kept: boolean): void => {
      this.#answerWrite(node, request, kept ? 'stored' : 'refused', deadlineMs);
    };
    if (durable) {
      this.#options.standIn.keepReserved(target, key, answer);
    } else {
      this.#options.standIn.release();
      answer(false);
    }
  }

  #answerWrite(
    to: NodeId,
    request: RequestNumber,
    answer: WriteAnswer | OtherEpoch,
    deadlineMs: number,
  ): void {
    this.#outbox.send(to, { type: 'writeReply', request, answer }, deadlineMs);
  }
}
