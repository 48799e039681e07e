import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.js';
import { builtProgram } from './nodes.js';

/** One call of the command line, as a script makes it. */
export interface RondoCall {
  readonly code: number;
  /** What `--json` printed; empty where that is not one JSON object. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly stderr: string;
}

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Runs `rondo … --json`. Never rejects; a call that takes longer than `timeoutMs`, or was ended, has the code -1. */
export function callRondo(
  args: readonly string[],
  { cleanup, timeoutMs }: { readonly cleanup: Cleanup; readonly timeoutMs: number },
): Promise<RondoCall> {
  const command = [join(builtProgram(), 'services/cli/main.js'), ...args, '--json'];
  return new Promise((resolve) => {
    const options = { timeout: timeoutMs, maxBuffer: OUTPUT_BYTES_MAX };
    const child = execFile(process.execPath, command, options, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, json: parseObject(stdout), stderr });
    });
    cleanup.defer('end rondo', () => void child.kill('SIGKILL'));
  });
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
