import { describe, expect, it } from '@jest/globals';
import { expandPlan } from '../../simulation/expand.js';
import { planFromJson, planToJson } from '../../simulation/plan.js';
import { parseSeed, seedAt, stream } from '../../simulation/random.js';
import { runPlan, runSeed } from '../../simulation/run.js';

const SEEDS = [1, 2, 3, 4].map((n) => seedAt(0x5eedn, n));

describe('a simulation', () => {
  it('gives the same trace for the same seed, and another for another', async () => {
    const hashes = new Set<string>();
    for (const seed of SEEDS) {
      const [first, second] = [await runSeed(seed), await runSeed(seed)];
      expect(second).toEqual(first);
      hashes.add(first.hash);
    }
    expect(hashes.size).toBe(SEEDS.length);
  }, 60_000);

  it('is the same when its plan was kept as JSON and read again', async () => {
    const plan = expandPlan(SEEDS[0]!);
    const again = planFromJson(planToJson(plan));
    expect(again).toEqual(plan);
    expect((await runPlan(again)).hash).toBe((await runPlan(plan)).hash);
  }, 60_000);

  it('has another trace when one operation is left out', async () => {
    const plan = expandPlan(SEEDS[1]!);
    const shorter = { ...plan, operations: plan.operations.slice(1) };
    expect((await runPlan(shorter)).hash).not.toBe((await runPlan(plan)).hash);
  }, 60_000);

  it('has the same trace whether its lines are kept or not', async () => {
    const plan = expandPlan(SEEDS[2]!);
    const told = await runPlan(plan, { keepsLines: true });
    expect(told.lines.length).toBeGreaterThan(50);
    expect(told.hash).toBe((await runPlan(plan)).hash);
  }, 60_000);
});

describe('the randomness of a seed', () => {
  const draws = (name: string) => {
    const random = stream('00000000000000aa', name);
    return Array.from({ length: 20 }, () => random.fraction());
  };

  it('has streams that do not depend on each other', () => {
    expect(draws('disk')).toEqual(draws('disk'));
    expect(draws('disk')).not.toEqual(draws('network'));
  });

  it('is even enough for probabilities to mean something', () => {
    const random = stream('00000000000000ab', 'workload');
    const hits = Array.from({ length: 20_000 }, () => random.chance(0.3)).filter(Boolean).length;
    expect(hits / 20_000).toBeGreaterThan(0.28);
    expect(hits / 20_000).toBeLessThan(0.32);
  });

  it('reads seeds as they are printed', () => {
    expect(parseSeed('00000000000000ff')).toBe(255n);
    expect(parseSeed('0xff')).toBe(255n);
    expect(parseSeed('255')).toBe(255n);
    expect(() => parseSeed('a seed')).toThrow('not a seed');
    expect(seedAt(2n ** 64n - 1n, 1)).toBe('0000000000000000');
  });
});

describe('planFromJson', () => {
  it('refuses what is no plan', () => {
    expect(() => planFromJson('null')).toThrow('not a plan');
    expect(() => planFromJson('{"format":2}')).toThrow('not a plan');
    expect(() => planFromJson('{"format":1,"operations":[]}')).toThrow('not a plan');
  });
});
