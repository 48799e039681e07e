import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Actor, type Clock, LIMITS, type VersionedRecord } from '../../../services/node/core/types.js';
import { covers } from '../../../services/node/core/versioning/clock.js';
import {
  applyWrite,
  EMPTY_RECORD,
  isTombstone,
  mergeRecords,
  recordBytes,
  sameRecord,
  visibleValues,
} from '../../../services/node/core/versioning/record.js';
import { decodeRecord, encodeRecord } from '../../../services/node/core/versioning/recordCodec.js';
import { type History, history, nameOf, type State, survivorsOf } from './history.js';

const ACTOR = 'a' as Actor;

/** Several states of one history, as replicas in different places have them. */
const states = (count: number) =>
  history.chain((past) =>
    fc
      .array(fc.nat(past.states.length - 1), { minLength: count, maxLength: count })
      .map((chosen) => ({ past, chosen: chosen.map((i) => past.states[i]!) })),
  );

function siblingNames(record: VersionedRecord): readonly string[] {
  return record.siblings.map(({ dot }) => nameOf(dot)).sort();
}

function expectAsOracle(past: History, { record, known }: State): void {
  expect(siblingNames(record)).toEqual(survivorsOf(past, known));
  for (const [name] of past.pasts) {
    const dot = { actor: name.slice(0, 1) as Actor, counter: Number(name.slice(1)) };
    expect(covers(record.clock, dot)).toBe(known.has(name));
  }
}

function write(record: VersionedRecord, counter: number, more: { requestId?: string; timestamp?: number }) {
  const { timestamp = counter, ...rest } = more;
  const entry = { actor: ACTOR, counter, timestamp };
  return applyWrite(record, { entry, context: [], value: new Uint8Array([counter]), ...rest });
}

describe('mergeRecords (I6)', () => {
  it('is commutative', () => {
    fc.assert(
      fc.property(states(2), ({ chosen: [a, b] }) => {
        expect(mergeRecords(a!.record, b!.record)).toEqual(mergeRecords(b!.record, a!.record));
      }),
    );
  });

  it('is associative', () => {
    fc.assert(
      fc.property(states(3), ({ chosen }) => {
        const [a, b, c] = chosen.map(({ record }) => record);
        const left = mergeRecords(mergeRecords(a!, b!), c!);
        expect(mergeRecords(a!, mergeRecords(b!, c!))).toEqual(left);
      }),
    );
  });

  it('is idempotent, and returns its first argument itself where the second adds nothing', () => {
    fc.assert(
      fc.property(states(2), ({ chosen: [a, b] }) => {
        const merged = mergeRecords(a!.record, b!.record);
        expect(mergeRecords(merged, a!.record)).toBe(merged);
        expect(mergeRecords(merged, b!.record)).toBe(merged);
        const copy = decodeRecord(encodeRecord(merged));
        expect(mergeRecords(merged, copy)).toBe(merged);
      }),
    );
  });

  it('keeps exactly the writes that nobody has overwritten, and knows exactly those that either side knew (I3)', () => {
    fc.assert(
      fc.property(states(3), ({ past, chosen }) => {
        for (const state of chosen) expectAsOracle(past, state);
        const merged = chosen.reduce((a, b) => ({
          record: mergeRecords(a.record, b.record),
          known: new Set([...a.known, ...b.known]),
        }));
        expectAsOracle(past, merged);
      }),
    );
  });

  it('leaves clock and siblings sorted and each dot within the clock, as the codec demands', () => {
    fc.assert(
      fc.property(states(2), ({ chosen: [a, b] }) => {
        const merged = mergeRecords(a!.record, b!.record);
        expect(decodeRecord(encodeRecord(merged))).toEqual(merged);
      }),
    );
  });

  it('never trims a clock', () => {
    const records = Array.from({ length: 50 }, (_, i) => {
      const entry = { actor: `actor${i}` as Actor, counter: 1, timestamp: i };
      return applyWrite(EMPTY_RECORD, { entry, context: [], value: new Uint8Array([i]) });
    });
    const merged = records.reduce(mergeRecords);
    expect([merged.clock.length, merged.siblings.length]).toEqual([50, 50]);
  });
});

describe('request marks', () => {
  it('are the newest of both sides, in whichever order these are merged', () => {
    const records = Array.from({ length: 40 }, (_, i) => {
      const entry = { actor: `actor${i}` as Actor, counter: 1, timestamp: (i * 17) % 40 };
      return applyWrite(EMPTY_RECORD, { entry, context: [], value: new Uint8Array(), requestId: `r${i}` });
    });
    const forwards = records.reduce(mergeRecords);
    const backwards = [...records].reverse().reduce((a, b) => mergeRecords(b, a));
    expect(forwards.marks.map(({ timestamp }) => timestamp)).toEqual(
      Array.from({ length: LIMITS.requestMarksMax }, (_, i) => 39 - i),
    );
    expect(backwards.marks).toEqual(forwards.marks);
  });

  it('keep the last request, however far its wall clock is behind those of the others', () => {
    let record = EMPTY_RECORD;
    for (let i = 1; i <= 20; i++)
      record = write(record, i, { requestId: `ahead${i}`, timestamp: 1_000_000 + i });
    for (const counter of [21, 22]) {
      record = write(record, counter, { requestId: `behind${counter}`, timestamp: 5 });
      expect(record.marks[0]).toMatchObject({
        requestId: `behind${counter}`,
        dot: { actor: ACTOR, counter },
      });
    }
    expect(record.marks).toHaveLength(LIMITS.requestMarksMax);
    expect(record.clock).toEqual([{ actor: ACTOR, counter: 22, timestamp: 5 }]);
  });
});

describe('visibleValues', () => {
  const twice = mergeRecords(
    write(EMPTY_RECORD, 1, { requestId: 'r' }),
    applyWrite(EMPTY_RECORD, {
      entry: { actor: 'b' as Actor, counter: 1, timestamp: 2 },
      context: [],
      value: new Uint8Array([1]),
      requestId: 'r',
    }),
  );

  it('leaves out tombstones', () => {
    const entry = { actor: 'b' as Actor, counter: 1, timestamp: 1 };
    const record = applyWrite(write(EMPTY_RECORD, 1, {}), { entry, context: [], value: new Uint8Array() });
    expect(record.siblings).toHaveLength(2);
    expect(visibleValues(record)).toEqual([new Uint8Array([1])]);
  });

  it('shows a request once that was minted twice', () => {
    expect(twice.siblings).toHaveLength(2);
    expect(visibleValues(twice)).toEqual([new Uint8Array([1])]);
  });

  it.each(['a', 'b'])('does not show it any more where the one by %s was overwritten', (actor) => {
    const entry = { actor: 'c' as Actor, counter: 1, timestamp: 3 };
    const context = [{ actor: actor as Actor, counter: 1, timestamp: 1 }];
    const record = applyWrite(twice, { entry, context, value: new Uint8Array([2]) });
    expect(record.siblings).toHaveLength(2);
    expect(visibleValues(record)).toEqual([new Uint8Array([2])]);
  });

  it('shows equal values of different requests, and of none, each for itself', () => {
    const value = new Uint8Array([9]);
    const record = (['a', 'b', 'c', 'd'] as Actor[])
      .map((actor, i) => {
        const entry = { actor, counter: 1, timestamp: 1 };
        return applyWrite(EMPTY_RECORD, { entry, context: [], value, ...(i < 2 && { requestId: `r${i}` }) });
      })
      .reduce(mergeRecords);
    expect(visibleValues(record)).toEqual([value, value, value, value]);
  });
});

describe('records', () => {
  it.each([
    ['nothing', EMPTY_RECORD, false],
    ['a value', write(EMPTY_RECORD, 1, {}), false],
  ])('%s is no tombstone', (_, record, expected) => {
    expect(isTombstone(record)).toBe(expected);
  });

  it('are tombstones where nothing but deletes remain', () => {
    const [a, b] = ['a', 'b'].map((actor) => {
      const entry = { actor: actor as Actor, counter: 1, timestamp: 1 };
      return applyWrite(EMPTY_RECORD, { entry, context: [], value: new Uint8Array() });
    });
    expect(isTombstone(mergeRecords(a!, b!))).toBe(true);
    expect(isTombstone(mergeRecords(a!, write(EMPTY_RECORD, 2, {})))).toBe(false);
  });

  it('differ where clock, siblings or marks do', () => {
    const record = write(EMPTY_RECORD, 1, { requestId: 'r' });
    expect(sameRecord(record, decodeRecord(encodeRecord(record)))).toBe(true);
    for (const part of ['clock', 'siblings', 'marks']) {
      expect(sameRecord(record, { ...record, [part]: [] })).toBe(false);
    }
  });

  it('are measured with their values and something for the rest', () => {
    const record = write(EMPTY_RECORD, 1, {});
    const larger = { ...record, siblings: [{ ...record.siblings[0]!, value: new Uint8Array(1000) }] };
    expect(recordBytes(larger) - recordBytes(record)).toBe(999);
    expect(recordBytes(record)).toBeGreaterThan(1);
  });
});

describe('the time of a clock entry (R14)', () => {
  const entry = (actor: string, counter: number, timestamp: number) => ({
    actor: actor as Actor,
    counter,
    timestamp,
  });
  const after = (record: VersionedRecord, context: Clock, write = entry('b', 1, 90)) =>
    applyWrite(record, { entry: write, context, value: new Uint8Array([1]) }).clock;
  const [a5, c6] = [entry('a', 2, 5), entry('c', 1, 6)];
  const two = mergeRecords(
    applyWrite(EMPTY_RECORD, { entry: a5, context: [], value: new Uint8Array([1]) }),
    applyWrite(EMPTY_RECORD, { entry: c6, context: [], value: new Uint8Array([1]) }),
  );

  it('is that at which its value was overwritten, and of one that stays that of its write', () => {
    expect(after(two, [a5])).toEqual([entry('a', 2, 90), entry('b', 1, 90), c6]);
    expect(after(two, [])).toEqual([a5, entry('b', 1, 90), c6]);
  });

  it('is the same also where the value that is overwritten has not come here yet', () => {
    expect(after(EMPTY_RECORD, [a5])).toEqual([entry('a', 2, 90), entry('b', 1, 90)]);
    expect(after(two, [entry('a', 3, 5)])).toEqual([entry('a', 3, 90), entry('b', 1, 90), c6]);
  });

  it('changes no more once the value is overwritten, and never goes back', () => {
    const over = applyWrite(two, { entry: entry('b', 1, 90), context: [a5], value: new Uint8Array([1]) });
    expect(after(over, over.clock, entry('d', 1, 200))[0]).toEqual(entry('a', 2, 90));
    expect(after(two, [a5], entry('b', 1, 2))).toEqual([a5, entry('b', 1, 2), c6]);
  });
});
