import { performance } from 'node:perf_hooks';
import type { Key } from '../../core/types.js';
import type { Log, Metrics } from '../../ports/telemetry.js';
import type { QueuedWrite } from './commitQueue.js';
import type { Database, Operation } from './database.js';
import { probeDisk } from './directory.js';
import { asError } from './errors.js';
import { metadataOperation, readMetadata } from './identity.js';
import type { Quarantine } from './quarantine.js';
import type { Metadata } from './values.js';

/** A record on its way to the disk. */
export interface RecordWrite extends QueuedWrite {
  readonly key: Key;
  readonly objectKey: Uint8Array;
  readonly value: Uint8Array;
  readonly counter: number;
}

/** The database with its state: what has been synced, and whether it may be written. */
export interface Engine {
  /** For reads; undefined only while it is being opened anew and after close. */
  readonly database: Database | undefined;
  readonly metadata: Metadata;
  /** False from a failed batch to a successful {@link Engine.recover}. */
  readonly healthy: boolean;
  /** Syncs one batch with everything that R2 wants in it. */
  commit(writes: readonly RecordWrite[]): Promise<void>;
  /** Opens the database anew and writes to it; rejects, and leaves it readable if it can, where the disk is not well. */
  recover(): Promise<void>;
  close(): Promise<void>;
}

export interface EngineOptions {
  readonly directory: string;
  readonly database: Database;
  readonly metadata: Metadata;
  readonly quarantine: Quarantine;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Opens the existing database again. */
  reopen(): Promise<Database>;
}

interface State {
  database: Database | undefined;
  metadata: Metadata;
  counter: number;
  healthy: boolean;
}

export function createEngine(options: EngineOptions): Engine {
  const { database, metadata } = options;
  const state: State = { database, metadata, counter: metadata.counter, healthy: true };
  return {
    get database() {
      return state.database;
    },
    get metadata() {
      return state.metadata;
    },
    get healthy() {
      return state.healthy;
    },
    commit: (writes) => commit(state, options, writes),
    recover: () => recover(state, options),
    async close() {
      const closing = state.database;
      state.database = undefined;
      await closing?.close();
    },
  };
}

async function commit(state: State, options: EngineOptions, writes: readonly RecordWrite[]): Promise<void> {
  const { log, metrics } = options;
  if (!state.database || !state.healthy) throw new Error('the storage cannot write');
  const startedMs = performance.now();
  try {
    await sync(state, options, state.database, writes);
  } catch (error) {
    state.healthy = false;
    const { message } = asError(error);
    log.log('error', 'a batch could not be stored; writes are refused until one can', { error: message });
    throw error;
  }
  observe(metrics, writes.length, (performance.now() - startedMs) / 1000);
}

/** One synced batch: records, what is put aside as damaged, and the metadata of R2. */
async function sync(
  state: State,
  { quarantine }: EngineOptions,
  target: Database,
  writes: readonly RecordWrite[],
): Promise<void> {
  // A failed batch counts as well: it may come back when the database is opened anew (I4).
  for (const write of writes) state.counter = Math.max(state.counter, write.counter);
  const moves = quarantine.moves(target);
  const { counter } = state;
  const sequence = state.metadata.sequence + 1;
  const metadata = { ...state.metadata, counter, sequence, damaged: quarantine.total };
  await target.commit([...moves.operations, ...latest(writes), metadataOperation(metadata)]);
  state.metadata = metadata;
  quarantine.moved(moves);
}

async function recover(state: State, options: EngineOptions): Promise<void> {
  const { directory } = options;
  if (state.database) {
    await probeDisk(directory);
    const old = state.database;
    state.database = undefined;
    await old.close();
  }
  const fresh = await options.reopen();
  state.metadata = await sameIdentity(fresh, state.metadata, directory);
  state.database = fresh;
  await sync(state, options, fresh, []);
  state.healthy = true;
}

/** The later write of a key in one batch wins. */
function latest(writes: readonly RecordWrite[]): Iterable<Operation> {
  const operations = new Map<Key, Operation>();
  for (const { key, objectKey, value } of writes) operations.set(key, { type: 'put', key: objectKey, value });
  return operations.values();
}

/** The stored metadata, which is ahead of the known where the failed batch reached the disk after all. */
async function sameIdentity(database: Database, known: Metadata, directory: string): Promise<Metadata> {
  try {
    const stored = readMetadata(database, directory);
    if (stored?.actor === known.actor && stored.sequence >= known.sequence) return stored;
    throw new Error('the data directory was exchanged while it was in use');
  } catch (error) {
    await database.close();
    throw error;
  }
}

function observe(metrics: Metrics, records: number, seconds: number): void {
  metrics.observe('rondo_storage_batch_seconds', seconds);
  if (records === 0) return;
  metrics.observe('rondo_storage_batch_records', records);
  metrics.count('rondo_storage_records_total', undefined, records);
}
