import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  isPartitionCount,
  LEAVES,
  leafOf,
  partitionOf,
  positionOf,
  rangeOf,
} from '../../../services/node/core/ring/position.js';
import type { Partition, PositionRange } from '../../../services/node/core/types.js';

const md5 = (text: string): Uint8Array => createHash('md5').update(text, 'latin1').digest();

describe('position', () => {
  // The test suite of RFC 1321.
  it.each([
    ['', 'd41d8cd98f00b204'],
    ['a', '0cc175b9c0f1b6a8'],
    ['abc', '900150983cd24fb0'],
    ['message digest', 'f96b697d7cb7938d'],
  ])('position: the first 8 bytes of MD5(%j)', (key, hex) => {
    expect(Buffer.from(positionOf(md5(key))).toString('hex')).toBe(hex);
  });

  it('position: a copy, which does not change with the digest', () => {
    const digest = md5('abc');
    const position = positionOf(digest);
    digest.fill(0);
    expect(position[0]).toBe(0x90);
  });

  it('position: too short a digest is refused', () => {
    expect(() => positionOf(new Uint8Array(7))).toThrow('at least 8 bytes');
  });

  it.each([
    [8, 4],
    [16, 9],
    [256, 0x90],
    [512, 0x120],
    [4096, 0x900],
  ])('partition: abc (0x9001…) of %i partitions lies in %i', (partitions, partition) => {
    expect(partitionOf(positionOf(md5('abc')), partitions)).toBe(partition);
  });

  it('partition: the top bits of the position as a 64-bit number', () => {
    const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(bytes, fc.integer({ min: 3, max: 12 }), (digest, bits) => {
        const position = BigInt(`0x${Buffer.from(digest.subarray(0, 8)).toString('hex')}`);
        expect(partitionOf(positionOf(digest), 2 ** bits)).toBe(Number(position >> BigInt(64 - bits)));
      }),
    );
  });

  it('partitions: powers of two from 8 to 4096 and nothing else', () => {
    const accepted = Array.from({ length: 10_000 }, (_, count) => count).filter(isPartitionCount);
    expect(accepted).toEqual([8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]);
    for (const count of [NaN, Infinity, -8, 8.5, 4096.000000000001])
      expect(isPartitionCount(count)).toBe(false);
  });
});

describe('leaf', () => {
  const COUNTS = [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];
  const number = (position: Uint8Array) =>
    BigInt(`0x${Buffer.from(position.subarray(0, 8)).toString('hex')}`);
  const bounds = ({ from, through }: PositionRange) => [number(from), number(through)] as const;

  it.each(COUNTS)('leaves: tile the ring without a gap, partition after partition, Q=%i', (partitions) => {
    let next = 0n;
    for (let partition = 0; partition < partitions; partition++) {
      const whole = bounds(rangeOf(partition as Partition, partitions));
      expect(whole[0]).toBe(next);
      // Every leaf of some partitions: those at the ends, and one in the middle.
      const isLooked = partition < 2 || partition >= partitions - 2 || partition === partitions / 2;
      for (let leaf = 0; isLooked && leaf < LEAVES; leaf++) {
        const [from, through] = bounds(
          rangeOf(partition as Partition, partitions, { first: leaf, last: leaf }),
        );
        if (from !== next || through < from) throw new Error(`leaf ${leaf} of ${partition}`);
        next = through + 1n;
      }
      if (isLooked) expect(next).toBe(whole[1] + 1n);
      next = whole[1] + 1n;
    }
    expect(next).toBe(2n ** 64n);
  });

  it('leaf: that whose range has the position, of any digest and Q', () => {
    const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(bytes, fc.constantFrom(...COUNTS), (digest, partitions) => {
        const partition = partitionOf(digest, partitions);
        const leaf = leafOf(digest, partitions);
        const [from, through] = bounds(rangeOf(partition, partitions, { first: leaf, last: leaf }));
        expect(from <= number(digest) && number(digest) <= through).toBe(true);
        expect(leafOf(positionOf(digest), partitions)).toBe(leaf);
      }),
    );
  });

  it('leaves: several that follow each other cover what they cover one by one, from the first to the last', () => {
    fc.assert(
      fc.property(fc.constantFrom(...COUNTS), fc.nat(), fc.nat(255), fc.nat(255), (partitions, n, a, b) => {
        const partition = (n % partitions) as Partition;
        const [first, last] = [Math.min(a, b), Math.max(a, b)];
        const span = bounds(rangeOf(partition, partitions, { first, last }));
        expect(span[0]).toBe(bounds(rangeOf(partition, partitions, { first, last: first }))[0]);
        expect(span[1]).toBe(bounds(rangeOf(partition, partitions, { first: last, last }))[1]);
      }),
    );
  });

  it('leaf: by name, abc (0x900150…) of 256 partitions', () => {
    expect([leafOf(md5('abc'), 256), leafOf(md5('abc'), 8), leafOf(md5('abc'), 4096)]).toEqual([
      0x01, 0x80, 0x15,
    ]);
  });
});
