import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteReader, ByteWriter, DecodeError } from '../../../services/node/core/protocol/bytes.js';
import type { Actor, Clock, VersionedRecord } from '../../../services/node/core/types.js';
import { LIMITS } from '../../../services/node/core/types.js';
import {
  decodeRecord,
  encodeRecord,
  readClock,
  writeClock,
} from '../../../services/node/core/versioning/recordCodec.js';
import { history } from './history.js';

const entry = (actor: string, counter: number) => ({ actor: actor as Actor, counter, timestamp: 5 });
const sibling = (actor: string, counter: number) => {
  return { dot: { actor: actor as Actor, counter }, value: new Uint8Array([1]) };
};
const recordOf = (parts: Partial<VersionedRecord>): VersionedRecord => {
  return { clock: [entry('a', 2), entry('b', 2)], siblings: [], marks: [], ...parts };
};

describe('the record codec', () => {
  it('gives back every record of a real history, in the same bytes', () => {
    fc.assert(
      fc.property(history, ({ states }) => {
        for (const { record } of states) {
          const bytes = encodeRecord(record);
          expect(decodeRecord(bytes)).toEqual(record);
          expect(encodeRecord(decodeRecord(bytes))).toEqual(bytes);
        }
      }),
    );
  });

  it('gives back clocks with actors, counters and timestamps of every size', () => {
    const size = fc.oneof(
      fc.integer({ min: 1, max: 300 }),
      fc.constant(Number.MAX_SAFE_INTEGER),
      fc.maxSafeNat(),
    );
    const clocks = fc
      .uniqueArray(fc.tuple(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 32 }), size, size), {
        selector: ([actor]) => actor,
      })
      .map((entries): Clock =>
        entries
          .map(([actor, counter, timestamp]) => ({ actor: actor as Actor, counter: counter || 1, timestamp }))
          .sort((a, b) => (a.actor < b.actor ? -1 : 1)),
      );
    fc.assert(
      fc.property(clocks, (clock) => {
        const out = new ByteWriter();
        writeClock(out, clock);
        expect(readClock(new ByteReader(out.bytes()))).toEqual(clock);
      }),
    );
  });

  it.each([
    ['clock entries out of order', { clock: [entry('b', 1), entry('a', 1)] }],
    ['two clock entries of one actor', { clock: [entry('a', 1), entry('a', 2)] }],
    ['a counter of zero', { clock: [entry('a', 0)] }],
    ['an actor without a name', { clock: [entry('', 1)] }],
    ['an actor that is too long', { clock: [entry('a'.repeat(33), 1)] }],
    ['siblings out of order', { siblings: [sibling('b', 1), sibling('a', 1)] }],
    ['one sibling twice', { siblings: [sibling('a', 1), sibling('a', 1)] }],
    ['a sibling beyond the clock', { siblings: [sibling('a', 3)] }],
    ['a sibling of an actor that the clock does not have', { siblings: [sibling('aa', 1)] }],
    ['a sibling of an actor behind all of the clock', { siblings: [sibling('c', 1)] }],
    [
      'more marks than are kept',
      {
        marks: Array.from({ length: LIMITS.requestMarksMax + 1 }, (_, i) => {
          return { requestId: `r${i}`, dot: { actor: 'a' as Actor, counter: 1 }, timestamp: i };
        }),
      },
    ],
  ])('refuses %s', (_, parts: Partial<VersionedRecord>) => {
    expect(() => decodeRecord(encodeRecord(recordOf(parts)))).toThrow(DecodeError);
  });

  it('refuses bytes that end early or go on, with no other error than its own', () => {
    const mark = { requestId: 'r', dot: { actor: 'a' as Actor, counter: 1 }, timestamp: 1 };
    const bytes = encodeRecord(recordOf({ siblings: [sibling('a', 1)], marks: [mark] }));
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeRecord(bytes.subarray(0, length))).toThrow(DecodeError);
    }
    expect(() => decodeRecord(new Uint8Array([...bytes, 0]))).toThrow(DecodeError);
  });

  it('takes arbitrary bytes for a record or refuses them, with no other error than its own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          expect(encodeRecord(decodeRecord(bytes))).toEqual(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
    );
  });

  it('refuses a count that the rest of the input cannot hold, before it makes room for it', () => {
    const out = new ByteWriter().varint(99_999);
    expect(() => decodeRecord(out.bytes())).toThrow('a count is too large');
  });
});
