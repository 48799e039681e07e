import { statSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { runHints } from '../hints.js';
import { runPause } from '../pause.js';
import { onStage } from '../stage.js';
import { parseCount, sized, sizeOf, type TimedFlags } from './flags.js';
import { concludeScenario, concludeSteps, heading, say } from './output.js';

/** Nodes that are away for a while. */

interface PauseFlags extends TimedFlags {
  readonly nodes: number;
  readonly quorum: 'strict' | 'sloppy';
  readonly drainSeconds: number;
  readonly warmUp: number;
}

interface HintsFlags {
  readonly tree: string;
  readonly minutes: number;
}

/** What a paused run may take besides the pause and the hints. */
const PAUSE_LOAD_SECONDS = 600;

export function addAbsences(program: Command): void {
  sized(program.command('pause'))
    .description('SIGSTOP one node, and SIGCONT it later, while the load goes on')
    .option('--seconds <number>', 'how long it stands still', parseCount, 5)
    .option('--nodes <number>', 'nodes of the cluster, 3 to 5', parseCount, 3)
    .addOption(
      new Option('--quorum <kind>', 'of all requests').choices(['strict', 'sloppy']).default('strict'),
    )
    .option('--drain-seconds <number>', 'longest time until all hints are delivered', parseCount, 60)
    .option('--warm-up <number>', 'acknowledged writes before memory is measured', parseCount, 80_000)
    .action(pause);

  program
    .command('hints')
    .description(
      'import a folder through node2, SIGKILL node1 halfway, and look whether it gets what it missed',
    )
    .requiredOption('--tree <folder>', 'the folder to import, large enough to take some seconds')
    .option('--minutes <number>', 'longest time of one import or verify', parseCount, 30)
    .action(hints);
}

async function pause(flags: PauseFlags): Promise<void> {
  const { seconds, nodes, quorum, drainSeconds, warmUp: warmUpWrites } = flags;
  heading(`pause one of ${String(nodes)} nodes for ${String(seconds)} s, quorum ${quorum}`);
  const size = sizeOf(flags, seconds + drainSeconds + PAUSE_LOAD_SECONDS);
  const lengths = { pauseMs: seconds * 1000, warmUpWrites, drainTimeoutMs: drainSeconds * 1000 };
  await onStage('pause', async (stage) => {
    const result = await runPause({ ...stage, ...lengths, nodes, quorum, size, say });
    return concludeScenario(result, result.exceeded);
  });
}

async function hints({ tree, minutes }: HintsFlags): Promise<void> {
  if (!statSync(tree).isDirectory()) throw new Error(`${tree} is not a folder`);
  heading(`import ${tree} while node1 dies`);
  const timeouts = { callTimeoutMs: minutes * 60_000, drainTimeoutMs: minutes * 60_000 };
  await onStage('hints', async (stage) =>
    concludeSteps(await runHints({ ...stage, ...timeouts, tree, say })),
  );
}
