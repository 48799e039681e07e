import type { ScanPage } from '../../core/protocol/events.js';
import type { Key } from '../../core/types.js';
import type { RecordScan } from '../../ports/storage.js';
import type { Log } from '../../ports/telemetry.js';
import type { Database, Entry } from './database.js';
import { asError } from './errors.js';
import { keyOf, type KeyLayout, type Range } from './keys.js';
import { checked, type Quarantine } from './quarantine.js';

export interface RecordScanParts {
  readonly layout: KeyLayout;
  readonly quarantine: Quarantine;
  readonly log: Log;
  readonly onDamage: (key: Key) => void;
}

/** Reads a range of records page by page, as of the call; one chunk ahead, so that the last page is known for what it is. */
export function recordScan(database: Database, range: Range, parts: RecordScanParts): RecordScan {
  const stream = database.entries(range.gte, range.lt);
  const damagedBefore: ReadonlySet<Key> = new Set(parts.quarantine.keys());
  const read = (): Promise<readonly Entry[]> => {
    const chunk = stream.next();
    // It may fail while nobody waits for it yet, or any more.
    chunk.catch(() => undefined);
    return chunk;
  };
  let ahead = read();
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    stream.close().catch(() => undefined);
  };
  const nextPage = async (): Promise<ScanPage | undefined> => {
    try {
      const entries = closed ? [] : await ahead;
      if (entries.length > 0 && !closed) ahead = read();
      const following = entries.length > 0 && !closed ? await ahead : [];
      return closed ? undefined : pageOf(entries, following.length === 0, range, { ...parts, damagedBefore });
    } catch (error) {
      if (!closed) parts.log.log('error', 'records could not be scanned', { error: asError(error).message });
      close();
      return undefined;
    }
  };
  return { next: (done) => void nextPage().then(done), close };
}

interface View extends RecordScanParts {
  /** What lies beside their damage in this view is not sound, though they may have been mended since. */
  readonly damagedBefore: ReadonlySet<Key>;
}

/** Records that were found damaged earlier lie elsewhere: the last page names all of the range. */
function pageOf(entries: readonly Entry[], isLast: boolean, range: Range, view: View): ScanPage {
  const { quarantine, layout, onDamage, damagedBefore } = view;
  const sound: ScanPage['entries'][number][] = [];
  for (const [stored, raw] of entries) {
    const key = keyOf(stored);
    const found = checked(stored, raw);
    if (found.status === 'damaged') onDamage(key);
    else if (!damagedBefore.has(key) && !quarantine.has(key)) sound.push({ key, record: found.record });
  }
  const damaged = isLast ? quarantine.keys().filter((key) => isWithin(layout.objectKey(key), range)) : [];
  return { entries: sound, damaged, isLast };
}

function isWithin(stored: Uint8Array, { gte, lt }: Range): boolean {
  return Buffer.compare(stored, gte) >= 0 && Buffer.compare(stored, lt) < 0;
}
