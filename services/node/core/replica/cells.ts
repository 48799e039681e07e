import { ChurningMap } from '../churningMap.js';
import type { ReadResult, StoreId } from '../protocol/events.js';
import type { RequestNumber } from '../protocol/messages.js';
import type { Dot, Key, VersionedRecord } from '../types.js';
import { EMPTY_RECORD, mergeRecords, recordBytes } from '../versioning/record.js';
import { trimmed } from '../versioning/trim.js';
import {
  type Batch,
  type Cell,
  type CellPort,
  newCell,
  type Operation,
  type Settlement,
  type Waiter,
  type Writes,
} from './cell.js';

/**
 * The keys that are being written, one cell each. A cell loads the record once, then resolves every write to the key in
 * order against the newest record in memory, whether or not that is durable yet; each write is answered only when a
 * batch that contains it is durable (R1). Every write is a merge, so that nothing on disk is ever overwritten unseen.
 * A cell lives as long as a load or a store of its key is on its way.
 */

export class Cells {
  readonly #cells = new ChurningMap<Key, Cell>();
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

  /** Forgets a record, unless it is no longer that one, or is being written. */
  drop(key: Key, isThat: (record: VersionedRecord) => boolean): void {
    this.#submit(key, { type: 'drop', isThat }, 0);
  }

  /** Takes an entry out of the clock of what is held, unless it is used. */
  trim(key: Key, dot: Dot): void {
    this.#submit(key, { type: 'trim', dot }, 0);
  }

  /** All that was lost of a damaged key has been merged into it: it is sound again. */
  mend(key: Key): void {
    this.#submit(key, { type: 'mend' }, 0);
  }

  /** Whether the key is being written. */
  has(key: Key): boolean {
    return this.#cells.has(key);
  }

  onLoaded(key: Key, result: ReadResult): void {
    const cell = this.#cells.get(key);
    if (cell?.status !== 'loading') return;
    if (result.status === 'failed') {
      this.#abandon(key, cell);
      return;
    }
    cell.status = result.status === 'damaged' ? 'damaged' : 'sound';
    if (result.status === 'damaged') this.#port.damaged(key);
    cell.record = result.status === 'missing' ? undefined : result.record;
    for (const operation of cell.queue.splice(0)) this.#apply(key, cell, operation);
    this.#dropIfIdle(key, cell);
  }

  onStored(key: Key, store: StoreId): void {
    const cell = this.#cells.get(key);
    const batch = cell && batchOf(cell, store);
    if (!batch) return;
    cell.batches = cell.batches.filter((one) => one !== batch);
    this.#release(cell, batch.bytes);
    this.#noteDurable(key, cell, batch);
    this.#settle(batch.waiters, batch.change || batch.mends ? 'durable' : 'partial');
    this.#dropIfIdle(key, cell);
  }

  /**
   * Later stores of the key were built on this one, so that their waiters cannot be answered either; earlier ones may
   * still succeed. The cell refuses everything until all have ended: what is on the disk is not known before.
   */
  onStoreFailed(key: Key, store: StoreId): void {
    const cell = this.#cells.get(key);
    if (!cell || !batchOf(cell, store)) return;
    cell.status = 'failing';
    this.#port.doubted(key);
    const lost = cell.batches.filter((batch) => batch.store >= store);
    cell.batches = cell.batches.filter((batch) => batch.store !== store);
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
    const cell = newCell();
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
        this.#drop(key, cell, operation.isThat);
        return;
      case 'trim':
        if (cell.record && cell.status === 'sound')
          this.#keep(key, cell, trimmed(cell.record, operation.dot), { waiters: [], bytes: 0 });
        return;
      case 'mend':
        this.#mend(key, cell);
    }
  }

  /** A write on its way to the disk may be one that a coordinator counts on: it will be handed over in its turn. */
  #drop(key: Key, cell: Cell, isThat: (record: VersionedRecord) => boolean): void {
    if (!cell.record || !isThat(cell.record)) return;
    if (cell.batches.length > 0 || !this.#port.mayDrop(key)) return;
    const change = cell.status === 'sound' ? { before: cell.record, after: undefined } : undefined;
    this.#forget(key, cell, { waiters: [], bytes: 0, change, mends: cell.status === 'damaged' });
  }

  #mend(key: Key, cell: Cell): void {
    if (cell.status !== 'damaged') {
      // An earlier attempt failed, and is on the disk after all.
      if (cell.batches.length === 0) this.#port.mended(key);
      return;
    }
    const { record } = cell;
    cell.status = 'sound';
    const batch = { waiters: [], bytes: 0, change: { before: undefined, after: record }, mends: true };
    if (!record) {
      this.#forget(key, cell, batch);
      return;
    }
    this.#await(cell, this.#port.store(key, record, true), batch);
  }

  #forget(key: Key, cell: Cell, batch: Omit<Batch, 'store'>): void {
    cell.record = undefined;
    this.#await(cell, this.#port.drop(key), batch);
  }

  #await(cell: Cell, store: StoreId, { waiters, bytes, change, mends }: Omit<Batch, 'store'>): void {
    cell.newestStore = store;
    cell.batches = [...cell.batches, { store, waiters, bytes, change, mends }];
  }

  /** While the cell fails, even what is durable was built on something that may not be. */
  #noteDurable(key: Key, cell: Cell, { change, mends }: Batch): void {
    if (mends) this.#port.mended(key);
    if (cell.status === 'failing') this.#port.doubted(key);
    else if (change) this.#port.changed(key, change.before, change.after);
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
  #keep(key: Key, cell: Cell, record: VersionedRecord, batch: Writes): void {
    if (record !== cell.record) {
      const change = cell.status === 'sound' ? { before: cell.record, after: record } : undefined;
      cell.record = record;
      const { waiters, bytes } = batch;
      this.#await(cell, this.#port.store(key, record, false), { waiters, bytes, change, mends: false });
      return;
    }
    const underway = cell.newestStore === undefined ? undefined : batchOf(cell, cell.newestStore);
    if (underway) {
      underway.waiters.push(...batch.waiters);
      underway.bytes += batch.bytes;
    } else {
      this.#release(cell, batch.bytes);
      this.#settle(batch.waiters, cell.status === 'damaged' ? 'partial' : 'durable');
    }
  }

  #settle(waiters: readonly Waiter[], how: Settlement): void {
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
      case 'trim':
      case 'mend':
        return;
    }
  }

  #dropIfIdle(key: Key, cell: Cell): void {
    if (cell.status !== 'loading' && cell.batches.length === 0 && this.#cells.get(key) === cell)
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

function batchOf(cell: Cell, store: StoreId): Batch | undefined {
  return cell.batches.find((batch) => batch.store === store);
}
