import type { ReadResult, ScanRange } from '../../services/node/core/protocol/events.js';
import type { Digests, Key, VersionedRecord } from '../../services/node/core/types.js';
import { decodeRecord, encodeRecord } from '../../services/node/core/versioning/recordCodec.js';
import type {
  RecordScan,
  Storage,
  StorageChange,
  StorageIdentity,
} from '../../services/node/ports/storage.js';
import { applyChange, type Directory, type DurableChange } from './directory.js';
import type { Gate } from './gate.js';
import type { Schedule } from './schedule.js';

/**
 * The storage port on a simulated disk, with the habits of the LevelDB adapter: group commit, one synced batch under way at
 * a time; a batch that fails takes all that waits behind it with it, and nothing is written until the disk is well again;
 * what comes while too much waits is refused by itself.
 */
export interface SimulatedStorage extends Storage {
  /** The process is gone: of what was not durable, at most the batch under way remains, as a whole. */
  crash(batch: 'kept' | 'torn'): void;
}

/** How the disk is doing; faults change it. */
export interface DiskState {
  /** Batches fail. */
  failing: boolean;
  /** A batch that failed is on the disk after all when the disk is well again. */
  failedReaches: boolean;
  /** Additional time of a synced batch. */
  slowMs: number;
}

export interface StorageParts {
  readonly directory: Directory;
  readonly identity: StorageIdentity;
  readonly disk: DiskState;
  readonly gate: Gate;
  readonly schedule: Schedule;
  readonly syncMs: () => number;
  readonly readMs: () => number;
  readonly md5: Digests['md5'];
  readonly onDurable: (key: Key, record: VersionedRecord) => void;
  /** Anything else has become durable. */
  readonly onChanged: (change: DurableChange) => void;
  /** A crash met a batch under way. */
  readonly onTorn: (batch: 'kept' | 'torn') => void;
  readonly onFailed: () => void;
  /** The node is told that this change is not durable. */
  readonly onRefused: (change: DurableChange) => void;
}

interface Pending {
  readonly change: DurableChange;
  readonly done: (error?: Error) => void;
}

interface State extends StorageParts {
  waiting: Pending[];
  batch: Pending[] | undefined;
  /** A batch has ended, and the process, which is stopped, does not know it. */
  isUnanswered: boolean;
  scheduled: boolean;
  healthy: boolean;
  /** The batch whose failure made the disk unhealthy. */
  failed: Pending[];
  crashed: boolean;
  closed: boolean;
  whenIdle: (() => void)[];
  /** Scans that wait for the end of the batch under way. */
  whenBetween: (() => void)[];
}

const RECOVERY_MS = 500;
/** Few, so that a slow disk is soon behind and refuses single changes between others that it takes. */
const WAITING_MAX = 12;
const PAGE_ENTRIES = 2;

export function openStorage(parts: StorageParts): SimulatedStorage {
  const fresh = {
    waiting: [],
    batch: undefined,
    isUnanswered: false,
    scheduled: false,
    failed: [],
    whenIdle: [],
    whenBetween: [],
  };
  const state: State = { ...parts, ...fresh, healthy: true, crashed: false, closed: false };
  return {
    identity: parts.identity,
    read: (key, done) => {
      read(state, key, done);
    },
    write: (change, done) => {
      enqueue(state, change, done);
    },
    scan: () => scan(parts.directory),
    openScan: (range, begun) => {
      const open = (): void => {
        openScan(state, range, begun);
      };
      if (state.batch || state.isUnanswered) state.whenBetween.push(open);
      else open();
    },
    stats: () => ({
      healthy: state.healthy && !state.closed,
      sequence: parts.directory.sequence,
      damaged: parts.directory.quarantined.size,
      pendingWrites: state.waiting.length + (state.batch?.length ?? 0),
    }),
    close: () => close(state),
    crash: (batch) => {
      crash(state, batch);
    },
  };
}

/** At once or a little later, and always as of the moment of the answer. */
function read(state: State, key: Key, done: (result: ReadResult) => void): void {
  const answer = (): void => {
    done(state.closed ? { status: 'failed' } : lookUp(state.directory, key));
  };
  const afterMs = state.readMs();
  if (afterMs === 0) answer();
  else later(state, afterMs, answer);
}

function lookUp({ records, quarantined }: Directory, key: Key): ReadResult {
  const bytes = records.get(key);
  const record = bytes && decodeRecord(bytes);
  if (quarantined.has(key)) return record ? { status: 'damaged', record } : { status: 'damaged' };
  return record ? { status: 'found', record } : { status: 'missing' };
}

function enqueue(state: State, change: StorageChange, done: (error?: Error) => void): void {
  if (state.closed || !state.healthy || state.waiting.length >= WAITING_MAX) {
    state.onRefused(durable(change));
    later(state, 0, () => done(new Error('the storage cannot write'))); // prettier-ignore
    return;
  }
  state.waiting.push({ change: durable(change), done });
  beginSoon(state);
}

function durable(change: StorageChange): DurableChange {
  if (change.type === 'keepHeights') return { ...change, heights: new Map(change.heights) };
  if (change.type !== 'record') return change;
  const { type, key, record, counter, mends } = change;
  // Bytes of its own: an encoder may hand out memory that it shares with the record's values.
  return { type, key, bytes: encodeRecord(record).slice(), counter, ...(mends && { mends }) };
}

/** Everything that one turn of the event loop writes travels in one batch. */
function beginSoon(state: State): void {
  if (state.batch || state.scheduled) return;
  state.scheduled = true;
  later(state, 0, () => {
    state.scheduled = false;
    const batch = state.waiting;
    state.waiting = [];
    state.batch = batch;
    // The kernel goes on with a sync while the process is stopped.
    state.schedule.after(state.syncMs() + state.disk.slowMs, () => {
      if (!state.crashed) sync(state, batch);
    });
  });
}

function sync(state: State, batch: Pending[]): void {
  const failed = state.disk.failing;
  if (!failed) apply(state, batch);
  else state.failed = batch;
  state.batch = undefined;
  state.isUnanswered = true;
  state.gate.enter(() => {
    state.isUnanswered = false;
    if (failed) failAll(state, batch);
    else for (const { done } of batch) done();
    for (const begin of state.whenBetween.splice(0)) begin();
    if (state.waiting.length > 0) beginSoon(state);
    else if (!state.batch) for (const idle of state.whenIdle.splice(0)) idle();
  });
}

function apply(state: State, batch: readonly Pending[]): void {
  const { directory } = state;
  directory.sequence++;
  for (const { change } of batch) applyChange(directory, change);
  for (const { change } of batch) {
    if (change.type === 'record') state.onDurable(change.key, decodeRecord(change.bytes));
    else state.onChanged(change);
  }
}

function failAll(state: State, batch: readonly Pending[]): void {
  state.healthy = false;
  state.onFailed();
  const all = [...batch, ...state.waiting.splice(0)];
  for (const { change, done } of all) {
    state.onRefused(change);
    done(new Error('the batch failed'));
  }
  later(state, RECOVERY_MS, () => {
    recover(state);
  });
}

function recover(state: State): void {
  if (state.disk.failing) {
    later(state, RECOVERY_MS, () => {
      recover(state);
    });
    return;
  }
  if (state.disk.failedReaches) apply(state, state.failed);
  state.failed = [];
  state.healthy = true;
}

function crash(state: State, batch: 'kept' | 'torn'): void {
  state.crashed = true;
  if (!state.batch) return;
  state.onTorn(batch);
  if (batch === 'kept') apply(state, state.batch);
}

function close(state: State): Promise<void> {
  state.closed = true;
  if (!state.batch && !state.scheduled && state.waiting.length === 0) return Promise.resolve();
  return new Promise((resolve) => state.whenIdle.push(resolve));
}

function later(state: State, ms: number, task: () => void): void {
  state.schedule.after(ms, () => {
    if (!state.crashed) state.gate.enter(task);
  });
}

/** The view is copied; pages come one by one, a little later each. */
function openScan(state: State, range: ScanRange, begun: (scan?: RecordScan) => void): void {
  if (state.closed || !state.healthy) {
    begun();
    return;
  }
  const { directory } = state;
  const inRange = (key: Key): boolean => isWithin(range, key, state.md5);
  const keys = [...directory.records.keys()].filter((key) => inRange(key) && !directory.quarantined.has(key));
  const entries = keys
    .sort((a, b) => (orderOf(state.md5, a) < orderOf(state.md5, b) ? -1 : 1))
    .map((key) => ({ key, record: decodeRecord(directory.records.get(key)!) }));
  const damaged = [...directory.quarantined].filter(inRange);
  let closed = false;
  begun({
    next: (done) => {
      later(state, state.readMs(), () => {
        const page = entries.splice(0, PAGE_ENTRIES);
        const isLast = entries.length === 0;
        if (closed || state.closed) done();
        else done({ entries: page, damaged: isLast ? damaged : [], isLast });
      });
    },
    close: () => {
      closed = true;
    },
  });
}

function isWithin({ from, through, after }: ScanRange, key: Key, md5: Digests['md5']): boolean {
  const position = textOf(md5(key));
  if (after !== undefined && orderOf(md5, key) <= orderOf(md5, after)) return false;
  return position >= textOf(from) && position <= textOf(through);
}

function orderOf(md5: Digests['md5'], key: Key): string {
  return textOf(md5(key)) + key;
}

function textOf(position: Uint8Array): string {
  return String.fromCharCode(...position.subarray(0, 8));
}

async function* scan({
  records,
  quarantined,
}: Directory): AsyncGenerator<{ readonly key: Key; readonly record: VersionedRecord }> {
  for (const [key, bytes] of records) {
    if (!quarantined.has(key)) yield { key, record: decodeRecord(bytes) };
  }
}
