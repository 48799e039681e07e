import type { Effect } from '../core/protocol/events.js';
import type { StorageChange } from '../ports/storage.js';

/** What a change of a record is to the storage. */
export function changeOf(effect: Extract<Effect, { type: 'store' | 'drop' }>): StorageChange {
  if (effect.type === 'drop') return { type: 'drop', key: effect.key };
  const { key, record, counter, mends } = effect;
  return { type: 'record', key, record, counter, ...(mends && { mends }) };
}
