#!/usr/bin/env node
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { newCleanup, type Cleanup } from '../support/cleanup.js';
import { reservePorts, type PortBlock } from '../support/ports.js';
import { renderVerdict, table } from '../workload/report.js';
import { FULL_SIZE, type Verdict } from '../workload/verdict.js';
import { runKill, type KillResult, type KillTarget } from './kill.js';
import { LOG_NAME, type LoadSize } from './load.js';
import { whyNoLoopDisk } from './loopDisk.js';
import { runPowerCut, type PowerCutTarget } from './powerCut.js';

interface SizeFlags {
  readonly clients: number;
  readonly keys: number;
  readonly acknowledged: number;
  readonly seconds: number;
}

interface KillFlags extends SizeFlags {
  readonly target: KillTarget | 'each';
  readonly faults: number;
}

interface PowerCutFlags extends SizeFlags {
  readonly target: PowerCutTarget;
  readonly control?: boolean;
}

/** What each run has to itself. */
interface Stage {
  readonly folder: string;
  readonly ports: PortBlock;
  readonly cleanup: Cleanup;
}

let current: Cleanup | undefined;

const program = new Command('chaos')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .description(
    'Runs a cluster of its own on this machine, breaks it under a recorded load, and judges the log.',
  )
  .addHelpText(
    'after',
    '\nExit code: 0 as wanted, 1 a promise is broken (or the run too small), 2 it could not run.',
  );

sized(program.command('kill'))
  .description('SIGKILL nodes, which the supervisor starts again, while the load goes on')
  .addOption(
    new Option('--target <node>', 'whom').choices(['replica', 'coordinator', 'all', 'each']).default('each'),
  )
  .option('--faults <number>', 'how often in a run', parseCount, 2)
  .action(kill);

sized(program.command('power-cut'))
  .description('cut the power of the disk of one node or of all (needs root, ext4 in a loop image)')
  .addOption(new Option('--target <nodes>', 'whom').choices(['one', 'all']).default('all'))
  .option('--control', 'switch fsync off in a copy of the program: acknowledged writes must then be lost')
  .action(powerCut);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    process.stderr.write(`chaos: ${signal}, cleaning up\n`);
    void (current?.run() ?? Promise.resolve()).catch(complain).finally(() => process.exit(130));
  });
}

program.parseAsync().catch((error: unknown) => {
  complain(error);
  process.exitCode = 2;
});

function sized(command: Command): Command {
  return command
    .option('--clients <number>', 'clients, each with one request at a time', parseCount, 160)
    .option('--keys <number>', 'how many keys to write', parseCount, 1000)
    .option('--acknowledged <number>', 'go on until so many writes are acknowledged', parseCount, 12_000)
    .option('--seconds <number>', 'longest time of the load of one run', parseCount, 300);
}

async function kill(flags: KillFlags): Promise<void> {
  const targets = flags.target === 'each' ? (['replica', 'coordinator', 'all'] as const) : [flags.target];
  for (const target of targets) {
    heading(`kill ${target}`);
    await onStage(`kill-${target}`, async (stage) => {
      const result = await runKill({ ...stage, target, faults: flags.faults, size: sizeOf(flags), say });
      process.stdout.write(renderVerdict(result.verdict));
      process.stdout.write(`${resourceLines(result).join('\n')}\n`);
      return conclude(result.verdict.ok, result.logFile);
    });
  }
}

async function powerCut(flags: PowerCutFlags): Promise<void> {
  const obstacle = whyNoLoopDisk();
  if (obstacle !== undefined) throw new Error(obstacle);
  const { target, control = false } = flags;
  heading(`power cut of ${target}${control ? ', control: fsync is off' : ''}`);
  await onStage(`power-cut-${target}`, async (stage) => {
    const { verdicts, logFile } = await runPowerCut({ ...stage, target, control, size: sizeOf(flags), say });
    for (const [name, verdict] of verdicts) {
      process.stdout.write(`\nread ${name}\n${renderVerdict(verdict)}`);
    }
    const judged = verdicts.map(([, verdict]) => verdict);
    return control
      ? concludeControl(judged)
      : conclude(
          judged.every((verdict) => verdict.ok),
          logFile,
        );
  });
}

/** Runs one scenario in a folder and on ports of its own; both are given back whatever happens. */
async function onStage(name: string, scenario: (stage: Stage) => Promise<number>): Promise<void> {
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

function conclude(ok: boolean, logFile: string): number {
  if (!ok) keepLog(logFile);
  return ok ? 0 : 1;
}

/** The log of a run that failed is kept as evidence. */
function keepLog(logFile: string): void {
  const kept = join(tmpdir(), `rondo-chaos-${String(process.pid)}-${String(Date.now())}.log`);
  copyFileSync(logFile, kept);
  process.stdout.write(`the log of the run is kept: ${kept}\n`);
}

function concludeControl(verdicts: readonly Verdict[]): number {
  const lost = Math.max(...verdicts.map((verdict) => verdict.lost.length));
  const text =
    lost > 0
      ? `${String(lost)} acknowledged writes lost, as it must be`
      : 'NOTHING was lost: the test cannot tell';
  process.stdout.write(`control: ${text}\n`);
  return lost > 0 ? 0 : 1;
}

function resourceLines({ resources }: KillResult): string[] {
  const rows = [...resources].map(([node, [before, after]]): [string, string] => {
    const memory = [before, after].map((one) => (one ? (one.memoryBytes / 2 ** 20).toFixed(0) : '?'));
    const handles = [before, after].map((one) => String(one?.handles ?? '?'));
    return [node, `memory ${memory.join(' → ')} MiB, handles ${handles.join(' → ')}`];
  });
  return table(rows);
}

function sizeOf(flags: SizeFlags): LoadSize {
  const { clients, keys, acknowledged, seconds } = flags;
  return { clients, keys, acknowledged, inFlight: FULL_SIZE.inFlightAtFaultMin, timeoutMs: seconds * 1000 };
}

function heading(text: string): void {
  process.stdout.write(`\n== ${text}\n`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function complain(error: unknown): void {
  process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n`);
}

function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('a whole number from 1 is wanted');
  return value;
}
