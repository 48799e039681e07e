import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { ValueId } from './log.js';

/**
 * What is written: the id, a bar, and filler that follows from id and length, so that a value that was damaged, cut
 * short or mixed up on its way is recognised as one that nobody sent.
 */
export function encodeValue(id: ValueId, sizeBytes: number): Buffer {
  const unit = `${id}|`;
  const length = Math.max(sizeBytes, unit.length);
  return Buffer.from(unit.repeat(Math.ceil(length / unit.length)).slice(0, length));
}

/** A size below `sizeBytesMax` that follows from the id, so that a repeated request carries the same bytes. */
export function sizeOfValue(id: ValueId, sizeBytesMax: number): number {
  return crc32(id) % sizeBytesMax;
}

/** The id of a value that {@link encodeValue} made; for any other bytes a name that no write has. */
export function decodeValue(bytes: Buffer): ValueId {
  const text = bytes.toString('latin1');
  const id = text.slice(0, Math.max(0, text.indexOf('|')));
  if (id !== '' && encodeValue(id, bytes.length).equals(bytes)) return id;
  return `?${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
}

/** The key's name as it stands in the log. */
export function keyName(run: string, index: number): string {
  return `${run}-${String(index)}`;
}

/** The key as it stands in a URL. */
export function keyInPath(name: string): string {
  return Buffer.from(name).toString('base64url');
}
