import { spawnSync } from 'node:child_process';
import { missingPrograms, type ServiceName } from '../services/inventory.js';
import { findProgram } from '../services/programs.js';
import type { NamedProcess } from '../services/service.js';
import type { Cleanup } from '../support/cleanup.js';
import { stopProcess } from '../support/processes.js';

/** What subjects have in common that are programs of others. */

const STOP_TIMEOUT_MS = 20_000;
const PRINT_TIMEOUT_MS = 20_000;

/** The one line to run first; undefined where the service is here. */
export function missingService(name: ServiceName): string | undefined {
  const missing = missingPrograms([name]);
  return missing.length === 0
    ? undefined
    : `${missing.join(', ')}: run \`npm run services -- install ${name}\``;
}

/** The first line that a program prints; 'unknown' where it prints none. */
export function printedBy(program: string, args: readonly string[]): string {
  const command = findProgram(program);
  if (command === undefined) return 'unknown';
  const { stdout } = spawnSync(command, args, { encoding: 'utf8', timeout: PRINT_TIMEOUT_MS });
  const line = stdout.split('\n')[0]?.trim() ?? '';
  return line === '' ? 'unknown' : line;
}

/** They are ended in their order, whatever happens. */
export function endLater(cleanup: Cleanup, processes: readonly NamedProcess[]): void {
  for (const { name, started } of processes.toReversed()) {
    cleanup.defer(`end ${name}`, async () => {
      await stopProcess(started, STOP_TIMEOUT_MS);
    });
  }
}
