import { assertNever } from '../../core/assert.js';
import type { Actor, Key } from '../../core/types.js';
import type { StorageChange } from '../../ports/storage.js';
import type { QueuedWrite } from './commitQueue.js';
import type { Operation } from './database.js';
import { HEIGHTS_KEY, hintKey, type KeyLayout } from './keys.js';
import { sealHeights, sealHint, sealRecord } from './values.js';

/** Changes on their way to the disk: what each holds until then, and the batch that several of them make. */

interface RecordWrite extends QueuedWrite {
  readonly type: 'record';
  readonly key: Key;
  readonly operation: Operation;
  readonly counter: number;
  readonly mends: boolean;
}

interface RecordDrop extends QueuedWrite {
  readonly type: 'drop';
  readonly key: Key;
  readonly operation: Operation;
}

/** Something kept in a range of its own beside the records. */
interface Aside extends QueuedWrite {
  readonly type: 'aside';
  readonly operation: Operation;
}

interface Renouncement extends QueuedWrite {
  readonly type: 'renounce';
  readonly actor: Actor;
  readonly counter: number;
}

export type PendingChange = RecordWrite | RecordDrop | Aside | Renouncement;

/** Rough cost of a pending change beside its bytes. */
const OVERHEAD_BYTES = 512;

/** Seals a change, so that the caller may go on changing what it handed over. Throws where it cannot be stored. */
export function pendingChange(
  layout: KeyLayout,
  change: StorageChange,
  done: (error?: Error) => void,
): PendingChange {
  switch (change.type) {
    case 'record': {
      const { key, counter, mends = false } = change;
      const objectKey = layout.objectKey(key);
      const operation = put(objectKey, sealRecord(objectKey, change.record));
      return { type: 'record', key, operation, counter, mends, sizeBytes: sizeOf(operation), done };
    }
    case 'drop': {
      const operation = del(layout.objectKey(change.key));
      return { type: 'drop', key: change.key, operation, sizeBytes: sizeOf(operation), done };
    }
    case 'keepHint': {
      const { target, key, order } = change.hint;
      const stored = hintKey(target, key);
      return aside(put(stored, sealHint(stored, order)), done);
    }
    case 'forgetHint':
      return aside(del(hintKey(change.target, change.key)), done);
    case 'keepHeights':
      return aside(put(HEIGHTS_KEY, sealHeights(HEIGHTS_KEY, change.heights)), done);
    case 'renounce': {
      const { actor, counter } = change;
      return { type: 'renounce', actor, counter, sizeBytes: OVERHEAD_BYTES, done };
    }
    default:
      return assertNever(change);
  }
}

export interface Batch {
  /** In the order of acceptance. */
  readonly changes: readonly PendingChange[];
  readonly records: number;
  /** Keys that any change drops or mends, also where a later one writes them anew. */
  readonly sound: readonly Key[];
  readonly operations: readonly Operation[];
}

/** Of the changes of one record only the last is written; the others have effect in their order. */
export function batchOf(changes: readonly PendingChange[]): Batch {
  const ofRecords = new Map<Key, Operation>();
  const asides: Operation[] = [];
  const sound: Key[] = [];
  let records = 0;
  for (const change of changes) {
    if (change.type === 'renounce') continue;
    if (change.type === 'aside') {
      asides.push(change.operation);
      continue;
    }
    ofRecords.set(change.key, change.operation);
    if (change.type === 'record') records++;
    if (change.type === 'drop' || change.mends) sound.push(change.key);
  }
  return { changes, records, sound, operations: [...ofRecords.values(), ...asides] };
}

function aside(operation: Operation, done: (error?: Error) => void): Aside {
  return { type: 'aside', operation, sizeBytes: sizeOf(operation), done };
}

function sizeOf(operation: Operation): number {
  const valueBytes = operation.type === 'put' ? operation.value.length : 0;
  return operation.key.length + valueBytes + OVERHEAD_BYTES;
}

function put(key: Uint8Array, value: Uint8Array): Operation {
  return { type: 'put', key, value };
}

function del(key: Uint8Array): Operation {
  return { type: 'del', key };
}
