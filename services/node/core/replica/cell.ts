import type { StoreId } from '../protocol/events.js';
import type { RequestNumber } from '../protocol/messages.js';
import type { Dot, Key, NodeId, VersionedRecord } from '../types.js';

/** What a cell is made of, and how it reaches the rest of its node; cells.ts says what cells are for. */

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
  /** A record that was found elsewhere, on its way to where it was missing. */
  | { readonly for: 'repair'; readonly done: (kept: boolean) => void }
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
  /** Orders a store and returns its name; `mends`: the key is damaged no more. */
  store(key: Key, record: VersionedRecord, mends: boolean): StoreId;
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
  /** What is durable of a sound key has changed. */
  changed(key: Key, before: VersionedRecord | undefined, after: VersionedRecord | undefined): void;
  /** It is not known any more what is durable of the key. */
  doubted(key: Key): void;
  /** The record was found damaged. */
  damaged(key: Key): void;
  /** A damaged key is sound again, and durably so. */
  mended(key: Key): void;
}

export type Operation =
  | {
      readonly type: 'merge';
      readonly record: VersionedRecord;
      readonly waiter: Waiter;
      readonly bytes: number;
    }
  | { readonly type: 'mint'; readonly request: RequestNumber }
  | { readonly type: 'drop'; readonly isThat: (record: VersionedRecord) => boolean }
  | { readonly type: 'trim'; readonly dot: Dot }
  | { readonly type: 'mend' };

/** The writes that a store makes durable. */
export interface Writes {
  readonly waiters: Waiter[];
  bytes: number;
}

/** A store on its way. */
export interface Batch extends Writes {
  readonly store: StoreId;
  /** Of a sound key: its records before and after; none for what lies beside damage that no earlier store mends. */
  readonly change:
    { readonly before: VersionedRecord | undefined; readonly after: VersionedRecord | undefined } | undefined;
  readonly mends: boolean;
}

export interface Cell {
  /** `failing`: a store failed, others may still reach the disk; nothing is built on what is in memory. */
  status: 'loading' | 'sound' | 'damaged' | 'failing';
  /** Newest in memory. */
  record: VersionedRecord | undefined;
  readonly queue: Operation[];
  /** Oldest first. */
  batches: readonly Batch[];
  newestStore: StoreId | undefined;
  /** Of all merges that wait here. */
  bytes: number;
}

const NO_BATCHES: readonly Batch[] = [];

export function newCell(): Cell {
  return {
    status: 'loading',
    record: undefined,
    queue: [],
    batches: NO_BATCHES,
    newestStore: undefined,
    bytes: 0,
  };
}
