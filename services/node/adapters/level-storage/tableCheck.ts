import { type FileHandle, open } from 'node:fs/promises';
import { crc32c, storedCrc } from './crc32c.js';
import { uncompressed } from './snappy.js';
import { Varints } from './varints.js';

/**
 * Checks LevelDB's tables: data blocks, filter, metaindex and index one behind the other, each with a type byte and a
 * masked CRC-32C, and a footer that says where metaindex and index are. LevelDB verifies none of these checksums as it is
 * used here: a record would be found damaged by its own, but a damaged filter makes records look missing, and some damage
 * ends the whole process.
 */

interface Extent {
  readonly offset: number;
  /** Without type and checksum. */
  readonly sizeBytes: number;
}

const FOOTER_BYTES = 48;
const MAGIC = Buffer.from('57fb808b247547db', 'hex');
const TRAILER_BYTES = 5;
const SNAPPY = 1;
/** Blocks are some 4 KiB; read one by one they would take ten times as long. */
const RUN_BYTES = 1024 * 1024;

/**
 * What is wrong with the table at `path`, of which the manifest says that it has `sizeBytes`; undefined where nothing is.
 * A thorough check reads all of it, else only what leads to its records: filter, metaindex, index, and end. Rejects with
 * the system's error.
 */
export async function tableDamage(
  path: string,
  sizeBytes: number,
  thorough: boolean,
): Promise<string | undefined> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    if (size < sizeBytes || sizeBytes < FOOTER_BYTES) {
      return `it has ${size} bytes instead of ${sizeBytes}`;
    }
    const footer = await bytesAt(handle, sizeBytes - FOOTER_BYTES, FOOTER_BYTES);
    if (!footer.subarray(-MAGIC.length).equals(MAGIC)) return 'its end is not that of a table';
    return await blockDamage(handle, footer, sizeBytes - FOOTER_BYTES, thorough);
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  } finally {
    await handle.close();
  }
}

/** Throws RangeError where an index makes no sense. */
async function blockDamage(
  handle: FileHandle,
  footer: Buffer,
  end: number,
  thorough: boolean,
): Promise<string | undefined> {
  const input = new Varints(footer);
  const meta = await blockAt(handle, extentOf(input), end);
  const index = await blockAt(handle, extentOf(input), end);
  if (!meta || !index) return 'its index is damaged';
  const named = [...extentsIn(meta), ...(thorough ? extentsIn(index) : [])];
  const extents = named.sort((a, b) => a.offset - b.offset);
  let first = 0;
  while (first < extents.length) {
    const count = runLength(extents, first);
    const bad = await damagedIn(handle, extents.slice(first, first + count), end);
    if (bad) return `the block at ${bad.offset} is damaged`;
    first += count;
  }
  return undefined;
}

/** How many extents from `first` on lie one behind the other and are read at once. */
function runLength(extents: readonly Extent[], first: number): number {
  const start = extents[first]?.offset ?? 0;
  let count = 1;
  for (let next = extents[first + count]; next; next = extents[first + ++count]) {
    const before = extents[first + count - 1];
    if (!before || next.offset !== endOf(before) || endOf(next) - start > RUN_BYTES) break;
  }
  return count;
}

async function damagedIn(
  handle: FileHandle,
  run: readonly Extent[],
  end: number,
): Promise<Extent | undefined> {
  const [first, last] = [run.at(0), run.at(-1)];
  if (!first || !last) return undefined;
  if (endOf(last) > end) return last;
  const bytes = await bytesAt(handle, first.offset, endOf(last) - first.offset);
  return run.find((extent) => !holds(bytes, extent.offset - first.offset, extent.sizeBytes));
}

/** A block with its type, without its checksum; undefined where it is damaged. */
async function blockAt(handle: FileHandle, extent: Extent, end: number): Promise<Uint8Array | undefined> {
  if (endOf(extent) > end) return undefined;
  const { offset, sizeBytes } = extent;
  const bytes = await bytesAt(handle, offset, sizeBytes + TRAILER_BYTES);
  return holds(bytes, 0, sizeBytes) ? bytes.subarray(0, sizeBytes + 1) : undefined;
}

function holds(bytes: Uint8Array, at: number, sizeBytes: number): boolean {
  return crc32c(bytes, at, at + sizeBytes + 1) === storedCrc(bytes, at + sizeBytes + 1);
}

/** The extents that an index block names: entries of (shared, own, value) lengths, key and value; then restart points. */
function extentsIn(block: Uint8Array): Extent[] {
  const stored = block.subarray(0, -1);
  const content = block.at(-1) === SNAPPY ? uncompressed(stored) : stored;
  if (content.length < 4) throw new RangeError('an index is too short');
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const restarts = view.getUint32(content.length - 4, true);
  const input = new Varints(content, 0, content.length - 4 * (restarts + 1));
  const extents: Extent[] = [];
  while (!input.done) {
    const [, own, valueBytes] = [input.next(), input.next(), input.next()];
    input.take(own);
    extents.push(extentOf(new Varints(input.take(valueBytes))));
  }
  return extents;
}

function extentOf(input: Varints): Extent {
  return { offset: input.next(), sizeBytes: input.next() };
}

function endOf({ offset, sizeBytes }: Extent): number {
  return offset + sizeBytes + TRAILER_BYTES;
}

/** Throws RangeError where the file ends before. */
async function bytesAt(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let filled = 0; filled < length;) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) throw new RangeError('it ends too early');
    filled += bytesRead;
  }
  return bytes;
}
