import { Option, type Command } from 'commander';
import { runIsolation } from '../isolation.js';
import { runPartition } from '../partition.js';
import { onStage } from '../stage.js';
import { runTombstones } from '../tombstones.js';
import { parseCount, sized, sizeOf, type SizeFlags } from './flags.js';
import { concludeScenario, concludeSteps, heading, say } from './output.js';

/** Clusters that fall apart, and have to become one again. */

type Cut = 'silent' | 'reset';

interface PartitionFlags extends SizeFlags {
  readonly seconds: number;
  readonly cut: Cut;
  readonly sameSeconds: number;
  readonly quietSeconds: number;
  readonly crash?: boolean;
}

interface IsolationFlags {
  readonly seconds: number;
  readonly keys: number;
  readonly cut: Cut;
}

interface TombstonesFlags {
  readonly nodes: number;
  readonly keys: number;
  readonly graceMs: number;
  readonly requestTimeoutMs: number;
  readonly partitions: number;
  readonly reapSeconds: number;
}

/** What a load may take besides the time of the cut. */
const LOAD_SECONDS = 300;

export function addSplits(program: Command): void {
  cuttable(sized(program.command('partition')))
    .description('cut two of five nodes off under load, then look how and when replicas become the same')
    .option('--seconds <number>', 'how long they are cut off', parseCount, 120)
    .option('--same-seconds <number>', 'longest time until all replicas are the same', parseCount, 300)
    .option('--quiet-seconds <number>', 'time in which nothing may be repaired any more', parseCount, 60)
    .option('--crash', 'a node of each side dies as the cut ends, and starts again')
    .action(partition);

  cuttable(program.command('isolate'))
    .description('cut one of five nodes off, without any load: nothing may be moved or dropped')
    .option('--seconds <number>', 'how long it is cut off', parseCount, 60)
    .option('--keys <number>', 'how many keys to write before', parseCount, 1000)
    .action(isolate);

  program
    .command('tombstones')
    .description(
      'delete keys while a node is away for longer than the grace time, and have them reaped later',
    )
    .option('--nodes <number>', 'nodes of the cluster, 4 or 5', parseCount, 4)
    .option('--keys <number>', 'how many keys to write and delete', parseCount, 60)
    .option('--grace-ms <number>', 'grace time of tombstones', parseCount, 10_000)
    .option(
      '--request-timeout-ms <number>',
      'of the nodes: a tenth of the grace time at most',
      parseCount,
      1000,
    )
    .option('--partitions <number>', 'of the cluster; reaping takes them one by one', parseCount, 8)
    .option('--reap-seconds <number>', 'longest time until all tombstones are gone', parseCount, 300)
    .action(tombstones);
}

function cuttable(command: Command): Command {
  return command.addOption(
    new Option('--cut <how>', 'whether links fall silent, or connections are reset')
      .choices(['silent', 'reset'])
      .default('silent'),
  );
}

async function partition(flags: PartitionFlags): Promise<void> {
  const { seconds, cut, sameSeconds, quietSeconds, crash = false } = flags;
  heading(`two of five nodes cut off for ${String(seconds)} s (${cut})`);
  const size = sizeOf(flags, seconds + LOAD_SECONDS);
  const lengths = { cutMs: seconds * 1000, sameTimeoutMs: sameSeconds * 1000, quietMs: quietSeconds * 1000 };
  await onStage('partition', async (stage) =>
    concludeScenario(await runPartition({ ...stage, ...lengths, how: cut, crash, size, say })),
  );
}

async function isolate({ seconds, keys, cut }: IsolationFlags): Promise<void> {
  heading(`one of five nodes cut off for ${String(seconds)} s (${cut})`);
  await onStage('isolate', async (stage) =>
    concludeSteps(await runIsolation({ ...stage, keys, cutMs: seconds * 1000, how: cut, say })),
  );
}

async function tombstones(flags: TombstonesFlags): Promise<void> {
  const { reapSeconds, ...rest } = flags;
  heading(`tombstones, one of ${String(flags.nodes)} nodes away for longer than ${String(flags.graceMs)} ms`);
  await onStage('tombstones', async (stage) =>
    concludeSteps(await runTombstones({ ...stage, ...rest, reapTimeoutMs: reapSeconds * 1000, say })),
  );
}
