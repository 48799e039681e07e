import { spawn } from 'node:child_process';

const OUTPUT_CHARS_MAX = 4 * 1024 * 1024;

/**
 * Runs a command to its end, keeping its output (the last {@link OUTPUT_CHARS_MAX} characters of both streams, in the
 * order in which they came). Its stdin is empty.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string }} options
 * @returns {Promise<{ ok: boolean, output: string, elapsedMs: number }>}
 */
export function run(command, args, { cwd }) {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-OUTPUT_CHARS_MAX);
    };
    const finish = (ok) => resolve({ ok, output, elapsedMs: performance.now() - startedAt });
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.on('error', (error) => {
      keep(`${command}: ${error.message}\n`);
      finish(false);
    });
    child.on('close', (code) => finish(code === 0));
  });
}

/**
 * Says `title` at once, and how long it has taken every few seconds from the second one on, until `work` is done.
 *
 * @template T
 * @param {string} title
 * @param {Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withProgress(title, work) {
  const { stderr } = process;
  const startedAt = Date.now();
  stderr.write(`${title} ...${stderr.isTTY ? '' : '\n'}`);
  const elapsed = () => Math.round((Date.now() - startedAt) / 1000);
  const say = () => stderr.write(stderr.isTTY ? `\r${title} ... ${elapsed()} s` : `  ${elapsed()} s ...\n`);
  const timer = setInterval(say, stderr.isTTY ? 1_000 : 5_000);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    if (stderr.isTTY) stderr.write('\n');
  }
}
