import { DecodeError } from '../../core/protocol/bytes.js';
import type { Key, VersionedRecord } from '../../core/types.js';
import type { Database, Operation } from './database.js';
import { isCorruption } from './errors.js';
import { keyOf, rangeOf, type KeyLayout } from './keys.js';
import { openRecord } from './values.js';

/**
 * Keys whose record was found damaged. Such a record is never served: its raw bytes move to the quarantine range in the
 * next batch, and the key counts as damaged from then on, whatever is written to it later, because what was lost with it
 * may have been acknowledged (I2); only dropping or mending the key ends that. Kept over restarts by the quarantine range itself.
 */
export interface Quarantine {
  has(key: Key): boolean;
  keys(): readonly Key[];
  /** Notes damage that a read met; true where it is new. */
  add(key: Key): boolean;
  /** Whether damaged records wait for being moved. */
  readonly waiting: boolean;
  /** Damaged records found since the directory was made. */
  readonly total: number;
  /**
   * What moves some of the waiting records, judged anew by what `database` holds now, and forgets the marks of `sound`
   * keys, which were dropped or mended. No batch may be under way; the dropping itself comes behind these operations.
   */
  moves(database: Database, sound: readonly Key[]): Moves;
  /** The batch with these moves is durable. */
  moved(moves: Moves): void;
}

export interface Moves {
  readonly keys: readonly Key[];
  readonly sound: readonly Key[];
  readonly operations: readonly Operation[];
}

const MOVED_BYTES_MAX = 8 * 1024 * 1024;

/** Reads the quarantine range; `total` is what the metadata counts. */
export async function loadQuarantine(
  database: Database,
  layout: KeyLayout,
  total: number,
): Promise<Quarantine> {
  const keys = new Set<Key>();
  const range = rangeOf('quarantine');
  const stream = database.entries(range.gte, range.lt);
  for (let chunk = await stream.next(); chunk.length > 0; chunk = await stream.next()) {
    for (const [stored] of chunk) keys.add(keyOf(stored));
  }
  await stream.close();
  return quarantineOf(keys, layout, total);
}

function quarantineOf(keys: Set<Key>, layout: KeyLayout, before: number): Quarantine {
  const waiting = new Set<Key>();
  let total = before;
  return {
    has: (key) => keys.has(key),
    keys: () => [...keys],
    add(key) {
      if (waiting.has(key)) return false;
      keys.add(key);
      waiting.add(key);
      total++;
      return true;
    },
    get waiting() {
      return waiting.size > 0;
    },
    get total() {
      return total;
    },
    moves(database, sound) {
      const marked = sound.filter((key) => keys.has(key));
      const cleared = marked.map((key): Operation => ({ type: 'del', key: layout.quarantineKey(key) }));
      const moves = movesOf(database, layout, waiting);
      return { ...moves, sound, operations: [...moves.operations, ...cleared] };
    },
    moved(moves) {
      for (const key of moves.keys) waiting.delete(key);
      for (const key of moves.sound) {
        keys.delete(key);
        waiting.delete(key);
      }
    },
  };
}

function movesOf(database: Database, layout: KeyLayout, waiting: ReadonlySet<Key>): Omit<Moves, 'sound'> {
  const keys: Key[] = [];
  const operations: Operation[] = [];
  let bytes = 0;
  for (const key of waiting) {
    if (bytes > MOVED_BYTES_MAX) break;
    const objectKey = layout.objectKey(key);
    const found = lookUp(database, objectKey);
    const raw = found.status === 'damaged' ? found.raw : new Uint8Array();
    keys.push(key);
    operations.push({ type: 'put', key: layout.quarantineKey(key), value: raw });
    // A sound record was written over it meanwhile and stays.
    if (found.status === 'damaged') operations.push({ type: 'del', key: objectKey });
    bytes += raw.length;
  }
  return { keys, operations };
}

export type Found =
  | { readonly status: 'found'; readonly record: VersionedRecord }
  | { readonly status: 'missing' }
  | { readonly status: 'damaged'; readonly raw: Uint8Array };

/** Looks a record up and checks it. Throws where the database cannot be read at all. */
export function lookUp(database: Database, objectKey: Uint8Array): Found {
  let raw: Uint8Array | undefined;
  try {
    raw = database.get(objectKey);
  } catch (error) {
    if (isCorruption(error)) return { status: 'damaged', raw: new Uint8Array() };
    throw error;
  }
  return raw ? checked(objectKey, raw) : { status: 'missing' };
}

export function checked(objectKey: Uint8Array, raw: Uint8Array): Exclude<Found, { status: 'missing' }> {
  try {
    return { status: 'found', record: openRecord(objectKey, raw) };
  } catch (error) {
    if (error instanceof DecodeError) return { status: 'damaged', raw };
    throw error;
  }
}
