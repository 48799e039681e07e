import type { ReadResult, ScanPage, ScanRange } from '../core/protocol/events.js';
import type { Actor, Height, Hint, Key, NodeId, VersionedRecord } from '../core/types.js';

/** What a data directory knows about itself when it is opened. */
export interface StorageIdentity {
  /** Made when the database was created; never reused (I4). */
  readonly actor: Actor;
  /** Highest counter in any synced batch (R2). */
  readonly counter: number;
  /** Number of the last synced batch; grows by one a batch over the life of the directory (R2). */
  readonly sequence: number;
  /** Grows each time the directory is opened. */
  readonly incarnation: number;
  /** Whether this replica holds everything acknowledged for its partitions (R3). */
  readonly complete: boolean;
  /** Hints kept, in their order. */
  readonly hints: readonly Hint[];
  /** What was last heard of the directories of other nodes (R12). */
  readonly heights: ReadonlyMap<NodeId, Height>;
}

/** One change of what is kept. */
export type StorageChange =
  | {
      readonly type: 'record';
      readonly key: Key;
      readonly record: VersionedRecord;
      readonly counter: number;
      /** The key is damaged no more. */
      readonly mends?: true;
    }
  /** Forgets the record of a key. */
  | { readonly type: 'drop'; readonly key: Key }
  /** A second hint for the same target and key replaces the first. */
  | { readonly type: 'keepHint'; readonly hint: Hint }
  | { readonly type: 'forgetHint'; readonly target: NodeId; readonly key: Key }
  /** From the same batch on the directory has this actor and highest counter, and is not complete (I4). */
  | { readonly type: 'renounce'; readonly actor: Actor; readonly counter: number }
  | { readonly type: 'keepHeights'; readonly heights: ReadonlyMap<NodeId, Height> };

export interface StorageStats {
  /** False from a failed batch on: writes are refused until a real write has succeeded again. */
  readonly healthy: boolean;
  readonly sequence: number;
  /** Records quarantined because their checksum failed, since the directory was made. */
  readonly damaged: number;
  readonly pendingWrites: number;
}

/** A view of part of the records, read page by page. */
export interface RecordScan {
  /** Calls `done` exactly once, later, with the next page; without one where the storage is closed or cannot be read. */
  next(done: (page?: ScanPage) => void): void;
  close(): void;
}

/**
 * Durable records of one node. Reads see only what is durable. Changes travel in synced batches, one at a time; a
 * record replaces the one before it (merging is the core's work). Changes take effect in the order of the calls.
 */
export interface Storage {
  /** As it was when the directory was opened. */
  readonly identity: StorageIdentity;
  /** Calls `done` exactly once, possibly before returning. Never throws: an I/O error is `failed`. */
  read(key: Key, done: (result: ReadResult) => void): void;
  /** Calls `done` exactly once, after the batch with this change is fsynced, or with the error that stopped it. */
  write(change: StorageChange, done: (error?: Error) => void): void;
  /** All sound records in order of (partition, position, key), as of the call; damaged ones are left out. */
  scan(): AsyncIterable<{ readonly key: Key; readonly record: VersionedRecord }>;
  /**
   * Calls `begun` exactly once, possibly before returning, between two batches: every change whose `done` was called is in
   * the view, and no other. Without a scan where the storage is closed or not healthy.
   */
  openScan(range: ScanRange, begun: (scan?: RecordScan) => void): void;
  stats(): StorageStats;
  /** Finishes the writes already accepted, refuses new ones, closes. Idempotent. */
  close(): Promise<void>;
}
