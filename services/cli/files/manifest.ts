/**
 * The list of the files of one import: JSON lines, sorted by the paths' bytes, stored like a file. A path that is not
 * UTF-8 stands as base64 under `pathBase64`.
 */

export interface ManifestEntry {
  /** Bytes as characters (paths.ts). */
  readonly path: string;
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

/** The text is no manifest; the message says where and why. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

export function encodeManifest(entries: readonly ManifestEntry[]): Buffer {
  const sorted = entries.toSorted((a, b) => comparePaths(a.path, b.path));
  return Buffer.concat(sorted.map((entry) => Buffer.from(`${encodeEntry(entry)}\n`, 'utf8')));
}

/** Throws {@link ManifestError}. Paths come as they are: whoever writes files checks them (pathDanger). */
export function decodeManifest(bytes: Buffer): ManifestEntry[] {
  const entries = lines(bytes).map((line, i) => decodeEntry(line, i + 1));
  const twice = entries.find(
    (entry, i) => i > 0 && comparePaths(entries[i - 1]?.path ?? '', entry.path) >= 0,
  );
  if (twice) throw new ManifestError(`the manifest is not in order at ${JSON.stringify(twice.path)}`);
  return entries;
}

/** By bytes. */
export function comparePaths(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function encodeEntry({ path, size, sha256 }: ManifestEntry): string {
  const bytes = Buffer.from(path, 'latin1');
  const text = bytes.toString('utf8');
  const named = Buffer.from(text, 'utf8').equals(bytes)
    ? { path: text }
    : { pathBase64: bytes.toString('base64') };
  return JSON.stringify({ ...named, size, sha256 });
}

function lines(bytes: Buffer): string[] {
  if (bytes.length === 0) return [];
  if (bytes.at(-1) !== 0x0a) throw new ManifestError('the manifest ends in the middle of a line');
  const found: string[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start);
    found.push(bytes.toString('utf8', start, end));
    start = end + 1;
  }
  return found;
}

function decodeEntry(line: string, number: number): ManifestEntry {
  const fields = jsonFields(line);
  const { size, sha256 } = fields;
  const path = entryPath(fields);
  const sound =
    path !== undefined &&
    typeof size === 'number' &&
    Number.isSafeInteger(size) &&
    size >= 0 &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256);
  if (!sound) throw new ManifestError(`line ${number} of the manifest is not {path, size, sha256}`);
  return { path, size, sha256 };
}

function entryPath({ path, pathBase64 }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof path === 'string') return Buffer.from(path, 'utf8').toString('latin1');
  if (typeof pathBase64 === 'string') return Buffer.from(pathBase64, 'base64').toString('latin1');
  return undefined;
}

function jsonFields(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
