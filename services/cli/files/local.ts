import { hash } from 'node:crypto';
import { constants, type BigIntStats } from 'node:fs';
import { lstat, open, readdir, type FileHandle } from 'node:fs/promises';
import { errnoOf } from '../failure.js';
import { comparePaths } from './manifest.js';
import { localPath } from './paths.js';
import { forEachConcurrent } from './slots.js';

/** Reading local folders and files. */

export interface LocalFile {
  /** Bytes as characters (paths.ts). */
  readonly path: string;
  readonly size: number;
}

export interface Walk {
  /** Every regular file, by the paths' bytes. */
  readonly files: readonly LocalFile[];
  readonly symlinks: number;
  /** Sockets, devices, pipes. */
  readonly others: number;
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

/** A file that cannot be taken as it is: it changed, vanished, is no longer a file. Others may go on. */
export class LocalFault extends Error {
  override readonly name = 'LocalFault';
}

/** Something to read at any offset; the size is fixed when it is opened. */
export interface Source {
  readonly size: number;
  /** Exactly `length` bytes, or {@link LocalFault}. */
  read(offset: number, length: number): Promise<Buffer>;
  /** {@link LocalFault} where it is no longer what was opened. */
  assertUnchanged(): Promise<void>;
  close(): Promise<void>;
}

/** Why a local operation failed, in words; undefined where the error is not about a local file. */
export function localReason(error: unknown): string | undefined {
  if (error instanceof LocalFault) return error.message;
  const code = errnoOf(error);
  if (code === 'ENOENT') return 'it vanished while it was read';
  if (code === 'EACCES' || code === 'EPERM') return 'no permission';
  if (code === 'ELOOP') return 'it became a symlink while it was read';
  return code;
}

/** Lists what is below `root` without following symlinks. Rejects only where `root` itself cannot be read. */
export async function walk(root: Buffer): Promise<Walk> {
  const found = { files: [] as LocalFile[], symlinks: 0, others: 0 };
  const unreadable: { path: string; reason: string }[] = [];
  const folders: string[] = [];

  async function look(path: string): Promise<void> {
    const stats = await lstat(localPath(root, path));
    if (stats.isDirectory()) folders.push(path);
    else if (stats.isFile()) found.files.push({ path, size: stats.size });
    else if (stats.isSymbolicLink()) found.symlinks++;
    else found.others++;
  }

  async function tolerant(path: string, task: Promise<void>): Promise<void> {
    try {
      await task;
    } catch (error) {
      unreadable.push({ path, reason: localReason(error) ?? String(error) });
    }
  }

  async function list(folder: string, at: Buffer): Promise<void> {
    const names = await readdir(at, { encoding: 'buffer' });
    const paths = names.map((name) => `${folder === '' ? '' : `${folder}/`}${name.toString('latin1')}`);
    await forEachConcurrent(paths, 32, (path) => tolerant(path, look(path)));
  }

  await list('', root);
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    await tolerant(folder, list(folder, localPath(root, folder)));
  }
  found.files.sort((a, b) => comparePaths(a.path, b.path));
  return { ...found, unreadable };
}

/** Opens a regular file without following a symlink or waiting on a pipe. */
export async function openLocal(path: Buffer): Promise<Source> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const opened = await handle.stat({ bigint: true });
    if (!opened.isFile()) throw new LocalFault('it is no longer a regular file');
    return sourceOf(handle, opened);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function sourceOf(handle: FileHandle, opened: BigIntStats): Source {
  return {
    size: Number(opened.size),
    read: (offset, length) => readExactly(handle, offset, length),
    assertUnchanged: async () => {
      const now = await handle.stat({ bigint: true });
      if (now.size !== opened.size || now.mtimeNs !== opened.mtimeNs) throw changed();
    },
    close: () => handle.close(),
  };
}

/** What is already in memory, read like a file. */
export function memorySource(bytes: Buffer): Source {
  return {
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
    assertUnchanged: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

export function changed(): LocalFault {
  return new LocalFault('it changed while it was read');
}

export function sha256Hex(bytes: Buffer): string {
  return hash('sha256', bytes, 'hex');
}

async function readExactly(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let filled = 0; filled < length;) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) throw changed();
    filled += bytesRead;
  }
  return bytes;
}
