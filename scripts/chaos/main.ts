#!/usr/bin/env node
import { Command } from 'commander';
import { addAbsences } from './commands/absences.js';
import { addCrashes } from './commands/crashes.js';
import { addLostData } from './commands/lostData.js';
import { addServices } from './commands/services.js';
import { addSplits } from './commands/splits.js';
import { cleanUp } from './stage.js';

const program = new Command('chaos')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .description(
    'Runs a cluster of its own on this machine, breaks it under a recorded load, and judges the log.',
  )
  .addHelpText(
    'after',
    '\nExit code: 0 as wanted, 1 a promise is broken (or the run too small), 2 it could not run.',
  );

for (const add of [addCrashes, addLostData, addAbsences, addSplits, addServices]) add(program);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    process.stderr.write(`chaos: ${signal}, cleaning up\n`);
    void cleanUp()
      .catch(complain)
      .finally(() => process.exit(130));
  });
}

program.parseAsync().catch((error: unknown) => {
  complain(error);
  process.exitCode = 2;
});

function complain(error: unknown): void {
  process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n`);
}
