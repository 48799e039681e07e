import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newCleanup, type Cleanup } from '../support/cleanup.js';
import { reservePorts, type PortBlock } from '../support/ports.js';
import { LOG_NAME } from './load.js';

/** What each run has to itself. */
export interface Stage {
  readonly folder: string;
  readonly ports: PortBlock;
  readonly cleanup: Cleanup;
}

let current: Cleanup | undefined;

/** Gives back what the run under way has, for a signal that ends it. */
export async function cleanUp(): Promise<void> {
  await current?.run();
}

/** Runs one scenario in a folder and on ports of its own; both are given back whatever happens. */
export async function onStage(name: string, scenario: (stage: Stage) => Promise<number>): Promise<void> {
  const cleanup = newCleanup();
  current = cleanup;
  try {
    const folder = mkdtempSync(join(tmpdir(), `rondo-chaos-${name}-`));
    cleanup.defer('remove the folder', () => rmSync(folder, { recursive: true, force: true }));
    const ports = await reservePorts();
    cleanup.defer('release the ports', () => ports.release());
    const exitCode = await scenario({ folder, ports, cleanup }).catch((error: unknown) => {
      const logFile = join(folder, LOG_NAME);
      if (existsSync(logFile)) keepLog(logFile);
      throw error;
    });
    process.exitCode = Math.max(Number(process.exitCode ?? 0), exitCode);
  } finally {
    await cleanup.run();
  }
}

/** The exit code of a run. */
export function conclude(ok: boolean, logFile: string): number {
  if (!ok) keepLog(logFile);
  return ok ? 0 : 1;
}

/** The log of a run that failed is kept as evidence. */
function keepLog(logFile: string): void {
  const kept = join(tmpdir(), `rondo-chaos-${String(process.pid)}-${String(Date.now())}.log`);
  copyFileSync(logFile, kept);
  process.stdout.write(`the log of the run is kept: ${kept}\n`);
}
