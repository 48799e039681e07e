import { describe, expect, it } from '@jest/globals';
import { expandPlan } from '../../simulation/expand.js';
import type { Fault, Plan } from '../../simulation/plan.js';
import { seedAt } from '../../simulation/random.js';
import { runPlan } from '../../simulation/run.js';

const PLANS = Array.from({ length: 300 }, (_, i) => expandPlan(seedAt(0n, i)));
const HARMLESS = new Set(['registryAway', 'registryWiped', 'registryView', 'damage', 'clockJump', 'oldDisk']);

function overlaps(fault: Fault, fromMs: number, untilMs: number): boolean {
  return fault.at < untilMs && fault.at + ('forMs' in fault ? fault.forMs : 0) > fromMs;
}

describe('a disk that was put back to an old copy', () => {
  it('is generated only where the others were told of what came after the copy, and can tell it again', () => {
    const found = PLANS.flatMap((plan) =>
      plan.faults.flatMap((fault) => (fault.kind === 'oldDisk' ? [{ plan, fault }] : [])),
    );
    expect(found.length).toBeGreaterThan(20);
    for (const { plan, fault } of found) {
      const others = plan.faults.filter(({ kind }) => !HARMLESS.has(kind));
      const fromMs = fault.at - fault.agoMs;
      const untilMs = fault.at + fault.forMs + 3000;
      expect(fault.agoMs).toBeGreaterThanOrEqual(3000);
      expect(others.filter((other) => overlaps(other, fromMs, untilMs))).toEqual([]);
      expect(untilMs).toBeLessThanOrEqual(plan.chaosMs);
    }
  });

  it('is noticed before it does harm: its node goes on as another actor, and nothing is lost (R12, I4)', async () => {
    const { violations, faults } = await runPlan(planWithOldDisk(3));
    expect(new Map(faults).get('oldDisk')).toBe(1);
    expect(new Map(faults).get('fact:directoryRenounced')).toBe(1);
    expect(violations).toEqual([]);
  }, 60_000);

  it('is not noticed where nobody else is there: its node then repeats dots, which is found (I4)', async () => {
    const { violations } = await runPlan(planWithOldDisk(1));
    const promises = violations.map(({ promise }) => promise);
    expect(promises).toContain('I4');
    expect(promises).toContain('R12');
  }, 60_000);
});

/** Every write goes to the node whose disk is put back, and the one between copy and crash is lost there. */
function planWithOldDisk(nodes: number): Plan {
  const [plan] = PLANS as [Plan];
  const write = { kind: 'create', client: 0, node: 0 } as const;
  return {
    ...plan,
    nodes,
    replicas: nodes,
    keys: 2,
    limits: { ...plan.limits, requestsMax: 100, requestBytesMax: 2 ** 20, cellBytesMax: 2 ** 20 },
    clocks: Array.from({ length: nodes }, () => ({ offsetMs: 0, driftPpm: 0 })),
    clients: [{ quorum: 'strict' }],
    core: { nodes: Array.from({ length: nodes }, (_, i) => i), rest: 'dead' },
    network: { delayMs: 1, jitterMs: 1, lossRate: 0, duplicationRate: 0, bounceRate: 1 },
    chaosMs: 16_000,
    operations: [
      { ...write, id: 1, at: 2000, key: 0 },
      { ...write, id: 2, at: 6000, key: 1 },
      { ...write, id: 3, at: 11_000, key: 1, kind: 'force' },
    ],
    faults: [{ kind: 'oldDisk', at: 9000, node: 0, forMs: 100, agoMs: 8000 }],
  };
}
