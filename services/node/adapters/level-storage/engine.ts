import { performance } from 'node:perf_hooks';
import type { Actor } from '../../core/types.js';
import type { Log, Metrics } from '../../ports/telemetry.js';
import { batchOf, type Batch, type PendingChange } from './changes.js';
import type { Database } from './database.js';
import { probeDisk } from './directory.js';
import { asError } from './errors.js';
import { metadataOperation, readMetadata } from './identity.js';
import type { Quarantine } from './quarantine.js';
import type { Metadata } from './values.js';

/** The database with its state: what has been synced, and whether it may be written. */
export interface Engine {
  /** For reads; undefined only while it is being opened anew and after close. */
  readonly database: Database | undefined;
  readonly metadata: Metadata;
  /** False from a failed batch to a successful {@link Engine.recover}. */
  readonly healthy: boolean;
  /** Syncs one batch with everything that R2 wants in it. */
  commit(changes: readonly PendingChange[]): Promise<void>;
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
  /** Highest counter given under each actor that a batch of this life named; failed batches count as well (I4). */
  readonly counters: Map<Actor, number>;
  healthy: boolean;
}

export function createEngine(options: EngineOptions): Engine {
  const { database, metadata } = options;
  const counters = new Map([[metadata.actor, metadata.counter]]);
  const state: State = { database, metadata, counters, healthy: true };
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
    commit: (changes) => commit(state, options, batchOf(changes)),
    recover: () => recover(state, options),
    async close() {
      const closing = state.database;
      state.database = undefined;
      await closing?.close();
    },
  };
}

async function commit(state: State, options: EngineOptions, batch: Batch): Promise<void> {
  const { log, metrics } = options;
  if (!state.database || !state.healthy) throw new Error('the storage cannot write');
  const startedMs = performance.now();
  try {
    await sync(state, options, state.database, batch);
  } catch (error) {
    state.healthy = false;
    const { message } = asError(error);
    log.log('error', 'a batch could not be stored; writes are refused until one can', { error: message });
    throw error;
  }
  observe(metrics, batch.records, (performance.now() - startedMs) / 1000);
}

/** One synced batch: the changes, what is put aside as damaged, and the metadata of R2. */
async function sync(
  state: State,
  { quarantine }: EngineOptions,
  target: Database,
  batch: Batch,
): Promise<void> {
  const moves = quarantine.moves(target, batch.sound);
  const sequence = state.metadata.sequence + 1;
  const identity = identityAfter(state, batch);
  const metadata = { ...state.metadata, ...identity, sequence, damaged: quarantine.total };
  await target.commit([...moves.operations, ...batch.operations, metadataOperation(metadata)]);
  state.metadata = metadata;
  quarantine.moved(moves);
}

/** Who the directory is from this batch on, whether it reaches the disk at once or only when that is well again. */
function identityAfter(
  { metadata, counters }: State,
  { changes }: Batch,
): Pick<Metadata, 'actor' | 'counter' | 'complete'> {
  let { actor, complete } = metadata;
  let counter = counters.get(actor) ?? metadata.counter;
  for (const change of changes) {
    if (change.type === 'record') counter = Math.max(counter, change.counter);
    if (change.type !== 'renounce') continue;
    counters.set(actor, counter);
    ({ actor } = change);
    complete = false;
    // One that a failed batch took up already may have given more counters since (I4).
    counter = Math.max(change.counter, counters.get(actor) ?? 0);
  }
  counters.set(actor, counter);
  return { actor, counter, complete };
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
  state.metadata = await sameIdentity(fresh, state, directory);
  state.database = fresh;
  await sync(state, options, fresh, batchOf([]));
  state.healthy = true;
}

/**
 * The stored metadata, which is ahead of the known where the failed batch reached the disk after all. With a `renounce` in
 * that batch the directory may have either actor now; it goes on as the one that the disk says.
 */
async function sameIdentity(
  database: Database,
  { metadata, counters }: State,
  directory: string,
): Promise<Metadata> {
  try {
    const stored = readMetadata(database, directory);
    if (stored && counters.has(stored.actor) && stored.sequence >= metadata.sequence) return stored;
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
