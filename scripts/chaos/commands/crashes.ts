import { Option, type Command } from 'commander';
import { renderVerdict } from '../../workload/report.js';
import type { Verdict } from '../../workload/verdict.js';
import { runKill, type KillTarget } from '../kill.js';
import { whyNoLoopDisk } from '../loopDisk.js';
import { runPowerCut, type PowerCutTarget } from '../powerCut.js';
import { resourceLines } from '../report.js';
import { conclude, onStage } from '../stage.js';
import { parseCount, sizeOf, timed, type TimedFlags } from './flags.js';
import { heading, say } from './output.js';

/** Processes that die, and disks that lose power. */

interface KillFlags extends TimedFlags {
  readonly target: KillTarget | 'each';
  readonly faults: number;
}

interface PowerCutFlags extends TimedFlags {
  readonly target: PowerCutTarget;
  readonly control?: boolean;
}

export function addCrashes(program: Command): void {
  timed(program.command('kill'))
    .description('SIGKILL nodes, which the supervisor starts again, while the load goes on')
    .addOption(
      new Option('--target <node>', 'whom')
        .choices(['replica', 'coordinator', 'all', 'each'])
        .default('each'),
    )
    .option('--faults <number>', 'how often in a run', parseCount, 2)
    .action(kill);

  timed(program.command('power-cut'))
    .description('cut the power of the disk of one node or of all (needs root, ext4 in a loop image)')
    .addOption(new Option('--target <nodes>', 'whom').choices(['one', 'all']).default('all'))
    .option('--control', 'switch fsync off in a copy of the program: acknowledged writes must then be lost')
    .action(powerCut);
}

async function kill(flags: KillFlags): Promise<void> {
  const targets = flags.target === 'each' ? (['replica', 'coordinator', 'all'] as const) : [flags.target];
  const { faults, seconds } = flags;
  for (const target of targets) {
    heading(`kill ${target}`);
    await onStage(`kill-${target}`, async (stage) => {
      const result = await runKill({ ...stage, target, faults, size: sizeOf(flags, seconds), say });
      process.stdout.write(renderVerdict(result.verdict));
      process.stdout.write(`${resourceLines(result.resources).join('\n')}\n`);
      return conclude(result.verdict.ok, result.logFile);
    });
  }
}

async function powerCut(flags: PowerCutFlags): Promise<void> {
  const obstacle = whyNoLoopDisk();
  if (obstacle !== undefined) throw new Error(obstacle);
  const { target, control = false, seconds } = flags;
  heading(`power cut of ${target}${control ? ', control: fsync is off' : ''}`);
  await onStage(`power-cut-${target}`, async (stage) => {
    const size = sizeOf(flags, seconds);
    const { verdicts, logFile } = await runPowerCut({ ...stage, target, control, size, say });
    for (const [name, verdict] of verdicts) {
      process.stdout.write(`\nread ${name}\n${renderVerdict(verdict)}`);
    }
    const judged = verdicts.map(([, verdict]) => verdict);
    const allHeld = judged.every((verdict) => verdict.ok);
    return control ? concludeControl(judged) : conclude(allHeld, logFile);
  });
}

function concludeControl(verdicts: readonly Verdict[]): number {
  const lost = Math.max(...verdicts.map((verdict) => verdict.lost.length));
  const text =
    lost > 0
      ? `${String(lost)} acknowledged writes lost, as it must be`
      : 'NOTHING was lost: the test cannot tell';
  process.stdout.write(`control: ${text}\n`);
  return lost > 0 ? 0 : 1;
}
