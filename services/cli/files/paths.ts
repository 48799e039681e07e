/**
 * Paths of files below a folder. They are *bytes*, not text: a name need not be UTF-8. Inside the CLI a path is a string
 * of one character (0-255) for each byte, with `/` between its parts; fs gets and gives Buffers.
 */

const PATH_BYTES_MAX = 4096;

/** The path below `root` as fs takes it. */
export function localPath(root: Buffer, path: string): Buffer {
  return Buffer.concat([root, Buffer.from(`/${path}`, 'latin1')]);
}

/** The key of the file with this path. */
export function fileKey(prefix: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(prefix, 'utf8'), Buffer.from(path, 'latin1')]);
}

/** The key of the list of all files under `prefix`; the NUL keeps it apart from every file. */
export function manifestKey(prefix: string): Buffer {
  return Buffer.from(`${prefix}\0manifest`, 'utf8');
}

/** Why a path from a manifest must not be written below a folder; undefined where it may. */
export function pathDanger(path: string): string | undefined {
  if (path === '') return 'it is empty';
  if (path.length > PATH_BYTES_MAX) return 'it is too long';
  if (path.includes('\0')) return 'it holds a NUL';
  if (path.startsWith('/')) return 'it is absolute';
  const parts = path.split('/');
  if (parts.includes('..')) return 'it leads out of the folder';
  if (parts.includes('.') || parts.includes('')) return 'it is not in its shortest form';
  return undefined;
}

/** The folders above a path, outermost first: `a/b/c` → `a`, `a/b`. */
export function parentFolders(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'));
}
