import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { describeNodeOptions, environment, faultLines, type NodeConfig, readNodeConfig } from '../config.js';
import { startNode } from './startNode.js';

/**
 * One storage node as a process. Started by the supervisor or by hand; SIGTERM and SIGINT stop it in order, also while it
 * still waits for a cluster.
 */

function flagsOf(args: readonly string[]): Record<string, string | boolean | undefined> {
  const described = describeNodeOptions();
  const options = Object.fromEntries(
    described.map(({ flag }) => [flag.slice(2), { type: 'string' as const }]),
  );
  const { values } = parseArgs({
    args: [...args],
    options: { ...options, help: { type: 'boolean' } },
    strict: true,
  });
  const given = values as Record<string, string | boolean | undefined>;
  const named = described.map(({ name, flag }) => [name, given[flag.slice(2)]] as const);
  return { help: given['help'], ...Object.fromEntries(named) };
}

function helpText(): string {
  const lines = describeNodeOptions().map(({ flag, value, help }) => {
    return `  ${`${flag} <${value ?? ''}>`.padEnd(34)} ${help}\n`;
  });
  return `Usage: node dist/services/node/main.js [options]\n\nRuns one storage node.\n\n${lines.join('')}`;
}

/** Tells the supervisor, where there is one; says it on stderr otherwise. What is open already ends with the process. */
function fail(message: string, code: number): void {
  if (process.connected) {
    process.send?.({ type: 'failed', message }, () => process.exit(code));
    return;
  }
  process.stderr.write(`error: ${message}\n`);
  process.exit(code);
}

/** Aborts at the first signal, or when the supervisor is gone. */
function endingSignal(): AbortSignal {
  const controller = new AbortController();
  const end = (): void => {
    controller.abort();
  };
  process.on('SIGTERM', end);
  // Ctrl-C reaches the whole group; under a supervisor it is the supervisor that stops its nodes.
  process.on('SIGINT', process.connected ? () => undefined : end);
  process.on('disconnect', end);
  return controller.signal;
}

async function run(config: NodeConfig): Promise<void> {
  const ending = endingSignal();
  const running = await startNode(config, {
    ending,
    onWaiting: (message) => process.send?.({ type: 'waiting', message }),
  });
  if (running && !ending.aborted) {
    process.send?.({ type: 'ready' });
    await once(ending, 'abort');
  }
  try {
    await running?.stop();
    process.exit(0);
  } catch (error) {
    process.stderr.write(`error: the node could not stop in order: ${String(error)}\n`);
    process.exit(1);
  }
}

async function main(): Promise<void> {
  const flags = flagsOf(process.argv.slice(2));
  if (flags['help'] === true) {
    process.stdout.write(helpText());
    return;
  }
  const read = readNodeConfig(flags, environment());
  if (!read.ok) {
    process.stderr.write(faultLines(read.faults));
    process.exitCode = 2;
    return;
  }
  await run(read.config);
}

main().catch((error: unknown) => {
  fail(error instanceof Error ? error.message : String(error), 1);
});
