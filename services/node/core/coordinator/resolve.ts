import { requestError, type RequestError } from '../errors.js';
import type { OnConflict } from '../protocol/messages.js';
import type { Clock, ClockEntry, Dot, VersionedRecord } from '../types.js';
import { LIMITS } from '../types.js';
import { compareClocks, compareDots } from '../versioning/clock.js';
import { applyWrite, isTombstone, recordBytes } from '../versioning/record.js';

/** A client's write, its version already decoded. */
export interface ClientWrite {
  readonly value: Uint8Array;
  readonly context: Clock;
  readonly onConflict: OnConflict;
  readonly requestId?: string;
}

export type Resolution =
  | { readonly type: 'minted'; readonly record: VersionedRecord; readonly dot: Dot }
  /** The requestId is known: the record stands as it is, and only has to reach its quorum. */
  | { readonly type: 'repeat'; readonly record: VersionedRecord; readonly dot: Dot }
  | { readonly type: 'stale' }
  | { readonly type: 'refused'; readonly error: RequestError };

/**
 * Decides what a write means against the newest record here (I5): a write that knows strictly less is stale; one that
 * knows all or more replaces; one that is concurrent, or stale and told to, becomes a sibling. Knowing nothing is enough
 * over a tombstone, so that a delete looks the same before and after it is reaped. `mint` is called at most once; a dot
 * of a write that is then refused for its size is never used again.
 */
export function resolveWrite(
  record: VersionedRecord,
  write: ClientWrite,
  mint: () => ClockEntry,
): Resolution {
  const repeated = record.marks.find((mark) => mark.requestId === write.requestId);
  if (repeated) return { type: 'repeat', record, dot: repeated.dot };
  const context = write.context.length === 0 && isTombstone(record) ? record.clock : write.context;
  if (write.onConflict === 'refuse' && compareClocks(context, record.clock) === 'older')
    return { type: 'stale' };
  const entry = mint();
  const next = applyWrite(record, { ...write, context, entry });
  const error = overBounds(next);
  return error ? { type: 'refused', error } : { type: 'minted', record: next, dot: entry };
}

/** What the client of a durable write is told; a version only where it covers nothing but that write (I3). */
export function coversOnly(record: VersionedRecord, dot: Dot): boolean {
  const [only, ...others] = record.siblings;
  return only !== undefined && others.length === 0 && compareDots(only.dot, dot) === 0;
}

/** A client's write must not take a record over its bounds; a merge may, because refusing one would lose data (I14). */
function overBounds(record: VersionedRecord): RequestError | undefined {
  if (record.siblings.length > LIMITS.siblingsMax) return requestError('too_many_siblings');
  if (recordBytes(record) > LIMITS.recordBytesMax) return requestError('record_too_large');
  return undefined;
}
