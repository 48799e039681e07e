import { access, constants, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { damaged, mismatch, unwritable } from './errors.js';
import { isLifeFile } from './life.js';
import { syncDirectory } from './syncDirectory.js';

/** The database's directory: its making, what is in it before LevelDB is let in, and whether its disk takes writes. */

/** What LevelDB leaves when it is stopped before its first database is whole: nothing was acknowledged then. */
const BEGINNINGS = /^(LOCK|LOG|LOG\.old|MANIFEST-000001|\d+\.dbtmp)$/;
const LEVEL_FILES = /^(MANIFEST-\d+|\d+\.(log|ldb|sst))$/;
const PROBE_FILE = 'write-probe';
const PROBE_CHUNK_BYTES = 64 * 1024;

/**
 * Makes the directory where it is missing and tells whether it holds a database. Directories made here are synced into
 * their parents, so that a power cut after the first acknowledged write still finds the database.
 */
export async function prepareDirectory(directory: string): Promise<'fresh' | 'existing'> {
  const path = resolve(directory);
  const names = await listed(path);
  if (names.includes('CURRENT')) return 'existing';
  // Without CURRENT, LevelDB would silently begin a new database and delete the old one's files.
  if (names.some((name) => LEVEL_FILES.test(name) && !BEGINNINGS.test(name))) {
    throw damaged(directory, 'the file CURRENT is missing');
  }
  const foreign = names.find((name) => !BEGINNINGS.test(name) && name !== PROBE_FILE && !isLifeFile(name));
  if (foreign !== undefined) {
    throw mismatch(directory, `holds other files (${foreign}) and no database; choose an empty one`);
  }
  return 'fresh';
}

async function listed(path: string): Promise<string[]> {
  try {
    const made = await mkdir(path, { recursive: true });
    if (made !== undefined) await syncFrom(made, path);
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return await readdir(path);
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** Syncs the parents of `first` and of everything below it on the way to `last`. */
async function syncFrom(first: string, last: string): Promise<void> {
  for (let path = last; ; path = dirname(path)) {
    await syncDirectory(dirname(path));
    if (path === first || path === dirname(path)) return;
  }
}

/**
 * Throws unless as much as LevelDB needs for reopening can be written and synced: it rewrites its logs as tables, and a
 * failed attempt would cost the readable database that is still open.
 */
export async function probeDisk(directory: string): Promise<void> {
  const path = join(directory, PROBE_FILE);
  const bytes = await logBytes(directory);
  try {
    const handle = await open(path, 'w');
    try {
      const chunk = Buffer.alloc(PROBE_CHUNK_BYTES, 0x5a);
      for (let written = 0; written <= bytes; written += chunk.length) await handle.writeFile(chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } finally {
    await rm(path, { force: true });
  }
}

async function logBytes(directory: string): Promise<number> {
  const logs = (await readdir(directory)).filter((name) => name.endsWith('.log'));
  const sizes = await Promise.all(logs.map(async (name) => (await stat(join(directory, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
