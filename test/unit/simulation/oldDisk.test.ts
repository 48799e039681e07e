import { describe, expect, it } from '@jest/globals';
import { expandPlan } from '../../simulation/expand.js';
import type { Plan } from '../../simulation/plan.js';
import { seedAt } from '../../simulation/random.js';
import { runPlan } from '../../simulation/run.js';

describe('a disk that was put back to an old copy', () => {
  it('is in no generated plan, for the core cannot recognise it at the start yet', () => {
    const plans = Array.from({ length: 300 }, (_, i) => expandPlan(seedAt(0n, i)));
    const kinds = new Set(plans.flatMap(({ faults }) => faults.map(({ kind }) => kind)));
    expect(kinds.has('crash')).toBe(true);
    expect(kinds.has('oldDisk')).toBe(false);
  });

  it('can be planned by hand: its node then repeats dots, which is found (I4)', async () => {
    const { violations, faults } = await runPlan(planWithOldDisk());
    expect(new Map(faults).get('oldDisk')).toBe(1);
    expect(violations.map(({ promise }) => promise)).toContain('I4');
  });
});

/** One node, so that nobody can tell it of its later dots. */
function planWithOldDisk(): Plan {
  const plan = expandPlan(seedAt(0n, 1));
  const write = { kind: 'create', client: 0, node: 0 } as const;
  return {
    ...plan,
    nodes: 1,
    replicas: 1,
    keys: 2,
    clocks: plan.clocks.slice(0, 1),
    clients: [{ quorum: 'strict' }],
    core: { nodes: [0], rest: 'dead' },
    chaosMs: 10_000,
    operations: [
      { ...write, id: 1, at: 2000, key: 0 },
      { ...write, id: 2, at: 6000, key: 1 },
    ],
    faults: [{ kind: 'oldDisk', at: 4000, node: 0, forMs: 100, agoMs: 3000 }],
  };
}
