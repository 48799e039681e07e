import type { ReadResult, ScanRange } from '../../../services/node/core/protocol/events.js';
import type {
  Actor,
  Digests,
  Height,
  Hint,
  Key,
  NodeId,
  VersionedRecord,
} from '../../../services/node/core/types.js';
import { decodeRecord, encodeRecord } from '../../../services/node/core/versioning/recordCodec.js';
import type { RecordScan, Storage, StorageChange } from '../../../services/node/ports/storage.js';

/**
 * Storage without a disk, for tests; it passes the contract suite of the port. A {@link MemoryDisk} outlives the storages
 * that are opened on it one after the other, as a directory outlives processes. Batches take two turns of the event loop.
 */
export interface MemoryDisk {
  actor: Actor;
  complete: boolean;
  /** Encoded records; anything that does not decode counts as damaged. */
  readonly records: Map<Key, Uint8Array>;
  readonly quarantined: Set<Key>;
  /** By target and key. */
  readonly hints: Map<string, Hint>;
  heights: ReadonlyMap<NodeId, Height>;
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
    hints: new Map(),
    heights: new Map(),
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
  readonly sizeBytes: number;
  /** The change has reached the disk. */
  readonly apply: (disk: MemoryDisk) => void;
  readonly done: (error?: Error) => void;
}

export function openMemoryStorage(disk: MemoryDisk, options: MemoryStorageOptions): Storage {
  const pendingBytesMax = options.pendingBytesMax ?? Number.MAX_SAFE_INTEGER;
  const waiting: Pending[] = [];
  let current: Pending[] = [];
  let busy = false;
  let closing: Promise<void> | undefined;
  let onIdle: (() => void) | undefined;
  const betweenBatches: (() => void)[] = [];

  const openScan: Storage['openScan'] = (range, begun) => {
    const isClosed = (): boolean => closing !== undefined;
    begun(disk.full || closing ? undefined : scanOf(disk, options.digests, range, isClosed));
  };
  const sync = (): void => {
    current = waiting.splice(0);
    setImmediate(() => {
      const error = disk.full ? new Error('the disk is full') : undefined;
      if (!error) commit(disk, current);
      const settled = error ? [...current, ...waiting.splice(0)] : current;
      current = [];
      busy = false;
      for (const { done } of settled) done(error);
      for (const task of betweenBatches.splice(0)) task();
      if (waiting.length > 0) start();
      else onIdle?.();
    });
  };
  const start = (): void => {
    if (busy) return;
    busy = true;
    setImmediate(sync);
  };
  const write = (change: StorageChange, done: (error?: Error) => void): void => {
    const { sizeBytes, apply } = prepared(change);
    const pending = [...current, ...waiting];
    const total = pending.reduce((sum, other) => sum + other.sizeBytes, sizeBytes);
    const over = pending.length > 0 && total > pendingBytesMax;
    if (closing || over) {
      setImmediate(done, new Error(closing ? 'the storage is closed' : 'more bytes wait than are allowed'));
      return;
    }
    waiting.push({ sizeBytes, apply, done });
    start();
  };

  commit(disk, []);
  disk.incarnation++;
  const { actor, complete, counter, sequence, incarnation, heights } = disk;
  const hints = [...disk.hints.values()].sort((a, b) => a.order - b.order);
  return {
    identity: { actor, complete, counter, sequence, incarnation, hints, heights },
    read: (key, done) => done(closing ? { status: 'failed' } : lookUp(disk, key)),
    write,
    openScan(range, begun) {
      if (busy && current.length > 0) betweenBatches.push(() => openScan(range, begun));
      else openScan(range, begun);
    },
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

function commit(disk: MemoryDisk, changes: readonly Pending[]): void {
  disk.sequence++;
  for (const { apply } of changes) apply(disk);
}

/** Everything is copied here: the caller may change what it handed over. */
function prepared(change: StorageChange): Omit<Pending, 'done'> {
  if (change.type === 'record') {
    const { key, counter, mends } = change;
    const bytes = encodeRecord(change.record);
    const apply = (disk: MemoryDisk): void => {
      if (mends) disk.quarantined.delete(key);
      disk.records.set(key, bytes);
      disk.counter = Math.max(disk.counter, counter);
    };
    return { sizeBytes: bytes.length, apply };
  }
  return { sizeBytes: 0, apply: applying(change) };
}

function applying(change: Exclude<StorageChange, { type: 'record' }>): (disk: MemoryDisk) => void {
  switch (change.type) {
    case 'drop':
      return ({ records, quarantined }) => {
        records.delete(change.key);
        quarantined.delete(change.key);
      };
    case 'keepHint': {
      const hint = { ...change.hint };
      return ({ hints }) => hints.set(hintName(hint), hint);
    }
    case 'forgetHint':
      return ({ hints }) => hints.delete(hintName(change));
    case 'renounce':
      return (disk) => {
        disk.counter = change.actor === disk.actor ? Math.max(disk.counter, change.counter) : change.counter;
        disk.actor = change.actor;
        disk.complete = false;
      };
    case 'keepHeights': {
      const heights = new Map(change.heights);
      return (disk) => void (disk.heights = heights);
    }
  }
}

function hintName({ target, key }: Pick<Hint, 'target' | 'key'>): string {
  return JSON.stringify([target, key]);
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

const PAGE_ENTRIES = 2;

/** The view is copied at once. */
function scanOf(
  disk: MemoryDisk,
  digests: Pick<Digests, 'md5'>,
  range: ScanRange,
  isClosed: () => boolean,
): RecordScan {
  const after = range.after === undefined ? '' : orderOf(digests, range.after);
  const isWithin = (key: Key): boolean => {
    const order = orderOf(digests, key);
    const position = order.slice(0, 8);
    return position >= textOf(range.from) && position <= textOf(range.through) && order > after;
  };
  const entries = soundRecords(disk, digests).filter(({ key }) => isWithin(key));
  const damaged = [...disk.quarantined].filter(isWithin);
  let closed = false;
  return {
    next: (done) => {
      setImmediate(() => {
        if (closed || isClosed()) return done();
        const page = entries.splice(0, PAGE_ENTRIES).map(({ key, record }) => ({ key, record }));
        const isLast = entries.length === 0;
        done({ entries: page, damaged: isLast ? damaged : [], isLast });
      });
    },
    close: () => void (closed = true),
  };
}

function soundRecords(disk: MemoryDisk, digests: Pick<Digests, 'md5'>) {
  const found = [...disk.records.keys()].flatMap((key) => {
    const record = decoded(disk, key);
    return record && !disk.quarantined.has(key) ? [{ key, record, order: orderOf(digests, key) }] : [];
  });
  return found.sort((a, b) => (a.order < b.order ? -1 : 1));
}

function scan(
  disk: MemoryDisk,
  digests: Pick<Digests, 'md5'>,
  isClosed: () => boolean,
): AsyncIterable<{ readonly key: Key; readonly record: VersionedRecord }> {
  const found = soundRecords(disk, digests);
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
  return textOf(digests.md5(key).subarray(0, 8)) + key;
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
