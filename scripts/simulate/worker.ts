import { planFromJson } from '../../test/simulation/plan.js';
import { runPlan, runSeed } from '../../test/simulation/run.js';
import type { Job, JobResult } from './pool.js';

/** Runs one simulation after the other, as its parent asks; ends with it. */
process.on('message', (job: Job) => {
  void run(job).then((result) => process.send?.(result));
});
process.on('disconnect', () => process.exit(0));

async function run(job: Job): Promise<JobResult> {
  try {
    const result =
      job.plan === undefined
        ? await runSeed(job.seed, job.twice)
        : await runPlan(planFromJson(job.plan), { keepsLines: job.keepsLines });
    return { ok: true, result };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
