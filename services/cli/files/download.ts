import type { ReadOptions, StoreClient } from '../http/client.js';
import {
  chunkKey,
  chunkLength,
  decodeFileRecord,
  NotAFile,
  type FileHeader,
  type FileRecord,
} from './header.js';
import { sha256Hex } from './local.js';
import { decodeManifest, ManifestError, type ManifestEntry } from './manifest.js';
import { manifestKey } from './paths.js';
import { inOrder, range, type Slots } from './slots.js';
import { stopIfAsked } from './upload.js';

/** Reading files back from the store. */

export interface DownloadJob {
  readonly store: StoreClient;
  readonly slots: Slots;
  readonly read: ReadOptions;
  readonly signal: AbortSignal;
}

/** The store's copy of a file cannot be used. */
export class StoredFault extends Error {
  override readonly name = 'StoredFault';
  readonly kind: 'missing' | 'damaged';

  constructor(kind: 'missing' | 'damaged', message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Chunks of one file under way at once. */
const CHUNKS_AHEAD = 4;
const MANIFEST_BYTES_MAX = 256 * 1024 * 1024;

/** The header and first chunk of the file under `key`; rejects with {@link StoredFault} or CliError. */
export async function readFileRecord(job: DownloadJob, key: Buffer): Promise<FileRecord> {
  const bytes = await readOne(job, key, 'the file');
  try {
    return decodeFileRecord(bytes);
  } catch (error) {
    if (error instanceof NotAFile) throw new StoredFault('damaged', error.message);
    throw error;
  }
}

/** All chunks of a file in order; the caller checks the whole's hash. */
export async function* fileChunks(
  job: DownloadJob,
  key: Buffer,
  { header, firstChunk }: FileRecord,
): AsyncGenerator<Buffer> {
  yield firstChunk;
  yield* inOrder(range(1, header.furtherChunks), CHUNKS_AHEAD, (index) => readChunk(job, key, header, index));
}

/** The files of the last finished import under this prefix; null where there is no manifest. */
export async function readManifest(job: DownloadJob, prefix: string): Promise<ManifestEntry[] | null> {
  const key = manifestKey(prefix);
  const record = await recordOrNull(job, key);
  if (!record) return null;
  if (record.header.size > MANIFEST_BYTES_MAX) throw new StoredFault('damaged', 'the manifest is too large');
  const chunks: Buffer[] = [];
  for await (const chunk of fileChunks(job, key, record)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (sha256Hex(bytes) !== record.header.sha256) throw new StoredFault('damaged', 'its SHA-256 is wrong');
  try {
    return decodeManifest(bytes);
  } catch (error) {
    if (error instanceof ManifestError) throw new StoredFault('damaged', error.message);
    throw error;
  }
}

async function recordOrNull(job: DownloadJob, key: Buffer): Promise<FileRecord | null> {
  try {
    return await readFileRecord(job, key);
  } catch (error) {
    if (error instanceof StoredFault && error.kind === 'missing') return null;
    throw error;
  }
}

async function readChunk(job: DownloadJob, key: Buffer, header: FileHeader, index: number): Promise<Buffer> {
  const name = `chunk ${index} of ${header.furtherChunks}`;
  const bytes = await readOne(job, chunkKey(key, header.sha256, index), name);
  if (bytes.length !== chunkLength(header, index))
    throw new StoredFault('damaged', `${name} has a wrong length`);
  return bytes;
}

/** Siblings that hold the same bytes are one value. */
function readOne({ store, slots, read, signal }: DownloadJob, key: Buffer, name: string): Promise<Buffer> {
  return slots.run(async () => {
    stopIfAsked(signal);
    const found = await store.get(key, read);
    if (found.status === 'missing') throw new StoredFault('missing', `${name} is not in the store`);
    const [first, ...others] = found.values;
    if (first && others.every((other) => other.equals(first))) return first;
    throw new StoredFault('damaged', `${name} has ${found.values.length} siblings; import it again`);
  });
}
