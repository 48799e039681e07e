import type { ReadResult } from '../core/protocol/events.js';
import type { Digests, Key, VersionedRecord } from '../core/types.js';
import type { Entropy } from '../ports/entropy.js';
import type { Storage, StorageChange, StorageIdentity } from '../ports/storage.js';
import type { Log, Metrics } from '../ports/telemetry.js';
import { pendingChange, type PendingChange } from './level-storage/changes.js';
import { createCommitQueue } from './level-storage/commitQueue.js';
import {
  openDatabase,
  type Database,
  type EntryStream,
  type OpenDatabase,
} from './level-storage/database.js';
import { createEngine, type Engine } from './level-storage/engine.js';
import { asError } from './level-storage/errors.js';
import { keyOf, rangeOf, type KeyLayout } from './level-storage/keys.js';
import type { Kept } from './level-storage/kept.js';
import { openDirectory, type OpenedDirectory } from './level-storage/opening.js';
import { checked, lookUp, type Quarantine } from './level-storage/quarantine.js';
import { recordScan } from './level-storage/recordScan.js';
import { createRecovery } from './level-storage/recovery.js';
import type { Metadata } from './level-storage/values.js';

export interface LevelStorageOptions {
  /** The database's own directory; made where it is missing. */
  readonly directory: string;
  /** Q, as when the directory was made. */
  readonly partitions: number;
  /** Whether a directory without data is complete: true only when the cluster is founded (R3, R8). */
  readonly founding: boolean;
  /** Least incarnation; a time, so that a directory made anew does not repeat those of the one that was lost. */
  readonly incarnationFloor?: number;
  readonly digests: Pick<Digests, 'md5'>;
  readonly entropy: Entropy;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Bound on bytes accepted and not yet durable; a write beyond it fails at once (I14). */
  readonly pendingBytesMax?: number;
  /** Pause between attempts to bring a failed disk back. */
  readonly retryMs?: number;
  /** A life that ends in this time and not in order is short (life.ts). */
  readonly shortLifeMs?: number;
  /** For tests that let the disk fail. */
  readonly openDatabase?: OpenDatabase;
}

const PENDING_BYTES_MAX = 128 * 1024 * 1024;
/** Keeps one batch, and so the wait for it, short under a flood of large values. */
const BATCH_BYTES_MAX = 16 * 1024 * 1024;
const RETRY_MS = 1000;

/**
 * Opens the records of one node in a LevelDB directory (ports/storage.ts). One that is damaged is set aside, and a new one
 * begun in its place, with a new actor and not complete (R12). Rejects with a StorageError of one line that says what to
 * do: storage_locked, storage_unwritable, storage_mismatch, or storage_damaged where setting aside is impossible.
 */
export async function openLevelStorage(options: LevelStorageOptions): Promise<Storage> {
  const opened = await openDirectory({ ...options, openDatabase: options.openDatabase ?? openDatabase });
  const { kept } = opened;
  reportSpoiled(kept, options);
  const engine = createEngine({ ...options, ...opened });
  return storageOn({ ...options, ...opened, engine });
}

interface Parts extends LevelStorageOptions, OpenedDirectory {
  readonly engine: Engine;
}

function storageOn(parts: Parts): Storage {
  const { engine, log, metrics, quarantine } = parts;
  let closing: Promise<void> | undefined;
  const recovery = createRecovery({
    intervalMs: parts.retryMs ?? RETRY_MS,
    attempt: () => engine.recover(),
    onSuccess: () => log.log('info', 'the disk takes writes again'),
    onFailure: (error) => log.log('warn', 'the disk still refuses', { error: asError(error).message }),
  });
  const queue = createCommitQueue<PendingChange>({
    pendingBytesMax: parts.pendingBytesMax ?? PENDING_BYTES_MAX,
    batchBytesMax: BATCH_BYTES_MAX,
    commit: async (changes) => {
      await engine.commit(changes).finally(() => engine.healthy || recovery.start());
      if (quarantine.waiting) queue.request();
    },
  });
  const onDamage = (key: Key): void => {
    if (!quarantine.add(key)) return;
    metrics.count('rondo_storage_damaged_total');
    log.log('error', 'a stored record is damaged and put aside', {
      key: Buffer.from(key, 'latin1').toString('base64'),
    });
    if (engine.healthy && !closing) queue.request();
  };
  const readable = (): Database | undefined => (closing ? undefined : engine.database);
  const shutDown = async (): Promise<void> => {
    await queue.idle();
    await recovery.stop();
    await engine.close();
    await parts.endLife();
  };
  return {
    identity: identityOf(engine.metadata, parts.kept),
    read: (key, done) => done(readFrom(readable(), key, parts, onDamage)),
    write(change, done) {
      const refusal = closing
        ? 'the storage is closed'
        : engine.healthy
          ? undefined
          : 'the storage cannot write';
      const error = refusal === undefined ? accept(queue, parts.layout, change, done) : new Error(refusal);
      if (error) setImmediate(done, error);
    },
    scan: () => scanFrom(readable(), quarantine, onDamage),
    openScan(range, begun) {
      queue.between(() => {
        const database = engine.healthy ? readable() : undefined;
        begun(database && recordScan(database, parts.layout.objectRange(range), { ...parts, onDamage }));
      });
    },
    stats: () => ({
      healthy: engine.healthy && !closing,
      sequence: engine.metadata.sequence,
      damaged: quarantine.total,
      pendingWrites: queue.pending(),
    }),
    close: () => (closing ??= shutDown()),
  };
}

function identityOf(metadata: Metadata, { hints, heights }: Kept): StorageIdentity {
  const { actor, counter, sequence, incarnation, complete } = metadata;
  return Object.freeze({ actor, counter, sequence, incarnation, complete, hints, heights });
}

function reportSpoiled({ spoiled }: Kept, { log, metrics }: LevelStorageOptions): void {
  for (const key of spoiled) {
    metrics.count('rondo_storage_damaged_total');
    log.log('error', 'a stored hint, or what was heard of other nodes, is damaged and given up', {
      key: Buffer.from(key).toString('base64'),
    });
  }
}

/** Hands a change to the queue; an error where it is not accepted. */
function accept(
  queue: { add(change: PendingChange): boolean },
  layout: KeyLayout,
  change: StorageChange,
  done: (error?: Error) => void,
): Error | undefined {
  try {
    if (queue.add(pendingChange(layout, change, done))) return undefined;
    return new Error('more bytes wait for the disk than are allowed');
  } catch (error) {
    return asError(error);
  }
}

function readFrom(
  database: Database | undefined,
  key: Key,
  { layout, quarantine, log }: Parts,
  onDamage: (key: Key) => void,
): ReadResult {
  if (!database) return { status: 'failed' };
  try {
    const found = lookUp(database, layout.objectKey(key));
    if (found.status === 'damaged') onDamage(key);
    if (!quarantine.has(key)) return found.status === 'damaged' ? { status: 'damaged' } : found;
    return found.status === 'found' ? { status: 'damaged', record: found.record } : { status: 'damaged' };
  } catch (error) {
    log.log('error', 'a record could not be read', { error: asError(error).message });
    return { status: 'failed' };
  }
}

interface ScannedRecord {
  readonly key: Key;
  readonly record: VersionedRecord;
}

/** The view is fixed here, not at the first step: the caller must iterate, or the view lives until close. */
function scanFrom(
  database: Database | undefined,
  quarantine: Quarantine,
  onDamage: (key: Key) => void,
): AsyncIterable<ScannedRecord> {
  const { gte, lt } = rangeOf('object');
  return soundRecords(database?.entries(gte, lt), (stored, raw) => {
    const key = keyOf(stored);
    const found = checked(stored, raw);
    if (found.status === 'damaged') onDamage(key);
    return found.status === 'found' && !quarantine.has(key) ? { key, record: found.record } : undefined;
  });
}

/** Ends with an error, never early, where the storage is closed or a block of the database cannot be read. */
async function* soundRecords(
  stream: EntryStream | undefined,
  judge: (stored: Uint8Array, raw: Uint8Array) => ScannedRecord | undefined,
): AsyncGenerator<ScannedRecord> {
  if (!stream) throw new Error('the storage is closed');
  try {
    for (let chunk = await stream.next(); chunk.length > 0; chunk = await stream.next()) {
      for (const [stored, raw] of chunk) {
        const found = judge(stored, raw);
        if (found) yield found;
      }
    }
  } finally {
    await stream.close();
  }
}
