import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  createKeyLayout,
  hintedBy,
  hintKey,
  keyOf,
  rangeOf,
} from '../../../services/node/adapters/level-storage/keys.js';
import { nodeDigests } from '../../../services/node/adapters/system.js';
import type { Key, NodeId } from '../../../services/node/core/types.js';

const key = fc
  .uint8Array({ minLength: 1, maxLength: 50 })
  .map((bytes) => String.fromCharCode(...bytes) as Key);

describe('database keys', () => {
  it.each([8, 256, 4096])('hold the partition of %d, the position and the key', (partitions) => {
    const layout = createKeyLayout(partitions, nodeDigests());
    const holds = (text: Key): void => {
      const position = Buffer.from(nodeDigests().md5(text)).subarray(0, 8);
      const top = position.readBigUInt64BE() >> BigInt(64 - Math.log2(partitions));
      const u16 = Buffer.alloc(2);
      u16.writeUInt16BE(Number(top));
      const rest = Buffer.concat([u16, position, Buffer.from(text, 'latin1')]);
      expect(Buffer.from(layout.objectKey(text))).toEqual(Buffer.concat([Buffer.from('o'), rest]));
      expect(Buffer.from(layout.quarantineKey(text))).toEqual(Buffer.concat([Buffer.from('q'), rest]));
    };
    fc.assert(fc.property(key, holds));
  });

  it('give the key back, and lie in the range of their space', () => {
    const layout = createKeyLayout(256, nodeDigests());
    const { gte, lt } = rangeOf('object');
    const holds = (text: Key): void => {
      const stored = layout.objectKey(text);
      expect(keyOf(stored)).toBe(text);
      expect([Buffer.compare(gte, stored), Buffer.compare(stored, lt)]).toEqual([-1, -1]);
    };
    fc.assert(fc.property(key, holds));
  });

  it('of hints hold the target behind its length, then the key, and give both back', () => {
    const { gte, lt } = rangeOf('hint');
    const holds = (text: string, bytes: Key): void => {
      const stored = hintKey(text as NodeId, bytes);
      const name = Buffer.from(text);
      const wanted = [Buffer.from('h'), Buffer.of(name.length), name, Buffer.from(bytes, 'latin1')];
      expect(Buffer.from(stored)).toEqual(Buffer.concat(wanted));
      expect(hintedBy(Uint8Array.from(stored))).toEqual({ target: text, key: bytes });
      expect([Buffer.compare(gte, stored), Buffer.compare(stored, lt)]).toEqual([-1, -1]);
    };
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), key, holds));
  });

  it.each([['h'], ['h\x01'], ['h\x05abcd']])(
    'of hints are refused where they end too early: %j',
    (stored) => {
      expect(() => hintedBy(Uint8Array.from(Buffer.from(stored, 'latin1')))).toThrow('too early');
    },
  );

  it('of hints take targets up to 255 bytes', () => {
    expect(hintKey('é'.repeat(127) as NodeId, 'k' as Key)).toHaveLength(2 + 254 + 1);
    expect(() => hintKey('é'.repeat(128) as NodeId, 'k' as Key)).toThrow(RangeError);
  });
});
