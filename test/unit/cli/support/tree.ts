import { hash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';

/** Folders of files as plain data; paths and names are bytes as latin1 characters. */
export type Tree = Readonly<Record<string, Buffer>>;

const at = (root: string, path: string): Buffer =>
  Buffer.concat([Buffer.from(root), Buffer.from(`/${path}`, 'latin1')]);

export async function plantTree(root: string, tree: Tree): Promise<void> {
  for (const [path, content] of Object.entries(tree)) {
    const slash = path.lastIndexOf('/');
    if (slash > 0) await mkdir(at(root, path.slice(0, slash)), { recursive: true });
    await writeFile(at(root, path), content);
  }
}

/** Every regular file below `root`. */
export async function readTree(root: string, folder = ''): Promise<Tree> {
  const tree: Record<string, Buffer> = {};
  for (const name of await readdir(at(root, folder), { encoding: 'buffer' })) {
    const path = `${folder}${folder === '' ? '' : '/'}${name.toString('latin1')}`;
    const stats = await lstat(at(root, path));
    if (stats.isDirectory()) Object.assign(tree, await readTree(root, path));
    else if (stats.isFile()) tree[path] = await readFile(at(root, path));
  }
  return tree;
}

/** A tree to compare: what differs shows as a short text. */
export function digestsOf(tree: Tree): Record<string, string> {
  const digests = Object.entries(tree).map(([path, content]) => [path, hash('sha256', content)] as const);
  return Object.fromEntries(digests);
}

/** `length` bytes that differ from one seed to the next and do not repeat from chunk to chunk. */
export function bytesOf(length: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed * 2654435761 + 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
