import { join } from 'node:path';
import { assertNever } from '../../core/assert.js';
import { type LogEvent, readLog } from './logReader.js';

/**
 * Whether the write-ahead logs hold all that was acknowledged (R12). LevelDB does not ask: it skips what is damaged, and
 * with it whole batches, or the rest of the log.
 *
 * All writes go through one queue, one synced batch at a time. So a batch that follows anything bad, in the same log or a
 * later one, says that what is bad had been synced: that is *damage*. Bad bytes with no batch behind them are a *torn*
 * last batch, cut off by a crash before it was acknowledged. Limit: a last batch that was acknowledged and rotted
 * afterwards looks the same. Nodes that had heard of it notice that the directory's sequence has gone back.
 *
 * Batches carry consecutive sequence numbers, which says more: a batch missing without a trace is damage as well, and
 * bytes found behind a fault count as a batch only with a number that can be due there. A client's value that looks like a
 * log, in a batch that is torn so that its header is lost and its middle is not, would need to guess that number.
 */

export type LogVerdict =
  | { readonly status: 'sound' }
  | { readonly status: 'torn'; readonly what: string }
  | { readonly status: 'damaged'; readonly what: string };

/** What the manifest knows about the sequence numbers of the first live log. */
export interface SequenceBounds {
  /** All that is in a live log comes after this one. */
  readonly after: number;
  /** The first live log begins at this one plus 1, or before it. */
  readonly upTo: number;
}

interface Fault {
  readonly file: string;
  readonly offset: number;
  readonly what: string;
}

interface Chain {
  readonly bounds: SequenceBounds;
  file: string;
  /** Sequence number of the batch that comes next; unknown before the first. */
  next: number | undefined;
  /** Operations of the batch that has begun and not ended. */
  openCount: number;
  /** The first thing that is bad. */
  fault: Fault | undefined;
}

const HEAD_BYTES = 12;
/** Of an operation in a batch: its tag, the length of its key, and a key. */
const OPERATION_BYTES_MIN = 3;

/** Checks the live logs, given in the order of their numbers. Rejects with the system's error where one cannot be read. */
export async function checkLogs(
  directory: string,
  files: readonly string[],
  bounds: SequenceBounds,
): Promise<LogVerdict> {
  const chain: Chain = { bounds, file: '', next: undefined, openCount: 0, fault: undefined };
  const isDue = (head: Uint8Array, offset: number): boolean => isDueAt(chain, head, offset);
  for (const file of files) {
    chain.file = file;
    chain.openCount = 0;
    for await (const events of readLog(join(directory, file), { keepBytes: HEAD_BYTES, isDue })) {
      for (const event of events) {
        const damage = follow(chain, event);
        if (damage !== undefined) return { status: 'damaged', what: damage };
      }
    }
  }
  return chain.fault ? { status: 'torn', what: describe(chain.fault) } : { status: 'sound' };
}

/** Takes up one event; says what is damaged where that is certain now. */
function follow(chain: Chain, event: LogEvent): string | undefined {
  const { file } = chain;
  switch (event.type) {
    case 'fault':
      chain.fault ??= { file, offset: event.offset, what: event.what };
      return undefined;
    case 'begun':
      return onBegun(chain, event.head, event.offset);
    case 'ended':
      if (event.record.length < HEAD_BYTES) return undefined;
      chain.next = sequenceOf(event.record) + countOf(event.record);
      chain.openCount = 0;
      return undefined;
    default:
      return assertNever(event);
  }
}

function onBegun(chain: Chain, head: Uint8Array, offset: number): string | undefined {
  const { bounds, fault, file, next } = chain;
  // Whatever its number: LevelDB would take it up, and leave out what is due before it.
  if (fault) return `${describe(fault)}, and a later batch follows in ${file} at ${offset}`;
  if (head.length < HEAD_BYTES) {
    chain.fault = { file, offset, what: 'a record is too short for a batch' };
    return undefined;
  }
  const sequence = sequenceOf(head);
  const isNext =
    next === undefined ? sequence > bounds.after && sequence <= bounds.upTo + 1 : sequence === next;
  if (!isNext) {
    const due = next === undefined ? `at most ${bounds.upTo + 1}` : String(next);
    return `${file} at ${offset}: a batch has number ${sequence}, where ${due} is due`;
  }
  chain.next = sequence;
  chain.openCount = countOf(head);
  return undefined;
}

/** Between the fault and `offset` there is room for so many operations only. */
function isDueAt({ bounds, fault, file, next, openCount }: Chain, head: Uint8Array, offset: number): boolean {
  if (head.length < HEAD_BYTES) return false;
  const sequence = sequenceOf(head);
  const lowest = next ?? bounds.after + 1;
  if (fault?.file !== file) return sequence >= lowest && Number.isSafeInteger(sequence);
  const highest = (next ?? bounds.upTo + 1) + openCount + (offset - fault.offset) / OPERATION_BYTES_MIN;
  return sequence >= lowest && sequence <= highest;
}

function sequenceOf(head: Uint8Array): number {
  const view = viewOf(head);
  return view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
}

function countOf(head: Uint8Array): number {
  return viewOf(head).getUint32(8, true);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function describe({ file, offset, what }: Fault): string {
  return `${file} at ${offset}: ${what}`;
}
