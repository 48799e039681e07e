import type { Digests } from '../../core/types.js';
import type { Log, Metrics } from '../../ports/telemetry.js';
import { mustBeFree, watched, type Database, type OpenDatabase } from './database.js';
import { prepareDirectory } from './directory.js';
import { asError, openFailure, StorageError } from './errors.js';
import { assumeIdentity, type IdentityOptions } from './identity.js';
import { inspect } from './inspection.js';
import { createKeyLayout, type KeyLayout } from './keys.js';
import { loadKept, type Kept } from './kept.js';
import { readLife, type Life } from './life.js';
import { loadQuarantine, type Quarantine } from './quarantine.js';
import { setAside, wasSetAside } from './setAside.js';
import { syncDirectory } from './syncDirectory.js';
import type { Metadata } from './values.js';

/**
 * Opens a directory, or what takes the place of a damaged one (R12): its files are inspected, LevelDB opens them, its
 * metadata is read; damage at any of these steps sets the directory aside, and an empty one goes through the same steps. It
 * has a new actor and is not complete, also where the cluster is only being founded: what was lost may have counted.
 */

export interface OpeningOptions extends IdentityOptions {
  readonly digests: Pick<Digests, 'md5'>;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly shortLifeMs?: number;
  readonly openDatabase: OpenDatabase;
}

export interface OpenedDirectory {
  readonly database: Database;
  readonly kept: Kept;
  readonly layout: KeyLayout;
  readonly metadata: Metadata;
  readonly quarantine: Quarantine;
  /** Opens the same database again, after it was closed. */
  reopen(): Promise<Database>;
  /** The database is closed, and will stay so. */
  endLife(): Promise<void>;
}

/** What was learnt before LevelDB is let in. */
interface Seen {
  readonly found: 'fresh' | 'existing';
  readonly life: Life;
}

/** Rejects with a StorageError. */
export async function openDirectory(options: OpeningOptions): Promise<OpenedDirectory> {
  const { directory } = options;
  try {
    return await attempt(options);
  } catch (error) {
    const refusal = openFailure(directory, error);
    if (refusal.code !== 'storage_damaged') throw refusal;
    await replace(options, refusal);
  }
  try {
    return await attempt({ ...options, founding: false });
  } catch (error) {
    throw openFailure(directory, error);
  }
}

async function replace({ directory, log, metrics }: OpeningOptions, refusal: StorageError): Promise<void> {
  const keptAs = await setAside(directory, refusal);
  metrics.count('rondo_storage_directories_quarantined_total');
  log.log(
    'error',
    'the data directory is damaged: it is set aside, and this node starts over as a new one without data',
    { found: refusal.damage, directory, keptAs },
  );
}

async function attempt(options: OpeningOptions): Promise<OpenedDirectory> {
  const { directory, openDatabase } = options;
  const { found, life } = await lookTwice(options);
  const founding = options.founding && !(await wasSetAside(directory));
  let database: Database | undefined;
  try {
    await life.begin();
    database = await openDatabase(directory, found === 'fresh');
    const kept = await loadKept(database);
    const metadata = await assumeIdentity(database, { ...options, founding }, kept.spoiled);
    const layout = createKeyLayout(options.partitions, options.digests);
    const quarantine = await loadQuarantine(database, layout, metadata.damaged);
    // LevelDB syncs its files, not the renaming of CURRENT.
    await syncDirectory(directory);
    // Up to here corruption sets the directory aside.
    const onCorruption = createAlarm(life, options);
    const reopen = async (): Promise<Database> => {
      await inspect(directory, false);
      return watched(await openDatabase(directory, false), onCorruption);
    };
    return {
      ...{ kept, layout, metadata, quarantine, reopen },
      database: watched(database, onCorruption),
      endLife: () => life.end(),
    };
  } catch (error) {
    await database?.close();
    await life.undo().catch(() => undefined);
    throw error;
  }
}

/** What another process has open changes while it is looked at, and is not damaged for that. */
async function lookTwice(options: OpeningOptions): Promise<Seen> {
  try {
    return await look(options);
  } catch (error) {
    if (!(error instanceof StorageError && error.code === 'storage_damaged')) throw error;
    await mustBeFree(options.directory);
    return look(options);
  }
}

async function look({ directory, log, shortLifeMs }: OpeningOptions): Promise<Seen> {
  const found = await prepareDirectory(directory);
  const life = await readLife(directory, shortLifeMs);
  if (found === 'fresh') return { found, life };
  const { doubt } = life;
  if (doubt !== undefined) log.log('info', 'every block of the tables is verified', { why: doubt });
  const { torn } = await inspect(directory, doubt !== undefined);
  if (doubt !== undefined) {
    life.trust();
    log.log('info', 'every block of the tables is sound');
  }
  if (torn !== undefined) {
    log.log('warn', 'the end of the log is cut off or damaged: what was being written last is left out', {
      found: torn,
    });
  }
  return { found, life };
}

/** Tells once a life that LevelDB met damage, and has the tables verified before the next. */
function createAlarm(life: Life, { log }: OpeningOptions): (error: unknown) => void {
  let raised = false;
  return (error) => {
    life.suspect();
    if (raised) return;
    raised = true;
    const message = 'a file of the database is damaged: restart this node, which verifies all of them first';
    log.log('error', message, { error: asError(error).message });
  };
}
