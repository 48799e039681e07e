import { type ChainedBatch, ClassicLevel } from 'classic-level';
import { asError, isCorruption } from './errors.js';

/**
 * The few operations of LevelDB that storage stands on. Tests hand in one that fails on demand.
 *
 * What classic-level 3 (LevelDB 1.20) does when a write fails, tried on full file systems: a failed append leaves a
 * torn record in the log and *no* lasting error, so that later writes succeed as soon as there is room, behind a tear
 * at which the next recovery stops: of 100 writes that were synced after such a failure, reopening found none. A failed
 * sync or compaction does leave a lasting error. Hence a database is never written again after a failed commit; it is closed and opened anew,
 * which rewrites the sound part of the log (see recovery.ts). The failed batch itself may or may not come back then.
 */
export interface Database {
  /** Blocks for the time of a lookup, about 2 µs where LevelDB has the block. Throws on an I/O error. */
  get(key: Uint8Array): Uint8Array | undefined;
  /** One atomic batch, in the given order; resolves when it is fsynced. Never called while another is under way. */
  commit(operations: readonly Operation[]): Promise<void>;
  /** Entries with keys from `gte` to below `lt`, as of the call. */
  entries(gte: Uint8Array, lt: Uint8Array): EntryStream;
  /** Waits for what is under way; open entry streams fail. */
  close(): Promise<void>;
}

export type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

export type Entry = readonly [key: Uint8Array, value: Uint8Array];

export interface EntryStream {
  /** The next entries, about a hundred or one large one; none at the end. */
  next(): Promise<readonly Entry[]>;
  close(): Promise<void>;
}

export type OpenDatabase = (directory: string, createIfMissing: boolean) => Promise<Database>;

const OPTIONS = {
  keyEncoding: 'view',
  valueEncoding: 'view',
  cacheSize: 8 * 1024 * 1024,
  writeBufferSize: 8 * 1024 * 1024,
} as const;
/** A chained batch costs a quarter of an array of operations, but keeps its memory until a garbage collection. */
const CHAINED_BYTES_MAX = 256 * 1024;
const SYNCED = { sync: true } as const;
const CHUNK_ENTRIES = 128;
const CHUNK_BYTES = 256 * 1024;

/** Rejects with what classic-level says; openFailure() in errors.ts tells what that means. */
export const openDatabase: OpenDatabase = async (directory, createIfMissing) => {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, OPTIONS);
  await level.open({ createIfMissing });
  return {
    get: (key) => valueOf(level, key),
    commit: (operations) =>
      valueBytes(operations) > CHAINED_BYTES_MAX
        ? level.batch([...operations], SYNCED)
        : chained(level, operations).write(SYNCED),
    entries: (gte, lt) => entriesOf(level, gte, lt),
    close: () => level.close(),
  };
};

/**
 * Rejects where a process has the database open. LevelDB takes its lock before anything else; asked to open only what does
 * not exist, of what exists, it gives up right after that and touches nothing but its info log.
 */
export async function mustBeFree(directory: string): Promise<void> {
  const level = new ClassicLevel(directory, { createIfMissing: false, errorIfExists: true });
  try {
    await level.open();
  } catch (error) {
    const cause = asError(error).cause;
    if (asError(cause).message.includes('(error_if_exists is true)')) return;
    if (asError(cause).message.includes('(create_if_missing is false)')) return;
    throw error;
  }
}

/** The same database; `onCorruption` is told of each error that says that LevelDB found a file of its own damaged. */
export function watched(database: Database, onCorruption: (error: unknown) => void): Database {
  const told = (error: unknown): unknown => {
    if (isCorruption(error)) onCorruption(error);
    return error;
  };
  const telling = async <T>(work: Promise<T>): Promise<T> => {
    return work.catch((error: unknown) => {
      throw told(error);
    });
  };
  return {
    get(key) {
      try {
        return database.get(key);
      } catch (error) {
        throw told(error);
      }
    },
    commit: (operations) => telling(database.commit(operations)),
    entries(gte, lt) {
      const stream = database.entries(gte, lt);
      return { next: () => telling(stream.next()), close: () => stream.close() };
    },
    close: () => database.close(),
  };
}

function valueBytes(operations: readonly Operation[]): number {
  let bytes = 0;
  for (const operation of operations) if (operation.type === 'put') bytes += operation.value.length;
  return bytes;
}

type Level = ClassicLevel<Uint8Array, Uint8Array>;

function chained(
  level: Level,
  operations: readonly Operation[],
): ChainedBatch<Level, Uint8Array, Uint8Array> {
  const batch = level.batch();
  for (const operation of operations) {
    if (operation.type === 'put') batch.put(operation.key, operation.value);
    else batch.del(operation.key);
  }
  return batch;
}

function entriesOf(level: Level, gte: Uint8Array, lt: Uint8Array): EntryStream {
  const iterator = level.iterator({ gte, lt, highWaterMarkBytes: CHUNK_BYTES });
  return {
    async next() {
      const entries = await iterator.nextv(CHUNK_ENTRIES);
      return entries.map(([key, value]): Entry => [plain(key), plain(value)]);
    },
    close: () => iterator.close(),
  };
}

function valueOf(level: Level, key: Uint8Array): Uint8Array | undefined {
  const value = level.getSync(key);
  return value && plain(value);
}

/** classic-level gives Buffers, whose slices are Buffers again; records are made of plain byte arrays. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
