import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { damaged, isMissing, mismatch } from './errors.js';
import { readLog } from './logReader.js';
import { Varints } from './varints.js';

/**
 * What LevelDB's manifest says that the database consists of. It is a log of edits, of which LevelDB too takes a bad last
 * one for torn; so whoever reads this also has to see whether what the torn edit would have let go of is still there.
 */
export interface Manifest {
  /** The oldest log that is needed; 0 before there was one. */
  readonly logNumber: number;
  /** Needed too, where it is there; not 0 only in databases of old versions. */
  readonly previousLogNumber: number;
  /** Sequence number of the database when this manifest was begun: its logs hold what came later. */
  readonly firstSequence: number;
  /** The same at the last edit. */
  readonly lastSequence: number;
  /** Size in bytes of each live table, by number. */
  readonly tables: ReadonlyMap<number, number>;
  /** Says what is bad at its end. */
  readonly torn?: string;
}

interface Draft {
  comparator: string | undefined;
  logNumber: number | undefined;
  previousLogNumber: number;
  firstSequence: number | undefined;
  lastSequence: number | undefined;
  /** Sizes by level and number: a table that moves to another level is deleted and added in one edit. */
  readonly tables: Map<string, { readonly number: number; readonly sizeBytes: number }>;
}

const COMPARATOR = 'leveldb.BytewiseComparator';
const TAG_COMPARATOR = 1;
const TAG_LOG_NUMBER = 2;
const TAG_NEXT_FILE = 3;
const TAG_LAST_SEQUENCE = 4;
const TAG_COMPACT_POINTER = 5;
const TAG_DELETED_FILE = 6;
const TAG_NEW_FILE = 7;
const TAG_PREVIOUS_LOG = 9;

/** Rejects with a StorageError storage_damaged or storage_mismatch, or the system's error. */
export async function readManifest(directory: string): Promise<Manifest> {
  const name = await currentManifest(directory);
  const draft: Draft = {
    comparator: undefined,
    logNumber: undefined,
    previousLogNumber: 0,
    firstSequence: undefined,
    lastSequence: undefined,
    tables: new Map(),
  };
  const torn = await takeEdits(directory, name, draft);
  if (draft.comparator !== undefined && draft.comparator !== COMPARATOR) {
    throw mismatch(directory, 'holds the database of another program; choose an empty one');
  }
  const { logNumber, previousLogNumber, firstSequence, lastSequence } = draft;
  if (logNumber === undefined || firstSequence === undefined || lastSequence === undefined) {
    throw damaged(directory, torn ?? `${name} says too little`);
  }
  const tables = new Map([...draft.tables.values()].map(({ number, sizeBytes }) => [number, sizeBytes]));
  const known = { logNumber, previousLogNumber, firstSequence, lastSequence, tables };
  return torn === undefined ? known : { ...known, torn };
}

async function currentManifest(directory: string): Promise<string> {
  const current = await readFile(join(directory, 'CURRENT'), 'latin1').catch((error: unknown) => {
    throw isMissing(error) ? damaged(directory, 'the file CURRENT is missing') : error;
  });
  if (!/^MANIFEST-\d+\n$/.test(current)) throw damaged(directory, 'the file CURRENT names no manifest');
  return current.trimEnd();
}

/** Applies all edits to `draft`; says what is bad at the end of the file, if anything is. */
async function takeEdits(directory: string, name: string, draft: Draft): Promise<string | undefined> {
  const options = { keepBytes: Infinity, isDue: isEdit };
  let torn: string | undefined;
  try {
    for await (const events of readLog(join(directory, name), options)) {
      for (const event of events) {
        if (event.type === 'fault') torn ??= `${name} at ${event.offset}: ${event.what}`;
        else if (torn !== undefined) throw damaged(directory, `${torn}, and more follows`);
        else if (event.type === 'ended') apply(draft, event.record);
      }
    }
  } catch (error) {
    if (isMissing(error)) throw damaged(directory, `${name} is missing`);
    if (error instanceof RangeError) throw damaged(directory, `${name}: ${error.message}`, error);
    throw error;
  }
  return torn;
}

function isEdit(head: Uint8Array): boolean {
  const tag = head[0] ?? 0;
  return tag >= TAG_COMPARATOR && tag <= TAG_PREVIOUS_LOG;
}

/** Throws RangeError where the edit makes no sense. */
function apply(draft: Draft, edit: Uint8Array): void {
  const input = new Varints(edit);
  while (!input.done) {
    const tag = input.next();
    switch (tag) {
      case TAG_COMPARATOR:
        draft.comparator = Buffer.from(input.take(input.next())).toString('latin1');
        break;
      case TAG_LOG_NUMBER:
        draft.logNumber = input.next();
        break;
      case TAG_PREVIOUS_LOG:
        draft.previousLogNumber = input.next();
        break;
      case TAG_NEXT_FILE:
        input.next();
        break;
      case TAG_LAST_SEQUENCE:
        draft.lastSequence = input.next();
        draft.firstSequence ??= draft.lastSequence;
        break;
      case TAG_COMPACT_POINTER:
        input.next();
        input.take(input.next());
        break;
      case TAG_DELETED_FILE:
        draft.tables.delete(`${input.next()}/${input.next()}`);
        break;
      case TAG_NEW_FILE:
        addTable(draft, input);
        break;
      default:
        throw new RangeError(`an edit has the unknown tag ${tag}`);
    }
  }
}

function addTable({ tables }: Draft, input: Varints): void {
  const [level, number, sizeBytes] = [input.next(), input.next(), input.next()];
  for (const _key of ['smallest', 'largest']) input.take(input.next());
  tables.set(`${level}/${number}`, { number, sizeBytes });
}
