import type { ReadResult } from '../../../services/node/core/protocol/events.js';
import type { Waiter } from '../../../services/node/core/replica/cell.js';
import { Cells } from '../../../services/node/core/replica/cells.js';
import type { Actor, Key, NodeId, VersionedRecord } from '../../../services/node/core/types.js';
import {
  applyWrite,
  EMPTY_RECORD,
  mergeRecords,
  sameRecord,
} from '../../../services/node/core/versioning/record.js';

export const KEY = 'k' as Key;
export const OTHER = 'other' as Key;

export function recordOf(actor: string, size = 1): VersionedRecord {
  const entry = { actor: actor as Actor, counter: 1, timestamp: 1 };
  return applyWrite(EMPTY_RECORD, { entry, context: [], value: new Uint8Array(size) });
}

export function peer(request: number): Waiter {
  return { for: 'peer', node: 'n2' as NodeId, request, deadlineMs: 0 };
}

export const found = (record: VersionedRecord): ReadResult => ({ status: 'found', record });

export const same = (record: VersionedRecord) => (held: VersionedRecord) => sameRecord(held, record);

/** What is durable of a sound key, before and after; or what else whoever compares replicas has to know. */
export type Change =
  [VersionedRecord | undefined, VersionedRecord | undefined] | 'doubt' | 'damaged' | 'mended';

/**
 * Cells whose port writes down what it is asked for. A mint adds a sibling of the actor `m<request>`; the requests in
 * `refused` leave the record be, those in `waiting` only wait for it.
 */
export function createCells({
  refused = [] as number[],
  waiting = [] as number[],
  owed = [] as Key[],
  bytesMax = 1e6,
} = {}) {
  const log: string[] = [];
  const stores: VersionedRecord[] = [];
  const changes: Change[] = [];
  const cells = new Cells(
    {
      load: (key) => void log.push(`load ${key}`),
      store: (key, record, mends) => {
        log.push(
          `${mends ? 'mend' : 'store'} ${key} ${record.siblings.map(({ dot }) => dot.actor).join(' ')}`,
        );
        return stores.push(record);
      },
      drop: (key) => {
        log.push(`drop ${key}`);
        return stores.push(EMPTY_RECORD);
      },
      mayDrop: (key) => !owed.includes(key),
      resolve: (request, record) => {
        log.push(
          `resolve ${request} on ${record.siblings.map(({ dot }) => dot.actor).join(' ') || 'nothing'}`,
        );
        if (refused.includes(request)) return undefined;
        return waiting.includes(request) ? record : mergeRecords(record, recordOf(`m${request}`));
      },
      unsound: (request) => void log.push(`unsound ${request}`),
      settled: (waiter, how) => {
        const who = waiter.for === 'repair' ? 'repair' : waiter.request;
        log.push(`${who} ${how === 'refused' ? 'failed' : how}`);
      },
      changed: (_key, before, after) => void changes.push([before, after]),
      doubted: () => void changes.push('doubt'),
      damaged: () => void changes.push('damaged'),
      mended: () => void changes.push('mended'),
    },
    bytesMax,
  );
  return { cells, log, take: () => log.splice(0), stores, changes };
}
