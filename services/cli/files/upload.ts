import { createHash } from 'node:crypto';
import { CliError, EXIT } from '../failure.js';
import type { StoreClient, WriteOptions } from '../http/client.js';
import {
  chunkKey,
  decodeFileRecord,
  encodeFileRecord,
  headerFor,
  NotAFile,
  type FileHeader,
} from './header.js';
import { changed, LocalFault, sha256Hex, type Source } from './local.js';
import { forEachConcurrent, range, type Slots } from './slots.js';

/**
 * Bringing a file into the store: chunks first, then the header, so that a header never names a chunk that is not there;
 * chunks of the version that it replaces go last. Doing it again is harmless and skips what is already there.
 */

/** 256 KiB: between 64 KiB and 1 MiB no size was clearly faster, and 32 of these under way are little memory. */
export const CHUNK_BYTES = 256 * 1024;

/** Chunks of one file under way at once; all files together stay within the job's slots. */
const CHUNKS_AT_ONCE = 8;

/** How often a key is read and written again before it counts as contended. */
const ROUNDS_MAX = 8;

export interface UploadJob {
  readonly store: StoreClient;
  readonly slots: Slots;
  readonly write: WriteOptions;
  /** Stops before the next request; what is under way ends in order. */
  readonly signal: AbortSignal;
  readonly chunkBytes: number;
  onBytes(bytes: number): void;
}

export interface Uploaded {
  /** `present`: header and every chunk were already there, byte for byte. */
  readonly how: 'written' | 'replaced' | 'present';
  readonly size: number;
  readonly sha256: string;
  readonly oldChunksDeleted: number;
}

/** What a key held before; `values` are those that had to give way. */
interface Placed {
  readonly how: Uploaded['how'];
  readonly replaced: readonly Buffer[];
}

interface Digest {
  readonly sha256: string;
  readonly firstChunk: Buffer;
  /** SHA-256 of each further chunk, from chunk 1. */
  readonly chunks: readonly string[];
}

/** Stores the source under `key`. Rejects with LocalFault, an fs error or {@link CliError}. */
export async function uploadFile(job: UploadJob, key: Buffer, source: Source): Promise<Uploaded> {
  const { sha256, firstChunk, chunks } = await job.slots.run(() => digest(job, source));
  const header = headerFor(source.size, sha256, job.chunkBytes);
  const chunksWritten = await uploadChunks(job, key, source, header, chunks);
  const record = encodeFileRecord({ header, firstChunk });
  const placed = await job.slots.run(() => place(job, key, record));
  job.onBytes(firstChunk.length);
  const oldChunksDeleted = await dropReplaced(job, key, sha256, placed.replaced);
  const how = placed.how === 'present' && chunksWritten > 0 ? 'replaced' : placed.how;
  return { how, size: source.size, sha256, oldChunksDeleted };
}

/** The error of a job that was told to stop. */
export function stopIfAsked(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new CliError({ code: 'stopped', exit: EXIT.unavailable, message: 'stopped before the end' });
}

/**
 * A first pass over the whole file: its hash is part of the chunks' keys. The second pass checks every chunk against this
 * one before it is sent, or a file that changes meanwhile would spoil chunks of a version that others read.
 */
async function digest(job: UploadJob, source: Source): Promise<Digest> {
  const { chunkBytes, signal } = job;
  stopIfAsked(signal);
  const firstChunk = await source.read(0, Math.min(source.size, chunkBytes));
  if (source.size <= chunkBytes) {
    await source.assertUnchanged();
    return { sha256: sha256Hex(firstChunk), firstChunk, chunks: [] };
  }
  const whole = createHash('sha256').update(firstChunk);
  const chunks: string[] = [];
  for (let at = chunkBytes; at < source.size; at += chunkBytes) {
    stopIfAsked(signal);
    const chunk = await source.read(at, Math.min(chunkBytes, source.size - at));
    whole.update(chunk);
    chunks.push(sha256Hex(chunk));
  }
  return { sha256: whole.digest('hex'), firstChunk, chunks };
}

/** Gives how many chunks were not there yet. */
async function uploadChunks(
  job: UploadJob,
  key: Buffer,
  source: Source,
  { sha256, furtherChunks }: FileHeader,
  digests: readonly string[],
): Promise<number> {
  const created: number[] = [];
  let rewritten = 0;
  async function upload(index: number): Promise<void> {
    stopIfAsked(job.signal);
    const at = index * job.chunkBytes;
    const chunk = await source.read(at, Math.min(job.chunkBytes, source.size - at));
    if (sha256Hex(chunk) !== digests[index - 1]) throw changed();
    const { how } = await place(job, chunkKey(key, sha256, index), chunk);
    if (how === 'written') created.push(index);
    else if (how === 'replaced') rewritten++;
    job.onBytes(chunk.length);
  }
  try {
    await forEachConcurrent(range(1, furtherChunks), CHUNKS_AT_ONCE, (i) => job.slots.run(() => upload(i)));
    if (furtherChunks > 0) await source.assertUnchanged();
  } catch (error) {
    if (error instanceof LocalFault) await dropChunks(job, key, sha256, created);
    throw error;
  }
  return created.length + rewritten;
}

/**
 * Makes `key` hold exactly `value`: write as if nothing were there; where something is, read it and either leave it,
 * being equal, or replace it, siblings included, with the version that was read.
 */
async function place({ store, write }: UploadJob, key: Buffer, value: Buffer): Promise<Placed> {
  let fromVersion = '';
  let replaced: readonly Buffer[] = [];
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const how = replaced.length === 0 ? 'written' : 'replaced';
    const written = await store.put(key, value, fromVersion, write);
    if (written.status === 'stored' && written.version !== null) return { how, replaced };
    const found = await store.get(key, { quorum: write.quorum });
    const values = found.status === 'found' ? found.values : [];
    if (values.length === 1 && values[0]?.equals(value))
      return { how: round === 0 ? 'present' : how, replaced };
    fromVersion = found.version;
    replaced = [...replaced, ...values.filter((other) => !other.equals(value))];
  }
  throw new CliError({
    code: 'contended',
    exit: EXIT.conflict,
    message: 'somebody else keeps writing the same key',
    hint: 'Let one import run at a time',
  });
}

/** Deletes the further chunks of the versions that gave way. */
async function dropReplaced(
  job: UploadJob,
  key: Buffer,
  sha256: string,
  replaced: readonly Buffer[],
): Promise<number> {
  const old = new Map(replaced.flatMap((value) => headerOf(value)).map((header) => [header.sha256, header]));
  old.delete(sha256);
  let dropped = 0;
  for (const header of old.values()) {
    for (let first = 1; first <= header.furtherChunks; first += CHUNKS_AT_ONCE) {
      const last = Math.min(header.furtherChunks, first + CHUNKS_AT_ONCE - 1);
      const now = await dropChunks(job, key, header.sha256, range(first, last));
      // Nothing left: also the end where a hostile header claims millions of chunks.
      if (now === 0) break;
      dropped += now;
    }
  }
  return dropped;
}

async function dropChunks(
  { slots, store, write }: UploadJob,
  key: Buffer,
  sha256: string,
  indexes: Iterable<number>,
): Promise<number> {
  let dropped = 0;
  async function drop(index: number): Promise<void> {
    const chunk = chunkKey(key, sha256, index);
    const found = await store.get(chunk, { quorum: write.quorum });
    if (found.status === 'missing') return;
    const written = await store.put(chunk, Buffer.alloc(0), found.version, write);
    if (written.status === 'stored') dropped++;
  }
  await forEachConcurrent(indexes, CHUNKS_AT_ONCE, (index) => slots.run(() => drop(index)));
  return dropped;
}

function headerOf(value: Buffer): FileHeader[] {
  try {
    return [decodeFileRecord(value).header];
  } catch (error) {
    if (error instanceof NotAFile) return [];
    throw error;
  }
}
