import type { ReadResult, StoreId } from '../protocol/events.js';
import type { RequestNumber } from '../protocol/messages.js';
import type { Key, NodeId, VersionedRecord } from '../types.js';
import { EMPTY_RECORD, mergeRecords, recordBytes, sameRecord } from '../versioning/record.js';

/**
 * The keys that are being written, one cell each. A cell loads the record once, then resolves every write to the key in
 * order against the newest record in memory, whether or not that is durable yet; each write is answered only when a
 * batch that contains it is durable (R1). Every write is a merge, so that nothing on disk is ever overwritten unseen.
 * A cell lives as long as a load or a store of its key is on its way.
 */

/** Who waits for a write to become durable. */
export type Waiter =
  | { readonly for: 'coordinator'; readonly request: RequestNumber }
  /** A coordinator that asks this node to stand in for `target` (R4). */
  | {
      readonly for: 'standIn';
      readonly node: NodeId;
      readonly request: RequestNumber;
      readonly deadlineMs: number;
      readonly target: NodeId;
      readonly key: Key;
    }
  /** Nobody: a read repair of this node's own record. */
  | { readonly for: 'repair' }
  | {
      readonly for: 'peer';
      readonly node: NodeId;
      readonly request: RequestNumber;
      readonly deadlineMs: number;
    };

/** `partial`: durable, but beside a damaged record, so that reads of the key count for nothing here. */
export type Settlement = 'durable' | 'partial' | 'refused';

/** How a cell reaches the rest of the node. */
export interface CellPort {
  load(key: Key): void;
  /** Orders a store and returns its name. */
  store(key: Key, record: VersionedRecord): StoreId;
  /** Orders that the record is forgotten. */
  drop(key: Key): StoreId;
  /** Whether the record of a key that was handed over is still owed to nobody. */
  mayDrop(key: Key): boolean;
  /**
   * The coordinator's judgement of its write against `record`: the record to keep, `record` itself where the write only
   * waits for that to be durable, `undefined` to leave it be.
   */
  resolve(request: RequestNumber, record: VersionedRecord): VersionedRecord | undefined;
  /** The record is damaged or could not be loaded: no write may be minted on it (R2). */
  unsound(request: RequestNumber): void;
  settled(waiter: Waiter, how: Settlement): void;
}

type Operation =
  | {
      readonly type: 'merge';
      readonly record: VersionedRecord;
      readonly waiter: Waiter;
      readonly bytes: number;
    }
  | { readonly type: 'mint'; readonly request: RequestNumber }
  | { readonly type: 'drop'; readonly record: VersionedRecord };

/** A store on its way, and the writes that it makes durable. */
interface Batch {
  readonly waiters: Waiter[];
  bytes: number;
}

interface Cell {
  /** `failing`: a store failed, others may still reach the disk; nothing is built on what is in memory. */
  status: 'loading' | 'sound' | 'damaged' | 'failing';
  /** Newest in memory. */
  record: VersionedRecord | undefined;
  readonly queue: Operation[];
  /** By store, oldest first. */
  readonly batches: Map<StoreId, Batch>;
  newestStore: StoreId | undefined;
  /** Of all merges that wait here. */
  bytes: number;
}

export class Cells {
  readonly #cells = new Map<Key, Cell>();
  readonly #port: CellPort;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(port: CellPort, bytesMax: number) {
    this.#port = port;
    this.#bytesMax = bytesMax;
  }

  get size(): number {
    return this.#cells.size;
  }

  /** Merges a finished record into what is held; over the bound it is refused at once. */
  merge(key: Key, record: VersionedRecord, waiter: Waiter): void {
    const bytes = recordBytes(record);
    if (this.#bytes + bytes > this.#bytesMax) {
      this.#port.settled(waiter, 'refused');
      return;
    }
    this.#submit(key, { type: 'merge', record, waiter, bytes }, bytes);
  }

  /** Has the coordinator's write `request` resolved against the newest record. */
  mint(key: Key, request: RequestNumber): void {
    this.#submit(key, { type: 'mint', request }, 0);
  }

  /** Forgets a record that was handed over, unless it is no longer that record, or is being written. */
  drop(key: Key, record: VersionedRecord): void {
    this.#submit(key, { type: 'drop', record }, 0);
  }

  onLoaded(key: Key, result: ReadResult): void {
    const cell = this.#cells.get(key);
    if (cell?.status !== 'loading') return;
    if (result.status === 'failed') {
      this.#abandon(key, cell);
      return;
    }
    cell.status = result.status === 'damaged' ? 'damaged' : 'sound';
    cell.record = result.status === 'missing' ? undefined : result.record;
    for (const operation of cell.queue.splice(0)) this.#apply(key, cell, operation);
    this.#dropIfIdle(key, cell);
  }

  onStored(key: Key, store: StoreId): void {
    const cell = this.#cells.get(key);
    const batch = cell?.batches.get(store);
    if (!cell || !batch) return;
    cell.batches.delete(store);
    this.#release(cell, batch.bytes);
    this.#settle(cell, batch.waiters);
    this.#dropIfIdle(key, cell);
  }

  /**
   * Later stores of the key were built on this one, so that their waiters cannot be answered either; earlier ones may
   * still succeed. The cell refuses everything until all have ended: what is on the disk is not known before.
   */
  onStoreFailed(key: Key, store: StoreId): void {
    const cell = this.#cells.get(key);
    if (!cell?.batches.has(store)) return;
    cell.status = 'failing';
    const lost = [...cell.batches].filter(([id]) => id >= store).map(([, batch]) => batch);
    cell.batches.delete(store);
    for (const batch of lost) {
      this.#release(cell, batch.bytes);
      batch.bytes = 0;
      for (const waiter of batch.waiters.splice(0)) this.#port.settled(waiter, 'refused');
    }
    this.#dropIfIdle(key, cell);
  }

  #submit(key: Key, operation: Operation, bytes: number): void {
    const cell = this.#cells.get(key) ?? this.#open(key);
    cell.bytes += bytes;
    this.#bytes += bytes;
    if (cell.status === 'loading') cell.queue.push(operation);
    else if (cell.status === 'failing') this.#refuse(cell, operation);
    else this.#apply(key, cell, operation);
    this.#dropIfIdle(key, cell);
  }

  #open(key: Key): Cell {
    const cell: Cell = {
      status: 'loading',
      record: undefined,
      queue: [],
      batches: new Map(),
      newestStore: undefined,
      bytes: 0,
    };
    this.#cells.set(key, cell);
    this.#port.load(key);
    return cell;
  }

  #apply(key: Key, cell: Cell, operation: Operation): void {
    switch (operation.type) {
      case 'merge': {
        if (cell.status === 'damaged' && operation.waiter.for === 'standIn') {
          this.#refuse(cell, operation);
          return;
        }
        const merged = cell.record ? mergeRecords(cell.record, operation.record) : operation.record;
        this.#keep(key, cell, merged, { waiters: [operation.waiter], bytes: operation.bytes });
        return;
      }
      case 'mint':
        this.#mint(key, cell, operation.request);
        return;
      case 'drop':
        this.#drop(key, cell, operation.record);
    }
  }

  /** A write on its way to the disk may be one that a coordinator counts on: it will be handed over in its turn. */
  #drop(key: Key, cell: Cell, record: VersionedRecord): void {
    const isSame = cell.record !== undefined && sameRecord(cell.record, record);
    if (!isSame || cell.batches.size > 0 || !this.#port.mayDrop(key)) return;
    cell.record = undefined;
    cell.newestStore = this.#port.drop(key);
    cell.batches.set(cell.newestStore, { waiters: [], bytes: 0 });
  }

  #mint(key: Key, cell: Cell, request: RequestNumber): void {
    if (cell.status === 'damaged') {
      this.#port.unsound(request);
      return;
    }
    const record = this.#port.resolve(request, cell.record ?? EMPTY_RECORD);
    if (record) this.#keep(key, cell, record, { waiters: [{ for: 'coordinator', request }], bytes: 0 });
  }

  /** Has `record` stored where it is new; where it is not, its waiters wait for the store that has it already. */
  #keep(key: Key, cell: Cell, record: VersionedRecord, batch: Batch): void {
    if (record !== cell.record) {
      cell.record = record;
      cell.newestStore = this.#port.store(key, record);
      cell.batches.set(cell.newestStore, batch);
      return;
    }
    const underway = cell.newestStore === undefined ? undefined : cell.batches.get(cell.newestStore);
    if (underway) {
      underway.waiters.push(...batch.waiters);
      underway.bytes += batch.bytes;
    } else {
      this.#release(cell, batch.bytes);
      this.#settle(cell, batch.waiters);
    }
  }

  #settle(cell: Cell, waiters: readonly Waiter[]): void {
    const how = cell.status === 'damaged' ? 'partial' : 'durable';
    for (const waiter of waiters) this.#port.settled(waiter, how);
  }

  /** Its load failed. */
  #abandon(key: Key, cell: Cell): void {
    this.#cells.delete(key);
    for (const operation of cell.queue) this.#refuse(cell, operation);
  }

  #refuse(cell: Cell, operation: Operation): void {
    switch (operation.type) {
      case 'merge':
        this.#release(cell, operation.bytes);
        this.#port.settled(operation.waiter, 'refused');
        return;
      case 'mint':
        this.#port.unsound(operation.request);
        return;
      case 'drop':
        return;
    }
  }

  #dropIfIdle(key: Key, cell: Cell): void {
    if (cell.status !== 'loading' && cell.batches.size === 0 && this.#cells.get(key) === cell)
      this.#remove(key, cell);
  }

  #remove(key: Key, cell: Cell): void {
    this.#cells.delete(key);
    this.#release(cell, cell.bytes);
  }

  /** A key that is written all the time keeps its cell, so that its bytes are given back write by write (I14). */
  #release(cell: Cell, bytes: number): void {
    cell.bytes -= bytes;
    this.#bytes -= bytes;
  }
}
