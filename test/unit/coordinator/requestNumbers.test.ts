import { describe, expect, it } from '@jest/globals';
import { RequestNumbers } from '../../../services/node/core/coordinator/requestNumbers.js';
import type { Actor } from '../../../services/node/core/types.js';

const REQUESTS = 1000;

function numbers(incarnation: number, spareActor: string): Set<number> {
  const life = new RequestNumbers(incarnation, spareActor as Actor);
  return new Set(Array.from({ length: REQUESTS }, () => life.next()));
}

describe('request numbers', () => {
  it('do not meet those of a life that was led on a lost directory in the same second', () => {
    const lost = numbers(1_700_000_000, 'a3b1c5d7e9f10234');
    const remade = numbers(1_700_000_000, '51ff02345678abcd');

    expect([...remade].filter((number) => lost.has(number))).toEqual([]);
  });

  it.each(['0000000000000000', 'a3b1c5d7e9f10234', 'ffffffffffffffff'])(
    'of the next life on a directory are above those of %s',
    (spareActor) => {
      const before = Math.max(...numbers(1_700_000_000, spareActor));
      const after = Math.min(...numbers(1_700_000_001, '0000000000000000'));

      expect(after).toBeGreaterThan(before);
      expect(Number.isSafeInteger(after * 2)).toBe(true);
    },
  );
});
