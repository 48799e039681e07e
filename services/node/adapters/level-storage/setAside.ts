import { mkdir, readdir, realpath, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { immovable, StorageError, tooManyAside } from './errors.js';
import { syncDirectory } from './syncDirectory.js';

/**
 * Damaged directories are renamed to `<directory>.damaged-1` and so on and stay there, for somebody to look at: nothing in
 * them is needed any more, and nothing is deleted.
 */

/** Each may be as large as the database. */
const ASIDE_MAX = 3;

/**
 * Renames the directory, leaves an empty one in its place and tells the new name. Rejects with a StorageError
 * storage_damaged where there are too many already, or the file system refuses. `damage` is what was found in it.
 */
export async function setAside(directory: string, damage: StorageError): Promise<string> {
  const what = damage.damage ?? damage.message;
  try {
    // A link to another disk stays where it is.
    const place = await realpath(directory);
    const taken = await asideOf(place);
    if (taken.length >= ASIDE_MAX) throw tooManyAside(directory, what, taken);
    let n = 1;
    while (taken.includes(asideName(place, n))) n++;
    const target = asideName(place, n);
    await rename(place, target);
    await mkdir(place);
    await syncDirectory(dirname(place));
    return target;
  } catch (error) {
    throw error instanceof StorageError ? error : immovable(directory, what, error);
  }
}

/** Whether a directory of this name was set aside before: then the one that is there now did not found the cluster. */
export async function wasSetAside(directory: string): Promise<boolean> {
  return (await asideOf(await realpath(directory))).length > 0;
}

async function asideOf(place: string): Promise<string[]> {
  const prefix = asideName(basename(place), '');
  const names = await readdir(dirname(place));
  const aside = names.filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)));
  return aside.sort().map((name) => join(dirname(place), name));
}

function asideName(place: string, n: number | ''): string {
  return `${place}.damaged-${n}`;
}
