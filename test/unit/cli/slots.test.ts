import { describe, expect, it } from '@jest/globals';
import { createSlots, forEachConcurrent, inOrder, range } from '../../../services/cli/files/slots.js';

/** A gate that tasks wait at, so that a test decides when they end. */
function gate(): { wait: () => Promise<void>; open: () => void; waiting: () => number } {
  const waiting: (() => void)[] = [];
  return {
    wait: () => new Promise((resolve) => waiting.push(resolve)),
    open: () => waiting.shift()?.(),
    waiting: () => waiting.length,
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('slots', () => {
  it('never run more than their number, and go on when one fails', async () => {
    const slots = createSlots(2);
    const { wait, open, waiting } = gate();
    const results = [1, 2, 3, 4].map((n) =>
      slots.run(async () => {
        await wait();
        if (n === 1) throw new Error('one fails');
        return n;
      }),
    );
    const settled = Promise.allSettled(results);
    for (let left = 4; left > 0; left--) {
      await turn();
      expect(waiting()).toBe(Math.min(2, left));
      open();
    }
    expect((await settled).map((result) => result.status)).toEqual([
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
  });
});

describe('forEachConcurrent', () => {
  it('begins nothing new after a failure and rejects with it when the others have ended', async () => {
    const begun: number[] = [];
    const ended: number[] = [];
    const run = forEachConcurrent(range(1, 10), 3, async (n) => {
      begun.push(n);
      if (n === 2) throw new Error('two');
      await turn();
      ended.push(n);
    });
    await expect(run).rejects.toThrow('two');
    expect(begun).toEqual([1, 2, 3]);
    expect(ended).toEqual([1, 3]);
  });
});

describe('inOrder', () => {
  it('yields in order although later ones end first, and never runs further ahead than told', async () => {
    let underWay = 0;
    let most = 0;
    const task = async (n: number): Promise<number> => {
      most = Math.max(most, ++underWay);
      for (let i = 0; i < (n % 3) + 1; i++) await turn();
      underWay--;
      return n;
    };
    const seen: number[] = [];
    for await (const n of inOrder(range(1, 20), 4, task)) seen.push(n);
    expect(seen).toEqual([...range(1, 20)]);
    expect(most).toBe(4);
  });

  it('rejects when the turn of the failed one comes, not before', async () => {
    const seen: number[] = [];
    const consume = async (): Promise<void> => {
      const task = (n: number): Promise<number> =>
        n === 3 ? Promise.reject(new Error('three')) : Promise.resolve(n);
      for await (const n of inOrder(range(1, 5), 4, task)) seen.push(n);
    };
    await expect(consume()).rejects.toThrow('three');
    expect(seen).toEqual([1, 2]);
  });
});
