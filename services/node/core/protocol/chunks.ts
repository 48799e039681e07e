import { MESSAGE_BYTES_MAX } from './codec.js';

/**
 * A message too large for a batch travels in numbered chunks and is put together again at its destination. Chunks may
 * come in any order and twice. What is unfinished is bounded in bytes, in number and in age, so that a sender that stops
 * halfway, or lies, costs a known amount of memory for a known time (I14). Nothing is reserved for chunks not yet seen.
 */

/** Bytes in every chunk but the last. */
export const CHUNK_BYTES = 64 * 1024;
const CHUNKS_MAX = Math.ceil(MESSAGE_BYTES_MAX / CHUNK_BYTES);

export interface Chunk {
  /** Names the message among those of one source; never used again by it. */
  readonly transferId: number;
  readonly index: number;
  /** Number of chunks of the message. */
  readonly count: number;
  /** What was left of the message's deadline when this chunk was sent. */
  readonly remainingMs: number;
  readonly bytes: Uint8Array;
}

export interface ReassemblerLimits {
  readonly bytesMax: number;
  /** Unfinished transfers at one time. */
  readonly transfersMax: number;
  /** A transfer that is not finished this long after its first chunk is dropped. */
  readonly ageMsMax: number;
}

export type Reassembly =
  | { readonly status: 'complete'; readonly bytes: Uint8Array; readonly remainingMs: number }
  | { readonly status: 'waiting' }
  /** A chunk of a message that was finished, refused or dropped before. */
  | { readonly status: 'ignored' }
  /** The message is given up: over a bound, or its chunks contradict each other. */
  | { readonly status: 'refused' };

export interface Reassembler {
  /** `source` names the connection or the sender's life that the transfer ids belong to; `nowMs` never goes back. */
  accept(source: string, chunk: Chunk, nowMs: number): Reassembly;
  /** Drops what is unfinished or remembered of a source that is gone. */
  forget(source: string): void;
  /** Drops what is too old and gives the number of unfinished transfers dropped. */
  expire(nowMs: number): number;
  sizes(): { readonly transfers: number; readonly bytes: number };
}

type Parts = (Uint8Array | undefined)[];

interface Transfer {
  readonly source: string;
  readonly startedMs: number;
  /** null once the message was delivered or given up: kept so that stragglers do not start it again. */
  parts: Parts | null;
  missing: number;
  bytes: number;
  remainingMs: number;
}

interface Pool {
  readonly limits: ReassemblerLimits;
  /** In order of their start, as a Map keeps the order of insertion. */
  readonly transfers: Map<string, Transfer>;
  unfinished: number;
  bytes: number;
}

/** Finished and refused transfers are remembered too, up to this many for each that may be unfinished. */
const REMEMBERED_PER_TRANSFER = 8;

function chunkCount(message: Uint8Array): number {
  return Math.max(1, Math.ceil(message.length / CHUNK_BYTES));
}

/** One chunk of an encoded message; shares its memory. */
export function chunkOf(message: Uint8Array, transferId: number, index: number, remainingMs: number): Chunk {
  const bytes = message.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
  return { transferId, index, count: chunkCount(message), remainingMs, bytes };
}

export function createReassembler(limits: ReassemblerLimits): Reassembler {
  const pool: Pool = { limits, transfers: new Map(), unfinished: 0, bytes: 0 };
  return {
    accept: (source, chunk, nowMs) => accept(pool, source, chunk, nowMs),
    forget: (source) => {
      for (const [id, transfer] of pool.transfers) {
        if (transfer.source === source) drop(pool, id, transfer);
      }
    },
    expire: (nowMs) => expire(pool, nowMs),
    sizes: () => ({ transfers: pool.unfinished, bytes: pool.bytes }),
  };
}

function accept(pool: Pool, source: string, chunk: Chunk, nowMs: number): Reassembly {
  if (!isSound(chunk)) return { status: 'refused' };
  const id = `${chunk.transferId} ${source}`;
  const transfer = pool.transfers.get(id) ?? start(pool, id, source, chunk, nowMs);
  if (!transfer.parts) return { status: 'ignored' };
  if (transfer.parts.length !== chunk.count || isFull(pool, chunk)) {
    close(pool, transfer);
    return { status: 'refused' };
  }
  return add(pool, transfer, transfer.parts, chunk);
}

function isFull({ limits, unfinished, bytes }: Pool, chunk: Chunk): boolean {
  return unfinished > limits.transfersMax || bytes + chunk.bytes.length > limits.bytesMax;
}

function start(pool: Pool, id: string, source: string, chunk: Chunk, nowMs: number): Transfer {
  const { count, remainingMs } = chunk;
  const parts = new Array<Uint8Array | undefined>(count);
  const transfer: Transfer = { source, startedMs: nowMs, parts, missing: count, bytes: 0, remainingMs };
  if (pool.transfers.size >= REMEMBERED_PER_TRANSFER * pool.limits.transfersMax) forgetOldestClosed(pool);
  pool.transfers.set(id, transfer);
  pool.unfinished++;
  return transfer;
}

function add(pool: Pool, transfer: Transfer, parts: Parts, chunk: Chunk): Reassembly {
  if (parts[chunk.index]) return { status: 'waiting' };
  parts[chunk.index] = chunk.bytes;
  transfer.missing--;
  transfer.bytes += chunk.bytes.length;
  pool.bytes += chunk.bytes.length;
  transfer.remainingMs = Math.min(transfer.remainingMs, chunk.remainingMs);
  if (transfer.missing > 0) return { status: 'waiting' };
  const bytes = join(parts, transfer.bytes);
  close(pool, transfer);
  return { status: 'complete', bytes, remainingMs: transfer.remainingMs };
}

function close(pool: Pool, transfer: Transfer): void {
  if (!transfer.parts) return;
  transfer.parts = null;
  pool.unfinished--;
  pool.bytes -= transfer.bytes;
}

function drop(pool: Pool, id: string, transfer: Transfer): void {
  close(pool, transfer);
  pool.transfers.delete(id);
}

function forgetOldestClosed(pool: Pool): void {
  for (const [id, transfer] of pool.transfers) {
    if (transfer.parts) continue;
    pool.transfers.delete(id);
    return;
  }
}

function expire(pool: Pool, nowMs: number): number {
  let dropped = 0;
  for (const [id, transfer] of pool.transfers) {
    if (nowMs - transfer.startedMs < pool.limits.ageMsMax) break;
    if (transfer.parts) dropped++;
    drop(pool, id, transfer);
  }
  return dropped;
}

/** Whether the chunk's number and length fit what a sender would cut. */
export function isSound(chunk: Chunk): boolean {
  if (chunk.count < 1 || chunk.count > CHUNKS_MAX || chunk.index >= chunk.count) return false;
  const { length } = chunk.bytes;
  return chunk.index < chunk.count - 1 ? length === CHUNK_BYTES : length >= 1 && length <= CHUNK_BYTES;
}

function join(parts: Parts, bytes: number): Uint8Array {
  if (parts.length === 1 && parts[0]) return parts[0];
  const whole = new Uint8Array(bytes);
  let offset = 0;
  for (const part of parts) {
    if (!part) continue;
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
