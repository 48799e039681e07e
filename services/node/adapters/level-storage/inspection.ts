import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { damaged, isMissing, StorageError, unwritable } from './errors.js';
import { checkLogs } from './logCheck.js';
import { type Manifest, readManifest } from './manifest.js';
import { tableDamage } from './tableCheck.js';

/** What a sound directory still has to tell: a last batch, or edit of the manifest, that a crash cut off. */
export interface Inspection {
  readonly torn?: string;
}

const LOG_FILE = /^(\d+)\.log$/;
/** A table is some small reads one after the other, and disks do several at a time. */
const TABLES_AT_ONCE = 4;

/**
 * Looks at the files of a database that nobody has open, before LevelDB does (R12): LevelDB opens one whose log or table is
 * damaged, drops or hides what it cannot read, and deletes the evidence. A thorough inspection reads every table as well.
 * Rejects with a StorageError: storage_damaged says what was found.
 */
export async function inspect(directory: string, thorough: boolean): Promise<Inspection> {
  try {
    const manifest = await readManifest(directory);
    const names = new Set(await readdir(directory));
    await checkTables(directory, manifest, names, thorough);
    return await checkLiveLogs(directory, manifest, names);
  } catch (error) {
    if (error instanceof StorageError) throw error;
    // A file that was there a moment ago.
    if (isMissing(error)) throw damaged(directory, 'a file is missing', error);
    throw unwritable(directory, error);
  }
}

async function checkTables(
  directory: string,
  { tables }: Manifest,
  names: ReadonlySet<string>,
  thorough: boolean,
): Promise<void> {
  const left = tables.entries();
  let found: string | undefined;
  const worker = async (): Promise<void> => {
    for (const [number, sizeBytes] of left) {
      const name = [fileName(number, 'ldb'), fileName(number, 'sst')].find((each) => names.has(each));
      const what = name ? await tableDamage(join(directory, name), sizeBytes, thorough) : 'it is missing';
      if (what !== undefined) found ??= `${name ?? fileName(number, 'ldb')}: ${what}`;
      if (found !== undefined) return;
    }
  };
  await Promise.all(Array.from({ length: TABLES_AT_ONCE }, worker));
  if (found !== undefined) throw damaged(directory, found);
}

/**
 * Only the logs from the manifest's on: the older ones are in tables already, and may be there still, torn or not, because
 * LevelDB deletes them after all else. The manifest's own must exist. Where it does not, either somebody took it away, or
 * what looks like a torn last edit of the manifest had been in force, so that files were deleted on its account.
 */
async function checkLiveLogs(
  directory: string,
  manifest: Manifest,
  names: ReadonlySet<string>,
): Promise<Inspection> {
  const { logNumber, previousLogNumber, firstSequence, lastSequence } = manifest;
  const own = fileName(logNumber, 'log');
  if (logNumber > 0 && !names.has(own)) throw damaged(directory, manifest.torn ?? `${own} is missing`);
  const numbers = [...names].flatMap((name) => LOG_FILE.exec(name)?.slice(1).map(Number) ?? []);
  const live = numbers.filter((each) => each >= logNumber || (each > 0 && each === previousLogNumber));
  const files = live.sort((a, b) => a - b).map((number) => fileName(number, 'log'));
  const verdict = await checkLogs(directory, files, { after: firstSequence, upTo: lastSequence });
  if (verdict.status === 'damaged') throw damaged(directory, verdict.what);
  const torn = verdict.status === 'torn' ? verdict.what : manifest.torn;
  return torn === undefined ? {} : { torn };
}

function fileName(number: number, extension: 'log' | 'ldb' | 'sst'): string {
  return `${String(number).padStart(6, '0')}.${extension}`;
}
