#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { environment } from '../node/config.js';
import { runCli } from './program.js';
import { processTerminal } from './terminal.js';

/** The package's version, from two folders above this file in the sources or three in the build. */
function packageVersion(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const { version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as {
        version: string;
      };
      return version;
    } catch {
      continue;
    }
  }
  return 'unknown';
}

// `rondo get KEY | head` closes the pipe early; that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const host = {
  terminal: processTerminal(),
  environment: environment(),
  nodeEntry: fileURLToPath(new URL('../node/main.js', import.meta.url)),
};
process.exitCode = await runCli(process.argv.slice(2), host, packageVersion());
