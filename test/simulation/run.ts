import type { Violation } from './checkers/scene.js';
import { expandPlan } from './expand.js';
import { guarded } from './guards.js';
import type { Plan } from './plan.js';
import type { Seed } from './random.js';
import { simulate, type SimulationOptions, type SimulationResult } from './simulate.js';

/** Runs a plan with everything real forbidden. An error thrown on the way is the simulator's own. */
export function runPlan(plan: Plan, options: SimulationOptions = {}): Promise<SimulationResult> {
  return guarded(() => simulate(plan, options));
}

/** Runs a seed; `twice`: and once more, for the trace must be the same. */
export async function runSeed(seed: Seed, twice = false): Promise<SimulationResult> {
  const plan = expandPlan(seed);
  const result = await runPlan(plan);
  if (!twice) return result;
  const again = await runPlan(expandPlan(seed));
  if (again.hash === result.hash) return result;
  const detail = `two runs differ: ${result.hash} and ${again.hash}`;
  const differs: Violation = { promise: 'determinism', atMs: 0, detail };
  return { ...result, violations: [differs, ...result.violations] };
}
