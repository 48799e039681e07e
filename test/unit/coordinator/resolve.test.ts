import { describe, expect, it } from '@jest/globals';
import {
  type ClientWrite,
  coversOnly,
  resolveWrite,
} from '../../../services/node/core/coordinator/resolve.js';
import { type Actor, type Clock, LIMITS, type VersionedRecord } from '../../../services/node/core/types.js';
import { applyWrite, EMPTY_RECORD, mergeRecords } from '../../../services/node/core/versioning/record.js';

const ME = 'me' as Actor;
const MINTED = { actor: ME, counter: 1000, timestamp: 99 };

const clockOf = (counters: Readonly<Record<string, number>>, timestamp = 1): Clock =>
  Object.entries(counters).map(([actor, counter]) => ({ actor: actor as Actor, counter, timestamp }));

/** A record of one write, made in knowledge of `context`. */
function written(
  actor: string,
  counter: number,
  value: string,
  more: Partial<ClientWrite> = {},
): VersionedRecord {
  const entry = { actor: actor as Actor, counter, timestamp: 1 };
  return applyWrite(EMPTY_RECORD, { context: [], ...more, entry, value: new TextEncoder().encode(value) });
}

/** Resolves a write of "new" and counts the mints. */
function resolve(record: VersionedRecord, write: Partial<ClientWrite>) {
  let mints = 0;
  const value = new TextEncoder().encode('new');
  const resolution = resolveWrite(record, { value, context: [], onConflict: 'refuse', ...write }, () => {
    mints++;
    return MINTED;
  });
  return { resolution, mints, values: 'record' in resolution ? valuesOf(resolution.record) : undefined };
}

function valuesOf(record: VersionedRecord): readonly string[] {
  return record.siblings.map(({ value }) => new TextDecoder().decode(value)).sort();
}

const ONE = written('a', 5, 'one');
const NEXT = written('a', 7, 'next', { context: ONE.clock });
const DELETED = written('a', 7, '', { context: ONE.clock });
const TWO = mergeRecords(ONE, written('b', 3, 'two'));

describe('what a write means against the newest record (I5)', () => {
  it.each<[string, VersionedRecord, Partial<ClientWrite>, readonly string[]]>([
    ['knows nothing, and there is nothing', EMPTY_RECORD, {}, ['new']],
    ['knows something, and there is nothing here', EMPTY_RECORD, { context: ONE.clock }, ['new']],
    ['knows exactly what there is', ONE, { context: ONE.clock }, ['new']],
    ['knows more than there is', ONE, { context: NEXT.clock }, ['new']],
    ['knows all siblings', TWO, { context: TWO.clock }, ['new']],
    ['is concurrent', ONE, { context: clockOf({ b: 1 }) }, ['new', 'one']],
    [
      'is concurrent, and a sibling is wanted',
      ONE,
      { context: clockOf({ b: 1 }), onConflict: 'sibling' },
      ['new', 'one'],
    ],
    [
      'knows one of two siblings, and something else',
      TWO,
      { context: clockOf({ a: 5, c: 1 }) },
      ['new', 'two'],
    ],
    [
      'is stale, and a sibling is wanted',
      NEXT,
      { context: ONE.clock, onConflict: 'sibling' },
      ['new', 'next'],
    ],
    ['knows nothing, and a sibling is wanted', ONE, { onConflict: 'sibling' }, ['new', 'one']],
    [
      'knows one of two siblings, and a sibling is wanted',
      TWO,
      { context: ONE.clock, onConflict: 'sibling' },
      ['new', 'two'],
    ],
    ['knows nothing, over a tombstone', DELETED, {}, ['new']],
    ['knows nothing, over a tombstone, and a sibling is wanted', DELETED, { onConflict: 'sibling' }, ['new']],
    ['knows nothing, over two tombstones', mergeRecords(DELETED, written('b', 3, '')), {}, ['new']],
  ])('is minted where it %s', (_, record, write, values) => {
    const result = resolve(record, write);
    expect(result).toMatchObject({
      resolution: { type: 'minted', dot: { actor: ME, counter: 1000 } },
      values,
      mints: 1,
    });
  });

  it.each<[string, VersionedRecord, Partial<ClientWrite>]>([
    ['knows nothing, and there is a value', ONE, {}],
    ['knows less', NEXT, { context: ONE.clock }],
    ['knows one of two siblings', TWO, { context: ONE.clock }],
    ['knows less than a tombstone', DELETED, { context: ONE.clock }],
    ['knows nothing, over a tombstone beside a value', mergeRecords(DELETED, written('b', 3, 'two')), {}],
  ])('is stale, and mints nothing, where it %s', (_, record, write) => {
    expect(resolve(record, write)).toMatchObject({ resolution: { type: 'stale' }, mints: 0 });
  });

  it('takes the clock of a tombstone, so that the new record descends it', () => {
    const { resolution } = resolve(DELETED, {});
    expect(resolution).toMatchObject({ record: { clock: [...clockOf({ a: 7 }, MINTED.timestamp), MINTED] } });
    if (resolution.type === 'minted')
      expect(mergeRecords(resolution.record, DELETED)).toBe(resolution.record);
  });

  it('keeps what its context knows in the clock, though nothing of it is here', () => {
    const { resolution } = resolve(ONE, { context: clockOf({ a: 5, b: 9 }) });
    expect(resolution).toMatchObject({
      record: { clock: [...clockOf({ a: 5, b: 9 }, MINTED.timestamp), MINTED] },
    });
  });
});

describe('a write whose requestId is known', () => {
  const first = written('a', 5, 'one', { requestId: 'r' });

  it('is a repeat: the record itself, with the dot of the first, and nothing minted', () => {
    const { resolution, mints } = resolve(first, { requestId: 'r' });
    expect(resolution).toEqual({ type: 'repeat', record: first, dot: { actor: 'a', counter: 5 } });
    expect(resolution.type === 'repeat' && resolution.record).toBe(first);
    expect(mints).toBe(0);
  });

  it('is a repeat beside other siblings, and where it was overwritten since', () => {
    const beside = mergeRecords(first, written('b', 1, 'two'));
    const overwritten = applyWrite(first, {
      entry: { actor: 'b' as Actor, counter: 1, timestamp: 1 },
      context: first.clock,
      value: new Uint8Array([1]),
    });
    for (const record of [beside, overwritten]) {
      expect(resolve(record, { requestId: 'r' })).toMatchObject({
        resolution: { type: 'repeat', dot: { actor: 'a', counter: 5 } },
        mints: 0,
      });
    }
  });

  it.each([{ requestId: 'other' }, {}])('is none with another or no requestId: %j', (write) => {
    expect(resolve(first, write).resolution.type).toBe('stale');
  });
});

describe('the bounds of a record (I14)', () => {
  const siblings = (count: number) =>
    Array.from({ length: count }, (_, i) => written(`x${String(i).padStart(3, '0')}`, 1, 'x')).reduce(
      mergeRecords,
    );
  const large = (size: number) => written('a', 1, 'x'.repeat(size));

  it('refuse one sibling too many, and not the last that is allowed', () => {
    const concurrent = { context: clockOf({ zz: 1 }) };
    expect(resolve(siblings(LIMITS.siblingsMax - 1), concurrent).resolution.type).toBe('minted');
    expect(resolve(siblings(LIMITS.siblingsMax), concurrent).resolution).toMatchObject({
      type: 'refused',
      error: { code: 'too_many_siblings', outcome: 'none' },
    });
  });

  it('never refuse the write that cleans up', () => {
    const record = siblings(LIMITS.siblingsMax + 50);
    expect(resolve(record, { context: record.clock })).toMatchObject({ values: ['new'] });
  });

  it('refuse what would make the record too large, and not what replaces a large value', () => {
    const record = large(LIMITS.recordBytesMax - 200);
    const value = new Uint8Array(LIMITS.recordBytesMax / 2);
    const concurrent = { value, context: clockOf({ b: 1 }) };
    expect(resolve(record, concurrent).resolution).toMatchObject({
      type: 'refused',
      error: { code: 'record_too_large', outcome: 'none' },
    });
    expect(resolve(record, { value, context: record.clock }).resolution.type).toBe('minted');
  });
});

describe('coversOnly (I3)', () => {
  const dot = { actor: 'a' as Actor, counter: 5 };

  it.each<[string, VersionedRecord, boolean]>([
    ['the write alone', ONE, true],
    ['the write beside another', TWO, false],
    ['another write that replaced it', NEXT, false],
    ['nothing', EMPTY_RECORD, false],
  ])('where the record holds %s', (_, record, expected) => {
    expect(coversOnly(record, dot)).toBe(expected);
  });
});
