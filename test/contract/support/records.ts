import type { ReadResult } from '../../../services/node/core/protocol/events.js';
import type { Actor, Hint, Key, NodeId, VersionedRecord } from '../../../services/node/core/types.js';
import type { Storage, StorageChange } from '../../../services/node/ports/storage.js';

/** Short ways to speak with a storage in tests. */

const ACTOR = '0123456789abcdef' as Actor;

export const keyOf = (text: string): Key => text as Key;
export const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** A record of one sibling, told apart by its counter. */
export function recordOf(counter: number, value: Uint8Array = bytesOf(`value ${counter}`)): VersionedRecord {
  const dot = { actor: ACTOR, counter };
  return {
    clock: [{ ...dot, timestamp: 1_700_000_000_000 + counter }],
    siblings: [{ dot, value }],
    marks: [],
  };
}

export function read(storage: Storage, key: Key): Promise<ReadResult> {
  return new Promise((resolve) => storage.read(key, resolve));
}

export const hintOf = (target: string, key: string, order: number): Hint => {
  return { target: target as NodeId, key: keyOf(key), order };
};

/** Rejects where the change fails, and throws where it is answered twice. */
export function change(storage: Storage, wanted: StorageChange): Promise<void> {
  let answers = 0;
  return new Promise((resolve, reject) => {
    storage.write(wanted, (error) => {
      if (++answers > 1) throw new Error('a change was answered twice');
      if (error) reject(error);
      else resolve();
    });
  });
}

/** All in one turn of the event loop. */
export async function changeAll(storage: Storage, wanted: readonly StorageChange[]): Promise<void> {
  await Promise.all(wanted.map((one) => change(storage, one)));
}

export function write(
  storage: Storage,
  key: Key,
  record: VersionedRecord,
  counter = record.clock[0]?.counter ?? 0,
): Promise<void> {
  return change(storage, { type: 'record', key, record, counter });
}

/** Writes each key's own bytes under counters from `from` + 1 on, all at once. */
export async function writeAll(storage: Storage, keys: readonly Key[], from = 0): Promise<void> {
  await Promise.all(keys.map((key, i) => write(storage, key, recordOf(from + i + 1, bytesOf(key)))));
}

export async function scanned(storage: Storage): Promise<{ key: Key; record: VersionedRecord }[]> {
  const found: { key: Key; record: VersionedRecord }[] = [];
  for await (const entry of storage.scan()) found.push(entry);
  return found;
}

/** Lets the event loop turn so many times. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
