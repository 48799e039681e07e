import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

/** What a child of the support folder prints, and its exit code or the signal that ended it. */
export async function childLines(
  name: string,
  given: readonly (string | number)[],
  onLine?: (lines: readonly string[], kill: () => void) => Promise<void>,
): Promise<{ readonly lines: readonly string[]; readonly ended: string }> {
  const loader = ['--import', pathToFileURL(join(__dirname, 'tsLoader.mjs')).href];
  const args = [...loader, join(__dirname, `${name}.ts`), ...given.map(String)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    await onLine?.(lines, () => child.kill('SIGKILL'));
  }
  const [code, signal] = await exited;
  return { lines, ended: signal ?? String(code) };
}
