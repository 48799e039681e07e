import { describe, expect, it } from '@jest/globals';
import type { ReadResult } from '../../../services/node/core/protocol/events.js';
import { Outbox } from '../../../services/node/core/protocol/outbox.js';
import { ReapChecks } from '../../../services/node/core/repair/reapChecks.js';
import type { Key } from '../../../services/node/core/types.js';
import { hashRecord } from '../../../services/node/core/versioning/recordHash.js';
import { recordOf, tombstoneOf } from './clusterSupport.js';

const GRACE_MS = 1000;
const KEY = 'k' as Key;
const TOMBSTONE = tombstoneOf(5000);
const found = (record: typeof TOMBSTONE): ReadResult => ({ status: 'found', record });

interface Here {
  readonly holds: boolean;
  readonly isComplete: boolean;
  readonly isBusy: boolean;
  readonly wallMs: number;
}
const SOUND: Here = { holds: true, isComplete: true, isBusy: false, wallMs: 6000 };
const ELSEWHERE: Here = { ...SOUND, holds: false };

function checking(here: Here) {
  const outbox = new Outbox();
  outbox.begin({ monotonicMs: 0, wallMs: here.wallMs });
  const checks = new ReapChecks({
    ...{ graceMs: GRACE_MS, outbox },
    holds: () => here.holds,
    isComplete: () => here.isComplete,
    isBusy: () => here.isBusy,
    reap: () => undefined,
  });
  return { checks, outbox };
}

function answer(here: Here, result: ReadResult): readonly number[] | undefined {
  const { checks } = checking(here);
  let agreed: readonly number[] | undefined;
  checks.check([{ what: 'tombstone', key: KEY, hash: hashRecord(KEY, TOMBSTONE) }], (indexes) => {
    agreed = indexes;
  });
  checks.onLoaded(1, 0, result);
  return agreed;
}

describe('what a node says to the reaping of a tombstone (R13)', () => {
  it.each<[string, Here, ReadResult, boolean]>([
    ['a replica has that very tombstone', SOUND, found(TOMBSTONE), true],
    ['a replica has nothing', SOUND, { status: 'missing' }, true],
    ['another node has nothing', ELSEWHERE, { status: 'missing' }, true],
    [
      'another node, not complete, has nothing',
      { ...ELSEWHERE, isComplete: false },
      { status: 'missing' },
      true,
    ],
    ['it has not expired by the clock here', { ...SOUND, wallMs: 5999 }, found(TOMBSTONE), false],
    ['a replica has another record', SOUND, found(recordOf('x')), false],
    ['a replica has another tombstone', SOUND, found(tombstoneOf(4999)), false],
    ['the record is damaged', SOUND, { status: 'damaged' }, false],
    ['that tombstone lies beside damage', SOUND, { status: 'damaged', record: TOMBSTONE }, false],
    ['the disk cannot tell', SOUND, { status: 'failed' }, false],
    ['a replica is not complete', { ...SOUND, isComplete: false }, found(TOMBSTONE), false],
    ['a replica with nothing is not complete', { ...SOUND, isComplete: false }, { status: 'missing' }, false],
    ['it is being written, or owed to a node', { ...SOUND, isBusy: true }, found(TOMBSTONE), false],
    ['nothing is here, but it is being written', { ...SOUND, isBusy: true }, { status: 'missing' }, false],
    ['another node owes it', { ...ELSEWHERE, isBusy: true }, { status: 'missing' }, false],
    ['another node has a copy of it', ELSEWHERE, found(TOMBSTONE), false],
    ['another node cannot tell', ELSEWHERE, { status: 'failed' }, false],
  ])('where %s', (_, here, result, agrees) => {
    expect(answer(here, result)).toEqual(agrees ? [0] : []);
  });

  it('is said when all that was asked for is loaded, in whatever order, and once', () => {
    const { checks, outbox } = checking(SOUND);
    const told: (readonly number[])[] = [];
    const items = ['a', 'b', 'c'].map((key) => ({
      what: 'tombstone' as const,
      key: key as Key,
      hash: hashRecord(key as Key, TOMBSTONE),
    }));
    checks.check(items, (agreed) => void told.push(agreed));
    expect(outbox.take().map((effect) => effect.type)).toEqual(['load', 'load', 'load']);
    checks.onLoaded(1, 2, found(TOMBSTONE));
    checks.onLoaded(1, 0, { status: 'missing' });
    expect(told).toEqual([]);
    checks.onLoaded(1, 1, { status: 'failed' });
    checks.onLoaded(1, 1, found(TOMBSTONE));
    expect([told, checks.size]).toEqual([[[0, 2]], 0]);
  });

  it('is nothing where nothing or too much is asked (I14)', () => {
    const { checks, outbox } = checking(SOUND);
    const told: (readonly number[])[] = [];
    const ask = (count: number) => {
      const items = Array.from({ length: count }, (_, i) => ({
        what: 'tombstone' as const,
        key: `k${i}` as Key,
        hash: 1,
      }));
      checks.check(items, (agreed) => void told.push(agreed));
    };
    ask(0);
    expect(told).toEqual([[]]);
    ask(1000);
    expect(outbox.take()).toHaveLength(128);
    for (let more = 0; more < 64; more++) ask(1);
    expect([told, checks.size]).toEqual([[[], []], 64]);
  });
});
