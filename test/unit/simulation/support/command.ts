import { spawn } from 'node:child_process';
import path from 'node:path';

const MAIN = path.resolve(__dirname, '../../../../dist/scripts/simulate/main.js');

export interface CommandResult {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs the built `npm run simulate`. */
export function simulateCommand(...args: readonly string[]): Promise<CommandResult> {
  return run(MAIN, ...args);
}

/** Runs a script as a module of the build. */
export function runModule(script: string): Promise<CommandResult> {
  return run('--input-type=module', '--eval', script);
}

function run(...args: readonly string[]): Promise<CommandResult> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, output, errors });
    });
  });
}
