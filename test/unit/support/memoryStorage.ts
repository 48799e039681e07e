import type { ReadResult } from '../../../services/node/core/protocol/events.js';
import type { Actor, Digests, Key, VersionedRecord } from '../../../services/node/core/types.js';
import { decodeRecord, encodeRecord } from '../../../services/node/core/versioning/recordCodec.js';
import type { Storage, StoredWrite } from '../../../services/node/ports/storage.js';

/**
 * Storage without a disk, for tests; it passes the contract suite of the port. A {@link MemoryDisk} outlives the storages
 * that are opened on it one after the other, as a directory outlives processes. Batches take two turns of the event loop.
 */
export interface MemoryDisk {
  readonly actor: Actor;
  readonly complete: boolean;
  /** Encoded records; anything that does not decode counts as damaged. */
  readonly records: Map<Key, Uint8Array>;
  readonly quarantined: Set<Key>;
  counter: number;
  sequence: number;
  incarnation: number;
  damaged: number;
  /** While true every batch fails, and the storage is unhealthy. */
  full: boolean;
}

export interface MemoryDiskOptions {
  readonly actor?: string;
  readonly founding?: boolean;
}

export function createMemoryDisk({
  actor = 'aaaaaaaaaaaaaaaa',
  founding = true,
}: MemoryDiskOptions = {}): MemoryDisk {
  return {
    actor: actor as Actor,
    complete: founding,
    records: new Map(),
    quarantined: new Set(),
    counter: 0,
    sequence: 0,
    incarnation: 0,
    damaged: 0,
    full: false,
  };
}

export interface MemoryStorageOptions {
  readonly digests: Pick<Digests, 'md5'>;
  readonly pendingBytesMax?: number;
}

interface Pending {
  readonly key: Key;
  readonly bytes: Uint8Array;
  readonly counter: number;
  readonly done: (error?: Error) => void;
}

export function openMemoryStorage(disk: MemoryDisk, options: MemoryStorageOptions): Storage {
  const pendingBytesMax = options.pendingBytesMax ?? Number.MAX_SAFE_INTEGER;
  const waiting: Pending[] = [];
  let current: Pending[] = [];
  let busy = false;
  let closing: Promise<void> | undefined;
  let onIdle: (() => void) | undefined;

  const sync = (): void => {
    current = waiting.splice(0);
    setImmediate(() => {
      const error = disk.full ? new Error('the disk is full') : undefined;
      if (!error) commit(disk, current);
      const settled = error ? [...current, ...waiting.splice(0)] : current;
      current = [];
      busy = false;
      for (const { done } of settled) done(error);
      if (waiting.length > 0) start();
      else onIdle?.();
    });
  };
  const start = (): void => {
    if (busy) return;
    busy = true;
    setImmediate(sync);
  };
  const write = ({ key, record, counter }: StoredWrite, done: (error?: Error) => void): void => {
    const bytes = encodeRecord(record);
    const pending = [...current, ...waiting];
    const total = pending.reduce((sum, other) => sum + other.bytes.length, bytes.length);
    const over = pending.length > 0 && total > pendingBytesMax;
    if (closing || over) {
      setImmediate(done, new Error(closing ? 'the storage is closed' : 'more bytes wait than are allowed'));
      return;
    }
    waiting.push({ key, bytes, counter, done });
    start();
  };

  commit(disk, []);
  disk.incarnation++;
  const { actor, complete, counter, sequence, incarnation } = disk;
  return {
    identity: { actor, complete, counter, sequence, incarnation },
    read: (key, done) => done(closing ? { status: 'failed' } : lookUp(disk, key)),
    write,
    scan: () => scan(disk, options.digests, () => closing !== undefined),
    stats: () => ({
      healthy: !disk.full && !closing,
      sequence: disk.sequence,
      damaged: disk.damaged,
      pendingWrites: waiting.length + current.length,
    }),
    close() {
      closing ??= new Promise<void>((resolve) => {
        onIdle = resolve;
        if (!busy) resolve();
      });
      return closing;
    },
  };
}

function commit(disk: MemoryDisk, writes: readonly Pending[]): void {
  disk.sequence++;
  for (const { key, bytes, counter } of writes) {
    disk.records.set(key, bytes);
    disk.counter = Math.max(disk.counter, counter);
  }
}

function lookUp(disk: MemoryDisk, key: Key): ReadResult {
  const record = decoded(disk, key);
  if (disk.quarantined.has(key)) return record ? { status: 'damaged', record } : { status: 'damaged' };
  return record ? { status: 'found', record } : { status: 'missing' };
}

/** Drops a record that does not decode and remembers its key. */
function decoded(disk: MemoryDisk, key: Key): VersionedRecord | undefined {
  const bytes = disk.records.get(key);
  if (!bytes) return undefined;
  try {
    return decodeRecord(bytes);
  } catch {
    disk.records.delete(key);
    disk.quarantined.add(key);
    disk.damaged++;
    return undefined;
  }
}

function scan(
  disk: MemoryDisk,
  digests: Pick<Digests, 'md5'>,
  isClosed: () => boolean,
): AsyncIterable<{ readonly key: Key; readonly record: VersionedRecord }> {
  const found = [...disk.records.keys()].flatMap((key) => {
    const record = decoded(disk, key);
    return record && !disk.quarantined.has(key) ? [{ key, record, order: orderOf(digests, key) }] : [];
  });
  found.sort((a, b) => (a.order < b.order ? -1 : 1));
  return (async function* () {
    for (const { key, record } of found) {
      if (isClosed()) throw new Error('the storage is closed');
      yield { key, record };
    }
    if (isClosed()) throw new Error('the storage is closed');
  })();
}

/** A partition is the top of a position, so that ordering by position orders by partition as well. */
function orderOf(digests: Pick<Digests, 'md5'>, key: Key): string {
  return String.fromCharCode(...digests.md5(key).subarray(0, 8)) + key;
}
