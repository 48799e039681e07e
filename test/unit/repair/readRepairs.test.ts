import { describe, expect, it } from '@jest/globals';
import type { Effect } from '../../../services/node/core/protocol/events.js';
import { Outbox } from '../../../services/node/core/protocol/outbox.js';
import { ReadRepairs } from '../../../services/node/core/repair/readRepairs.js';
import type { Key, NodeId } from '../../../services/node/core/types.js';
import { B, C, recordOf, TIMEOUT_MS } from './support.js';

const SELF = 'n1' as NodeId;
const KEY = 'k' as Key;

function createRepairs(repairsMax = 10) {
  const outbox = new Outbox();
  const merged: Key[] = [];
  let lastNumber = 0;
  const repairs = new ReadRepairs({
    ...{ self: SELF, repairsMax, timeoutMs: TIMEOUT_MS, outbox },
    sinceOf: () => 1,
    nextNumber: () => ++lastNumber,
    mergeHere: (key) => void merged.push(key),
  });
  return {
    repairs,
    merged,
    start: (behind: readonly NodeId[], monotonicMs = 0): readonly Effect[] => {
      outbox.begin({ monotonicMs, wallMs: 0 });
      repairs.start(KEY, recordOf(1), behind);
      return outbox.take();
    },
  };
}

const factsOf = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => (effect.type === 'observe' ? [effect.fact] : []));

describe('read repair', () => {
  it('sends the record to each node that is behind, as a write like any other, on the bulk lane', () => {
    const { start, repairs } = createRepairs();
    const writes = start([B, C]).filter(({ type }) => type === 'send');
    const message = { type: 'write', key: KEY, since: 1, record: recordOf(1) };
    expect(writes).toEqual([
      { type: 'send', to: B, message: { ...message, request: 1 }, remainingMs: TIMEOUT_MS, bulk: true },
      { type: 'send', to: C, message: { ...message, request: 2 }, remainingMs: TIMEOUT_MS, bulk: true },
    ]);
    expect(repairs.size).toBe(2);
  });

  it('merges into the record of this node without a message', () => {
    const { start, repairs, merged } = createRepairs();
    expect(factsOf(start([SELF]))).toEqual(['readRepaired']);
    expect([merged, repairs.size]).toEqual([[KEY], 0]);
  });

  it('is left out over the bound, and goes on as others end (I14)', () => {
    const { start, repairs } = createRepairs(1);
    expect(factsOf(start([B, C]))).toEqual(['readRepaired', 'readRepairSkipped']);
    expect(factsOf(start([B]))).toEqual(['readRepairSkipped']);
    repairs.end(1);
    expect(factsOf(start([B]))).toEqual(['readRepaired']);
    expect(repairs.size).toBe(1);
  });

  it('is forgotten at its deadline, where nobody answers (I11)', () => {
    const { start, repairs } = createRepairs();
    start([B]);
    start([C], 10);
    repairs.expire(TIMEOUT_MS - 1);
    expect(repairs.size).toBe(2);
    repairs.expire(TIMEOUT_MS);
    expect(repairs.size).toBe(1);
    repairs.expire(TIMEOUT_MS + 10);
    expect(repairs.size).toBe(0);
  });

  it('ends once, whatever else is answered', () => {
    const { start, repairs } = createRepairs();
    start([B]);
    for (const request of [7, 1, 1]) repairs.end(request);
    expect(repairs.size).toBe(0);
  });
});
