/**
 * How a file lies in the store. The record under the file's key is a header with the first chunk behind it; what
 * follows lies in chunks of their own, whose keys name the whole file's SHA-256, so that two versions of a file never
 * mix. An empty file is a header only: an empty value would be a delete.
 *
 *     magic "RONF" | format u8 = 1 | size u64 | sha256 of the file | bytes of a chunk u32 | further chunks u32 | bytes
 *
 * Integers are big-endian.
 */

export interface FileHeader {
  /** Bytes of the whole file. */
  readonly size: number;
  /** SHA-256 of the whole file, in hex. */
  readonly sha256: string;
  /** Bytes of every chunk but the last. */
  readonly chunkBytes: number;
  /** Chunks besides the first. */
  readonly furtherChunks: number;
}

export interface FileRecord {
  readonly header: FileHeader;
  /** Shares memory with the record. */
  readonly firstChunk: Buffer;
}

/** The bytes are no file record; the message says why. */
export class NotAFile extends Error {
  override readonly name = 'NotAFile';
}

const MAGIC = 'RONF';
const FORMAT = 1;
const HEADER_BYTES = 4 + 1 + 8 + 32 + 4 + 4;
/** A file of more chunks than this was never written by `rondo import`: 1 TiB at 256 KiB. */
const FURTHER_CHUNKS_MAX = 4 * 1024 * 1024;

/** A file's header as it must be for its size. */
export function headerFor(size: number, sha256: string, chunkBytes: number): FileHeader {
  return { size, sha256, chunkBytes, furtherChunks: Math.max(0, Math.ceil(size / chunkBytes) - 1) };
}

export function encodeFileRecord({ header, firstChunk }: FileRecord): Buffer {
  const out = Buffer.allocUnsafe(HEADER_BYTES + firstChunk.length);
  out.write(MAGIC, 0, 'latin1');
  out.writeUInt8(FORMAT, 4);
  out.writeBigUInt64BE(BigInt(header.size), 5);
  out.write(header.sha256, 13, 'hex');
  out.writeUInt32BE(header.chunkBytes, 45);
  out.writeUInt32BE(header.furtherChunks, 49);
  firstChunk.copy(out, HEADER_BYTES);
  return out;
}

/** Throws {@link NotAFile}; what it returns is consistent in itself. */
export function decodeFileRecord(bytes: Buffer): FileRecord {
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, 4) !== MAGIC) {
    throw new NotAFile('it was not written by rondo import');
  }
  const format = bytes.readUInt8(4);
  if (format !== FORMAT) throw new NotAFile(`it has format ${format}, which this rondo does not know`);
  const size = Number(bytes.readBigUInt64BE(5));
  const header = headerFor(size, bytes.toString('hex', 13, 45), bytes.readUInt32BE(45));
  const firstChunk = bytes.subarray(HEADER_BYTES);
  const sound =
    Number.isSafeInteger(size) &&
    header.chunkBytes > 0 &&
    header.furtherChunks <= FURTHER_CHUNKS_MAX &&
    header.furtherChunks === bytes.readUInt32BE(49) &&
    firstChunk.length === Math.min(size, header.chunkBytes);
  if (!sound) throw new NotAFile('its header contradicts itself');
  return { header, firstChunk };
}

/** Bytes of chunk `index`, where 0 is the one in the header's record. */
export function chunkLength(header: FileHeader, index: number): number {
  return Math.min(header.chunkBytes, header.size - index * header.chunkBytes);
}

/** Key of chunk `index` (from 1). No path holds a NUL, so that chunks never meet files. */
export function chunkKey(fileKey: Buffer, sha256: string, index: number): Buffer {
  return Buffer.concat([fileKey, Buffer.from(`\0${sha256}/${index}`, 'latin1')]);
}
