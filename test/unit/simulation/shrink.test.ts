import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { expandPlan } from '../../simulation/expand.js';
import type { Plan } from '../../simulation/plan.js';
import { ddmin, shrinkPlan, sizeOf } from '../../simulation/shrink.js';

describe('ddmin', () => {
  it('finds exactly the elements that a failure needs', async () => {
    const lists = fc.uniqueArray(fc.integer(), { minLength: 1, maxLength: 60 });
    const cases = lists.chain((items) =>
      fc.record({ items: fc.constant(items), needed: fc.subarray(items) }),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ({ items, needed }) => {
        const fails = async (left: readonly number[]) => needed.every((item) => left.includes(item));
        expect(await ddmin(items, fails)).toEqual(needed);
      }),
    );
  });

  it('leaves a list from which nothing can be taken', async () => {
    const items = Array.from({ length: 40 }, (_, i) => i);
    const fails = async (left: readonly number[]) => left.reduce((sum, item) => sum + item, 0) >= 200;
    const smallest = await ddmin(items, fails);
    expect(await fails(smallest)).toBe(true);
    for (const item of smallest) expect(await fails(smallest.filter((other) => other !== item))).toBe(false);
  });
});

describe('shrinkPlan', () => {
  const plan = expandPlan('00000000000000a7');
  const [operation] = plan.operations.filter(({ retry }) => retry);
  const [fault] = plan.faults;
  const needs = async ({ operations, faults, network }: Plan) =>
    operations.some(({ id }) => id === operation!.id) &&
    faults.some(({ at }) => at === fault!.at) &&
    network.duplicationRate === plan.network.duplicationRate;

  it('keeps what a failure needs, and takes out all else', async () => {
    const shrunk = await shrinkPlan(plan, needs);
    expect(sizeOf(shrunk)).toBe(1 + plan.faults.filter(({ at }) => at === fault!.at).length);
    expect(shrunk.network).toMatchObject({ lossRate: 0, duplicationRate: plan.network.duplicationRate });
    expect(shrunk.operations[0]).not.toHaveProperty('retry');
    expect(await needs(shrunk)).toBe(true);
  });
});
