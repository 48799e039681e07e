import { writeFileSync } from 'node:fs';
import { expandPlan } from '../../test/simulation/expand.js';
import { type Plan, planToJson } from '../../test/simulation/plan.js';
import { shrinkPlan, sizeOf } from '../../test/simulation/shrink.js';
import type { SimulationResult } from '../../test/simulation/simulate.js';
import type { Pool } from './pool.js';

export interface Shrunk {
  readonly plan: Plan;
  readonly promise: string;
  /** What happens in it, to be read. */
  readonly timeline: string;
}

/** Shrinks what failed, keeping the promise that it broke first. */
export async function shrinkFailure(pool: Pool, failed: SimulationResult, from?: Plan): Promise<Shrunk> {
  const promise = failed.violations[0]?.promise ?? '';
  const fails = async (plan: Plan): Promise<boolean> => {
    const { violations } = await pool.run({ plan: planToJson(plan), keepsLines: false });
    return violations.some((violation) => violation.promise === promise);
  };
  const plan = await shrinkPlan(from ?? expandPlan(failed.seed), fails);
  const { lines } = await pool.run({ plan: planToJson(plan), keepsLines: true });
  return { plan, promise, timeline: lines.map((line) => `${line}\n`).join('') };
}

/** Prints the timeline and leaves the plan in a file that `--plan` reads. */
export function presentShrunk({ plan, promise, timeline }: Shrunk): void {
  const file = `simulation-${plan.seed}.json`;
  writeFileSync(file, planToJson(plan));
  const size = `${String(plan.operations.length)} operations and ${String(plan.faults.length)} faults`;
  process.stdout.write(
    `\nshrunk to ${size} (${String(sizeOf(plan))} in all) that break ${promise}:\n${timeline}`,
  );
  process.stdout.write(`replay: npm run simulate -- --plan ${file}\n`);
}
