import { open } from 'node:fs/promises';
import { crc32c, storedCrc } from './crc32c.js';

/**
 * Reads LevelDB's log format, of which its write-ahead logs and its manifests are made: blocks of 32 KiB, in each of them
 * pieces with a header of masked CRC-32C, length u16 and type; a record is one FULL piece or FIRST, MIDDLE…, LAST.
 *
 * LevelDB's own reader goes on with the next block where a piece is bad, and takes a piece that reaches over the end of the
 * file for the end of the log. Damage of one length can so hide all that follows in its block, which may be the only one.
 * This reader therefore looks on, byte by byte, for a piece that begins a record which may be due there and whose checksum
 * holds. It judges nothing: callers get what it meets, in the order of the file.
 */

export type LogEvent =
  /** A record has begun: all its first bytes are known that `isDue` wants. */
  | { readonly type: 'begun'; readonly head: Uint8Array; readonly offset: number }
  | { readonly type: 'ended'; readonly record: Uint8Array; readonly offset: number }
  | { readonly type: 'fault'; readonly what: string; readonly offset: number };

export interface LogReaderOptions {
  /** How many bytes of a record are kept for `ended`. */
  readonly keepBytes: number;
  /** Whether a record that begins with `head` can be one that was written there, behind a fault. */
  isDue(head: Uint8Array, offset: number): boolean;
}

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
/** Sequence number u64 and count u32 of a batch. */
const HEAD_BYTES = 12;
const FULL = 1;
const FIRST = 2;
const LAST = 4;
const READ_BYTES = 32 * BLOCK_BYTES;

interface Piece {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** The record that is being put together. */
interface Begun {
  readonly offset: number;
  readonly parts: Uint8Array[];
  keptBytes: number;
  told: boolean;
}

interface State {
  readonly options: LogReaderOptions;
  begun: Begun | undefined;
  blockOffset: number;
}

/** Events of a file, block by block, so that memory stays flat whatever its size. Rejects with the system's error. */
export async function* readLog(path: string, options: LogReaderOptions): AsyncGenerator<Iterable<LogEvent>> {
  const state: State = { options, begun: undefined, blockOffset: 0 };
  for await (const block of blocksOf(path)) {
    yield blockEvents(state, block);
    state.blockOffset += block.length;
  }
  if (state.begun) yield [{ type: 'fault', what: 'it ends within a record', offset: state.begun.offset }];
}

/** Blocks share memory with each other; only the last may be short. */
async function* blocksOf(path: string): AsyncGenerator<Uint8Array> {
  const handle = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let filled = READ_BYTES; filled === READ_BYTES;) {
      filled = 0;
      for (let bytesRead = 1; bytesRead > 0 && filled < READ_BYTES; filled += bytesRead) {
        ({ bytesRead } = await handle.read(buffer, filled, READ_BYTES - filled));
      }
      for (let at = 0; at < filled; at += BLOCK_BYTES) {
        yield buffer.subarray(at, Math.min(at + BLOCK_BYTES, filled));
      }
    }
  } finally {
    await handle.close();
  }
}

function* blockEvents(state: State, block: Uint8Array): Generator<LogEvent> {
  let at = 0;
  while (block.length - at >= HEADER_BYTES) {
    const piece = pieceAt(block, at);
    if (typeof piece !== 'string') {
      yield* pieceEvents(state, piece, state.blockOffset + at);
      at += HEADER_BYTES + piece.payload.length;
      continue;
    }
    state.begun = undefined;
    yield { type: 'fault', what: piece, offset: state.blockOffset + at };
    const next = nextDue(state, block, at + 1);
    if (next === undefined) return;
    at = next;
  }
  // Up to six bytes at the end of a full block belong to nothing.
  if (block.length < BLOCK_BYTES && at < block.length) {
    yield { type: 'fault', what: 'it ends within a header', offset: state.blockOffset + at };
  }
}

/** The piece whose header is at `at`, or what is wrong with it. */
function pieceAt(block: Uint8Array, at: number): Piece | string {
  const type = block[at + 6] ?? 0;
  const end = endOf(block, at);
  if (end > block.length) {
    return block.length < BLOCK_BYTES ? 'it ends within a record' : 'a length is wrong';
  }
  if (type === 0 && end === at + HEADER_BYTES) return 'zeros stand in place of a record';
  if (crc32c(block, at + 6, end) !== storedCrc(block, at)) return 'a checksum does not match';
  if (type === 0 || type > LAST) return `a record has the unknown type ${type}`;
  return { type, payload: block.subarray(at + HEADER_BYTES, end) };
}

function endOf(block: Uint8Array, at: number): number {
  return at + HEADER_BYTES + (block[at + 4] ?? 0) + (block[at + 5] ?? 0) * 0x100;
}

/**
 * Where the next record begins that may be due, in the rest of a block whose boundaries are lost. The cheap conditions
 * come first, so that the checksum is worked out for next to no place but the right one.
 */
function nextDue({ options, blockOffset }: State, block: Uint8Array, from: number): number | undefined {
  for (let at = from; block.length - at >= HEADER_BYTES; at++) {
    const type = block[at + 6];
    if (type !== FULL && type !== FIRST) continue;
    const end = endOf(block, at);
    // What is cut into pieces fills its block.
    if (end > block.length || (type === FIRST && end !== BLOCK_BYTES)) continue;
    const head = block.subarray(at + HEADER_BYTES, end);
    // A head that goes on in the next block is judged there.
    const isShort = type === FIRST && head.length < HEAD_BYTES;
    if (!isShort && !options.isDue(head, blockOffset + at)) continue;
    if (typeof pieceAt(block, at) !== 'string') return at;
  }
  return undefined;
}

function* pieceEvents(state: State, { type, payload }: Piece, offset: number): Generator<LogEvent> {
  const begins = type === FULL || type === FIRST;
  if (begins && state.begun) {
    yield { type: 'fault', what: 'a record has no end', offset: state.begun.offset };
  }
  if (!begins && !state.begun) {
    yield { type: 'fault', what: 'a record has no beginning', offset };
    return;
  }
  const begun: Begun =
    !begins && state.begun ? state.begun : { offset, parts: [], keptBytes: 0, told: false };
  const kept = payload.subarray(0, Math.max(0, state.options.keepBytes - begun.keptBytes));
  // Blocks share memory with later ones.
  if (kept.length > 0) begun.parts.push(new Uint8Array(kept));
  begun.keptBytes += kept.length;
  const ends = type === FULL || type === LAST;
  state.begun = ends ? undefined : begun;
  if (!begun.told && (ends || begun.keptBytes >= HEAD_BYTES)) {
    begun.told = true;
    yield { type: 'begun', head: joined(begun.parts), offset: begun.offset };
  }
  if (ends) yield { type: 'ended', record: joined(begun.parts), offset: begun.offset };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
}
