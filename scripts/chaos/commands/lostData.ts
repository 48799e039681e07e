import { Option, type Command } from 'commander';
import { runDamage } from '../damage.js';
import { DAMAGES, type Damage } from '../databaseFiles.js';
import { runRestore } from '../restore.js';
import { onStage } from '../stage.js';
import { runWipe, type Wiped } from '../wipe.js';
import { parseCount, sizeOf, timed, type TimedFlags } from './flags.js';
import { concludeScenario, heading, say } from './output.js';

/** Directories that are lost, old or damaged. */

interface WipeFlags extends TimedFlags {
  readonly what: Wiped | 'each';
}

interface RestoreFlags extends TimedFlags {
  readonly behind: number;
}

interface DamageFlags extends TimedFlags {
  readonly what: Damage | 'each';
}

export function addLostData(program: Command): void {
  timed(program.command('wipe'))
    .description('remove the data of one node, which has to come back as another, while the load goes on')
    .addOption(
      new Option('--what <part>', 'its database, or its whole data directory')
        .choices(['db', 'all', 'each'])
        .default('each'),
    )
    .action(wipe);

  timed(program.command('restore'))
    .description('put the data directory of one node back to an old copy, while the load goes on')
    .option('--behind <number>', 'acknowledged writes that the copy lacks', parseCount, 10_000)
    .action(restore);

  timed(program.command('damage'))
    .description(
      'damage the database of one node while it is down: it has to notice, and is rebuilt under load',
    )
    .addOption(
      new Option('--what <part>', 'torn: only a last batch that was cut off, which is no damage')
        .choices([...DAMAGES, 'each'])
        .default('each'),
    )
    .action(damage);
}

async function wipe(flags: WipeFlags): Promise<void> {
  for (const what of flags.what === 'each' ? (['db', 'all'] as const) : [flags.what]) {
    heading(`wipe ${what === 'db' ? 'the database' : 'the whole data directory'} of one node`);
    await onStage(`wipe-${what}`, async (stage) =>
      concludeScenario(await runWipe({ ...stage, what, size: sizeOf(flags, flags.seconds), say })),
    );
  }
}

async function restore(flags: RestoreFlags): Promise<void> {
  const { behind, seconds } = flags;
  heading(`restore one node from a copy that is ${String(behind)} writes old`);
  await onStage('restore', async (stage) =>
    concludeScenario(await runRestore({ ...stage, behind, size: sizeOf(flags, seconds), say })),
  );
}

async function damage(flags: DamageFlags): Promise<void> {
  for (const what of flags.what === 'each' ? DAMAGES : [flags.what]) {
    heading(`damage of one node's database: ${what}`);
    await onStage(`damage-${what}`, async (stage) =>
      concludeScenario(await runDamage({ ...stage, what, size: sizeOf(flags, flags.seconds), say })),
    );
  }
}
