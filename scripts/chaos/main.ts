#!/usr/bin/env node
import { statSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { renderVerdict } from '../workload/report.js';
import { FULL_SIZE, type Verdict } from '../workload/verdict.js';
import { runHints } from './hints.js';
import { runKill, type KillTarget } from './kill.js';
import type { LoadSize } from './load.js';
import { whyNoLoopDisk } from './loopDisk.js';
import { runPause } from './pause.js';
import { runPowerCut, type PowerCutTarget } from './powerCut.js';
import { renderHints, renderScenario, resourceLines } from './report.js';
import { runRestore } from './restore.js';
import type { ScenarioResult } from './scenario.js';
import { cleanUp, conclude, onStage } from './stage.js';
import { runWipe, type Wiped } from './wipe.js';

interface SizeFlags {
  readonly clients: number;
  readonly keys: number;
  readonly acknowledged: number;
}

interface TimedFlags extends SizeFlags {
  readonly seconds: number;
}

interface KillFlags extends TimedFlags {
  readonly target: KillTarget | 'each';
  readonly faults: number;
}

interface WipeFlags extends TimedFlags {
  readonly what: Wiped | 'each';
}

interface RestoreFlags extends TimedFlags {
  readonly behind: number;
}

interface PauseFlags extends TimedFlags {
  readonly nodes: number;
  readonly quorum: 'strict' | 'sloppy';
  readonly drainSeconds: number;
  readonly warmUp: number;
}

interface HintsFlags {
  readonly tree: string;
  readonly minutes: number;
}

interface PowerCutFlags extends TimedFlags {
  readonly target: PowerCutTarget;
  readonly control?: boolean;
}

/** What a paused run may take besides the pause and the hints. */
const PAUSE_LOAD_SECONDS = 600;

const program = new Command('chaos')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .description(
    'Runs a cluster of its own on this machine, breaks it under a recorded load, and judges the log.',
  )
  .addHelpText(
    'after',
    '\nExit code: 0 as wanted, 1 a promise is broken (or the run too small), 2 it could not run.',
  );

timed(program.command('kill'))
  .description('SIGKILL nodes, which the supervisor starts again, while the load goes on')
  .addOption(
    new Option('--target <node>', 'whom').choices(['replica', 'coordinator', 'all', 'each']).default('each'),
  )
  .option('--faults <number>', 'how often in a run', parseCount, 2)
  .action(kill);

timed(program.command('power-cut'))
  .description('cut the power of the disk of one node or of all (needs root, ext4 in a loop image)')
  .addOption(new Option('--target <nodes>', 'whom').choices(['one', 'all']).default('all'))
  .option('--control', 'switch fsync off in a copy of the program: acknowledged writes must then be lost')
  .action(powerCut);

timed(program.command('wipe'))
  .description('remove the data of one node, which has to come back as another, while the load goes on')
  .addOption(
    new Option('--what <part>', 'its database, or its whole data directory')
      .choices(['db', 'all', 'each'])
      .default('each'),
  )
  .action(wipe);

timed(program.command('restore'))
  .description('put the data directory of one node back to an old copy, while the load goes on')
  .option('--behind <number>', 'acknowledged writes that the copy lacks', parseCount, 10_000)
  .action(restore);

sized(program.command('pause'))
  .description('SIGSTOP one node, and SIGCONT it later, while the load goes on')
  .option('--seconds <number>', 'how long it stands still', parseCount, 5)
  .option('--nodes <number>', 'nodes of the cluster, 3 to 5', parseCount, 3)
  .addOption(new Option('--quorum <kind>', 'of all requests').choices(['strict', 'sloppy']).default('strict'))
  .option('--drain-seconds <number>', 'longest time until all hints are delivered', parseCount, 60)
  .option('--warm-up <number>', 'acknowledged writes before memory is measured', parseCount, 80_000)
  .action(pause);

program
  .command('hints')
  .description(
    'import a folder through node2, SIGKILL node1 halfway, and look whether it gets what it missed',
  )
  .requiredOption('--tree <folder>', 'the folder to import, large enough to take some seconds')
  .option('--minutes <number>', 'longest time of one import or verify', parseCount, 30)
  .action(hints);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    process.stderr.write(`chaos: ${signal}, cleaning up\n`);
    void cleanUp()
      .catch(complain)
      .finally(() => process.exit(130));
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
    .option('--acknowledged <number>', 'go on until so many writes are acknowledged', parseCount, 12_000);
}

function timed(command: Command): Command {
  return sized(command).option('--seconds <number>', 'longest time of the load of one run', parseCount, 300);
}

async function kill(flags: KillFlags): Promise<void> {
  const targets = flags.target === 'each' ? (['replica', 'coordinator', 'all'] as const) : [flags.target];
  for (const target of targets) {
    heading(`kill ${target}`);
    await onStage(`kill-${target}`, async (stage) => {
      const result = await runKill({
        ...stage,
        target,
        faults: flags.faults,
        size: sizeOf(flags, flags.seconds),
        say,
      });
      process.stdout.write(renderVerdict(result.verdict));
      process.stdout.write(`${resourceLines(result.resources).join('\n')}\n`);
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
    const { verdicts, logFile } = await runPowerCut({
      ...stage,
      target,
      control,
      size: sizeOf(flags, flags.seconds),
      say,
    });
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

async function wipe(flags: WipeFlags): Promise<void> {
  for (const what of flags.what === 'each' ? (['db', 'all'] as const) : [flags.what]) {
    heading(`wipe ${what === 'db' ? 'the database' : 'the whole data directory'} of one node`);
    await onStage(`wipe-${what}`, async (stage) =>
      concludeScenario(await runWipe({ ...stage, what, size: sizeOf(flags, flags.seconds), say })),
    );
  }
}

async function restore(flags: RestoreFlags): Promise<void> {
  const { behind, seconds } = flags;
  heading(`restore one node from a copy that is ${String(behind)} writes old`);
  await onStage('restore', async (stage) =>
    concludeScenario(await runRestore({ ...stage, behind, size: sizeOf(flags, seconds), say })),
  );
}

async function pause(flags: PauseFlags): Promise<void> {
  const { seconds, nodes, quorum, drainSeconds, warmUp: warmUpWrites } = flags;
  heading(`pause one of ${String(nodes)} nodes for ${String(seconds)} s, quorum ${quorum}`);
  const size = sizeOf(flags, seconds + drainSeconds + PAUSE_LOAD_SECONDS);
  const lengths = { pauseMs: seconds * 1000, warmUpWrites, drainTimeoutMs: drainSeconds * 1000 };
  await onStage('pause', async (stage) => {
    const result = await runPause({ ...stage, ...lengths, nodes, quorum, size, say });
    return concludeScenario(result, result.exceeded);
  });
}

async function hints({ tree, minutes }: HintsFlags): Promise<void> {
  if (!statSync(tree).isDirectory()) throw new Error(`${tree} is not a folder`);
  heading(`import ${tree} while node1 dies`);
  const timeouts = { callTimeoutMs: minutes * 60_000, drainTimeoutMs: minutes * 60_000 };
  await onStage('hints', async (stage) => {
    const result = await runHints({ ...stage, ...timeouts, tree, say });
    process.stdout.write(renderHints(result));
    return result.broken.length === 0 ? 0 : 1;
  });
}

function concludeScenario(result: ScenarioResult, exceeded: readonly string[] = []): number {
  const broken = [...result.broken, ...exceeded];
  process.stdout.write(renderScenario(result, broken));
  return conclude(result.verdict.ok && broken.length === 0, result.logFile);
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

function sizeOf(flags: SizeFlags, seconds: number): LoadSize {
  const { clients, keys, acknowledged } = flags;
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
