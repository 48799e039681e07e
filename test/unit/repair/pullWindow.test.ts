import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PullWindow } from '../../../services/node/core/repair/pullWindow.js';

function opened(countMax: number, bytesMax: number) {
  const window = new PullWindow({ countMax, bytesMax });
  const started: number[] = [];
  return {
    window,
    enter: (...sizes: number[]): void => {
      for (const bytes of sizes) window.enter(bytes, () => void started.push(bytes));
    },
    take: () => started.splice(0),
  };
}

describe('the window of records on their way here', () => {
  it('has so many at a time, and the others wait in order', () => {
    const { window, enter, take } = opened(2, 1000);
    enter(1, 2, 3, 4);
    expect(take()).toEqual([1, 2]);
    window.leave(2);
    expect(take()).toEqual([3]);
    window.leave(1);
    window.leave(3);
    expect(take()).toEqual([4]);
  });

  it('has so many bytes at a time; none overtakes one that is too large for now', () => {
    const { window, enter, take } = opened(10, 100);
    enter(60, 40, 30, 1);
    expect(take()).toEqual([60, 40]);
    window.leave(40);
    expect(take()).toEqual([30, 1]);
  });

  it('lets one that is larger than all of it go alone', () => {
    const { window, enter, take } = opened(10, 100);
    enter(1, 5000, 1);
    expect(take()).toEqual([1]);
    window.leave(1);
    expect(take()).toEqual([5000]);
    window.leave(5000);
    expect(take()).toEqual([1]);
  });

  it('takes one that leaves at once', () => {
    const window = new PullWindow({ countMax: 1, bytesMax: 1 });
    let left = 0;
    for (let i = 0; i < 3; i++) {
      window.enter(1, () => {
        left += 1;
        window.leave(1);
      });
    }
    expect(left).toBe(3);
  });

  it('keeps its bounds, loses none and starts all in order, whoever leaves first', () => {
    const sizes = fc.array(fc.nat(60), { maxLength: 40 });
    fc.assert(
      fc.property(sizes, fc.infiniteStream(fc.nat()), (all, picks) => {
        const inside: number[] = [];
        const started: number[] = [];
        const window = new PullWindow({ countMax: 5, bytesMax: 50 });
        const check = (): void => {
          const bytes = inside.reduce((sum, size) => sum + size, 0);
          expect(inside.length === 1 || (inside.length <= 5 && bytes <= 50)).toBe(true);
        };
        for (const size of all) {
          window.enter(size, () => {
            started.push(size);
            inside.push(size);
            check();
          });
        }
        for (const pick of picks) {
          if (inside.length === 0) break;
          window.leave(inside.splice(pick % inside.length, 1)[0]!);
        }
        expect(started).toEqual(all);
      }),
    );
  });
});
