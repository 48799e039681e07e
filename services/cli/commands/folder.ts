import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { quorumOption, wholeNumber } from '../arguments.js';
import { usageError } from '../failure.js';
import { walk, type Walk } from '../files/local.js';
import { newCommand } from '../host.js';

/** What the three commands on a folder have in common. */

/** A command `name DIR` with the options of every {@link JobOptions}. */
export function folderCommand(name: string, description: string): Command {
  return newCommand(name, description)
    .argument('<dir>', 'the folder')
    .option('--prefix <text>', 'what stands before the relative path in every key', '')
    .option('--concurrency <n>', 'requests under way at once', wholeNumber(1, 256), 32)
    .option(
      '--retry-ms <ms>',
      'how long to go on trying a failing request',
      wholeNumber(0, 86_400_000),
      30_000,
    )
    .addOption(quorumOption());
}

/** Lists a folder that must exist. */
export async function walkFolder(folder: string): Promise<Walk> {
  const stats = await stat(folder).catch(() => undefined);
  if (!stats?.isDirectory()) throw usageError(`${folder} is not a folder that can be read`);
  return walk(Buffer.from(folder, 'utf8'));
}
