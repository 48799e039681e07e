import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Small files that say what must not be forgotten. */

/** `undefined` where there is no such file; rejects where it cannot be read. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces a file so that after a crash it is either the old or the new one, and readable only by its owner. */
export async function writeTextDurably(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(`${path}.tmp`, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
  for (const folder of [dirname(path), dirname(dirname(path))]) await syncFolder(folder);
}

export async function writeJsonDurably(path: string, value: unknown): Promise<void> {
  await writeTextDurably(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** What was made, renamed or removed in a folder is so after a crash too. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
