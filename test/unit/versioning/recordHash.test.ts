import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Actor, Dot, Key, RecordHash, VersionedRecord } from '../../../services/node/core/types.js';
import { mergeRecords, sameRecord } from '../../../services/node/core/versioning/record.js';
import { decodeRecord, encodeRecord } from '../../../services/node/core/versioning/recordCodec.js';
import { hashList, hashRecord } from '../../../services/node/core/versioning/recordHash.js';
import { history } from './history.js';

const KEY = 'k' as Key;
const GOLDEN = [7526230717259655, 4540530096944186, 82512320861684, 1648280619901939, 5771673384097742];

const actor = fc
  .uint8Array({ minLength: 8, maxLength: 8 })
  .map((bytes) => Buffer.from(bytes).toString('hex') as Actor);
const counter = fc.maxSafeNat();
const dot: fc.Arbitrary<Dot> = fc.record({ actor, counter });
const mark = fc.record({ requestId: fc.string({ maxLength: 64 }), dot, timestamp: counter });
const key = fc
  .uint8Array({ minLength: 1, maxLength: 40 })
  .map((bytes) => Buffer.from(bytes).toString('latin1') as Key);
/** Not only records as histories make them: whatever two of them may differ in. */
const record: fc.Arbitrary<VersionedRecord> = fc.record({
  clock: fc.array(fc.record({ actor, counter, timestamp: counter }), { maxLength: 6 }),
  siblings: fc.array(fc.record({ dot, value: fc.uint8Array({ maxLength: 4 }) }), { maxLength: 6 }),
  marks: fc.array(mark, { maxLength: 4 }),
});

function differing(original: VersionedRecord): readonly [string, VersionedRecord][] {
  const { clock, siblings, marks } = original;
  const other = (name: Dot): Dot => ({ ...name, counter: name.counter === 0 ? 1 : name.counter - 1 });
  const shifted = (at: number) => at ^ 1;
  const changes: [string, VersionedRecord][] = [
    ['an entry more', { ...original, clock: [...clock, { actor: 'z' as Actor, counter: 1, timestamp: 1 }] }],
    [
      'a sibling more',
      {
        ...original,
        siblings: [...siblings, { dot: { actor: 'z' as Actor, counter: 1 }, value: new Uint8Array() }],
      },
    ],
    [
      'a mark more',
      {
        ...original,
        marks: [...marks, { requestId: '', dot: { actor: 'z' as Actor, counter: 1 }, timestamp: 0 }],
      },
    ],
  ];
  clock.forEach((entry, i) => {
    const put = (changed: typeof entry) => ({ ...original, clock: clock.with(i, changed) });
    changes.push(['a counter', put({ ...entry, ...other(entry) })]);
    changes.push(['an actor', put({ ...entry, actor: `${entry.actor}0` as Actor })]);
    changes.push(['a time', put({ ...entry, timestamp: (entry.timestamp % 2 ** 52) + 1 })]);
    changes.push(['an entry less', { ...original, clock: clock.toSpliced(i, 1) }]);
  });
  siblings.forEach((sibling, i) => {
    const changed = { ...sibling, dot: other(sibling.dot) };
    changes.push(['a dot', { ...original, siblings: siblings.with(i, changed) }]);
    changes.push(['a sibling less', { ...original, siblings: siblings.toSpliced(i, 1) }]);
  });
  marks.forEach((one, i) => {
    const put = (changed: typeof one) => ({ ...original, marks: marks.with(i, changed) });
    changes.push(['a request', put({ ...one, requestId: `${one.requestId}!` })]);
    changes.push(['a dot of a mark', put({ ...one, dot: other(one.dot) })]);
    changes.push(['a time of a mark', put({ ...one, timestamp: shifted(one.timestamp % 2 ** 31) })]);
    changes.push(['a mark less', { ...original, marks: marks.toSpliced(i, 1) }]);
  });
  return changes;
}

/** A record as most are: one write of one of a few actors, in the order of time. */
function usual(n: number, actors = 3): VersionedRecord {
  const dot = { actor: `0123456789abcde${n % actors}` as Actor, counter: n };
  return {
    clock: [{ ...dot, timestamp: 1_700_000_000_000 + n }],
    siblings: [{ dot, value: new Uint8Array() }],
    marks: [],
  };
}

const isHash = (hash: RecordHash) => Number.isSafeInteger(hash) && hash > 0;

describe('the hash of a record', () => {
  it('is the same for equal records, whoever made them', () => {
    fc.assert(
      fc.property(key, record, (of, one) => {
        expect(hashRecord(of, structuredClone(one))).toBe(hashRecord(of, one));
      }),
    );
    fc.assert(
      fc.property(key, history, (of, { states }) => {
        const { record: one } = states.at(-1)!;
        expect(hashRecord(of, decodeRecord(encodeRecord(one)))).toBe(hashRecord(of, one));
      }),
    );
  });

  it('is the same wherever the same writes were merged, in whatever order, and only there', () => {
    fc.assert(
      fc.property(history, fc.nat(), fc.nat(), ({ states }, i, j) => {
        const [a, b] = [i, j].map((n) => states[n % states.length]!.record) as [
          VersionedRecord,
          VersionedRecord,
        ];
        expect(hashRecord(KEY, mergeRecords(a, b))).toBe(hashRecord(KEY, mergeRecords(b, a)));
        expect(hashRecord(KEY, a) === hashRecord(KEY, b)).toBe(sameRecord(a, b));
      }),
    );
  });

  it('is another with any difference in clock, dots or marks', () => {
    fc.assert(
      fc.property(key, record, (of, one) => {
        const hash = hashRecord(of, one);
        for (const [what, other] of differing(one)) {
          if (!sameRecord(one, other)) expect([what, hashRecord(of, other)]).not.toEqual([what, hash]);
        }
      }),
    );
  });

  it('is another for another key', () => {
    fc.assert(
      fc.property(key, key, record, (a, b, one) => {
        expect(hashRecord(a, one) === hashRecord(b, one)).toBe(a === b);
      }),
    );
  });

  it('does not read the values: one dot names one value (I4)', () => {
    const withValue = (value: Uint8Array): VersionedRecord => ({
      ...usual(1),
      siblings: usual(1).siblings.map(({ dot }) => ({ dot, value })),
    });
    expect(hashRecord(KEY, withValue(new Uint8Array(9)))).toBe(hashRecord(KEY, withValue(new Uint8Array())));
  });

  it('is a whole number that a double holds, and never 0, which stands for nothing', () => {
    fc.assert(fc.property(key, record, (of, one) => isHash(hashRecord(of, one))));
    fc.assert(fc.property(fc.array(fc.maxSafeNat()), (numbers) => isHash(hashList(numbers))));
  });

  it('is the same in all releases: nodes of different ones compare theirs', () => {
    const marked: VersionedRecord = {
      clock: [
        { actor: '0011223344556677' as Actor, counter: 3, timestamp: 1_700_000_000_000 },
        { actor: 'ffeeddccbbaa9988' as Actor, counter: 2 ** 40 + 1, timestamp: 1_700_000_000_001 },
      ],
      siblings: [{ dot: { actor: '0011223344556677' as Actor, counter: 3 }, value: new Uint8Array(3) }],
      marks: [
        {
          requestId: 'r-é-1',
          dot: { actor: '0011223344556677' as Actor, counter: 3 },
          timestamp: 1_700_000_000_000,
        },
      ],
    };
    const empty: VersionedRecord = { clock: [], siblings: [], marks: [] };
    expect([
      hashRecord('' as Key, empty),
      hashRecord(KEY, usual(1)),
      hashRecord('\x00\xff' as Key, marked),
      hashList([]),
      hashList([0, 1, 2 ** 32 - 1, 2 ** 53 - 1]),
    ]).toEqual(GOLDEN);
  });

  it('is no other than that of records that lie close together, and no bit of it is of one kind', () => {
    const count = 10_000;
    const hashes = new Set<number>();
    const ones = new Array<number>(53).fill(0);
    for (let n = 0; n < count; n++) {
      const hash = hashRecord(`key:${n >> 2}` as Key, usual(n));
      hashes.add(hash);
      for (let bit = 0; bit < 53; bit++) ones[bit]! += Math.floor(hash / 2 ** bit) % 2;
    }
    expect(hashes.size).toBe(count);
    for (const one of ones) expect(Math.abs(one / count - 0.5)).toBeLessThan(0.03);
  });
});

describe('the hash of a list', () => {
  it('depends on every number and on their order', () => {
    const numbers = fc.array(fc.maxSafeNat(), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(numbers, fc.nat(), (list, n) => {
        const at = n % list.length;
        const changed = list.with(at, (list[at]! + 1) % Number.MAX_SAFE_INTEGER);
        expect(hashList(changed)).not.toBe(hashList(list));
        const turned = list.toReversed();
        expect(hashList(turned) === hashList(list)).toBe(turned.join() === list.join());
      }),
    );
  });
});
