import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { errnoOf } from '../failure.js';
import { LocalFault, openLocal } from './local.js';
import type { ManifestEntry } from './manifest.js';
import { localPath, parentFolders, pathDanger } from './paths.js';

/** Writing files below a folder, from paths that somebody else chose. */

/** This file is not written; the message says why. */
export class WriteRefused extends Error {
  override readonly name = 'WriteRefused';
}

export interface FolderWriter {
  /**
   * Leaves a file alone that has the entry's size and hash; writes any other beside its place and renames it when the
   * whole has that hash. `content` is only begun where it is needed.
   */
  place(entry: ManifestEntry, content: () => AsyncIterable<Buffer>): Promise<'written' | 'present'>;
}

const READ_BYTES = 1024 * 1024;

/** Never leaves `root`: no path upwards, and no symlink on the way to a file is followed. */
export function createFolderWriter(root: Buffer): FolderWriter {
  const sound = new Map<string, Promise<void>>();

  /** Each folder is looked at once, however many files are in it. */
  function ensureFolder(path: string): Promise<void> {
    const known = sound.get(path) ?? makeFolder(localPath(root, path));
    sound.set(path, known);
    return known;
  }

  return {
    place: async (entry, content) => {
      const danger = pathDanger(entry.path);
      if (danger !== undefined) throw new WriteRefused(`refused: the path is not safe (${danger})`);
      for (const folder of parentFolders(entry.path)) await ensureFolder(folder);
      const path = localPath(root, entry.path);
      if (await hasContent(path, entry)) return 'present';
      await writeWhole(path, entry, content());
      return 'written';
    },
  };
}

async function makeFolder(path: Buffer): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    if (!(await lstat(path)).isDirectory()) {
      throw new WriteRefused('refused: a folder of its path is a file or a symlink here');
    }
  }
}

async function writeWhole(path: Buffer, entry: ManifestEntry, chunks: AsyncIterable<Buffer>): Promise<void> {
  const folder = path.subarray(0, path.lastIndexOf('/'));
  const temporary = Buffer.concat([folder, Buffer.from(`/.rondo-${randomBytes(8).toString('hex')}.tmp`)]);
  try {
    const handle = await open(temporary, 'wx');
    try {
      const whole = createHash('sha256');
      for await (const chunk of chunks) {
        whole.update(chunk);
        await handle.writeFile(chunk);
      }
      if (whole.digest('hex') !== entry.sha256)
        throw new WriteRefused('the SHA-256 of what is stored is wrong');
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function hasContent(path: Buffer, entry: ManifestEntry): Promise<boolean> {
  try {
    const source = await openLocal(path);
    try {
      if (source.size !== entry.size) return false;
      const whole = createHash('sha256');
      for (let at = 0; at < source.size; at += READ_BYTES) {
        whole.update(await source.read(at, Math.min(READ_BYTES, source.size - at)));
      }
      return whole.digest('hex') === entry.sha256;
    } finally {
      await source.close();
    }
  } catch (error) {
    if (errnoOf(error) !== undefined || error instanceof LocalFault) return false;
    throw error;
  }
}
