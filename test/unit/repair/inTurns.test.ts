import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inTurns } from '../../../services/node/core/repair/inTurns.js';

/** Work that ends when the test says so. */
function begun(items: readonly number[], atOnce: number, isSync: (item: number) => boolean = () => false) {
  const log: string[] = [];
  const ends = new Map<number, (ok: boolean) => void>();
  inTurns(
    items,
    atOnce,
    (item, done) => {
      log.push(`${item}`);
      if (isSync(item)) done(true);
      else ends.set(item, done);
    },
    (ok) => void log.push(ok ? 'all' : 'failed'),
  );
  const end = (item: number, ok = true): void => {
    ends.get(item)!(ok);
  };
  return { log, ends, end, take: () => log.splice(0).join(' ') };
}

describe('work in turns', () => {
  it('is begun in order, and at most so much at a time', () => {
    const { take, end } = begun([1, 2, 3, 4, 5], 2);
    expect(take()).toBe('1 2');
    end(2);
    expect(take()).toBe('3');
    end(3);
    end(1);
    expect(take()).toBe('4 5');
    end(5);
    expect(take()).toBe('');
    end(4);
    expect(take()).toBe('all');
  });

  it.each([
    ['nothing is to be done', [], 'all'],
    ['all ends at once', [2, 4, 6], '2 4 6 all'],
    ['the last ends at once', [1, 2], '1 2'],
  ])('ends where %s', (_, items, expected) => {
    expect(begun(items, 1 + items.length, (item) => item % 2 === 0).take()).toBe(expected);
  });

  it('does not go deeper with every item that ends at once', () => {
    const many = Array.from({ length: 100_000 }, (_, i) => i);
    expect(begun(many, 1, () => true).log.at(-1)).toBe('all');
  });

  it('begins nothing more after a failure, and ends when what is under way has ended', () => {
    const { take, end } = begun([1, 2, 3, 4], 2);
    end(1, false);
    expect(take()).toBe('1 2');
    end(2);
    expect(take()).toBe('failed');
  });

  it('fails where the last of it fails', () => {
    const { take, end } = begun([1, 2], 2);
    end(1);
    end(2, false);
    expect(take()).toBe('1 2 failed');
  });

  it('counts an end once, however often it is told', () => {
    const { take, end } = begun([1, 2, 3], 2);
    for (const ok of [true, true, false]) end(1, ok);
    expect(take()).toBe('1 2 3');
    end(2);
    end(3);
    end(3);
    expect(take()).toBe('all');
  });

  it('is told once that all has ended, and does no item twice, in whatever order they end', () => {
    const schedule = fc.record({
      count: fc.nat(30),
      atOnce: fc.integer({ min: 1, max: 8 }),
      sync: fc.func(fc.boolean()),
      picks: fc.infiniteStream(fc.nat()),
    });
    fc.assert(
      fc.property(schedule, ({ count, atOnce, sync, picks }) => {
        const items = Array.from({ length: count }, (_, i) => i);
        const { log, ends } = begun(items, atOnce, sync);
        for (const pick of picks) {
          if (ends.size === 0) break;
          expect(ends.size).toBeLessThanOrEqual(atOnce);
          const [item, done] = [...ends][pick % ends.size]!;
          ends.delete(item);
          done(true);
        }
        expect(log).toEqual([...items.map(String), 'all']);
      }),
    );
  });
});
