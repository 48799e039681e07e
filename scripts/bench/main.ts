#!/usr/bin/env node
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { newCleanup, type Cleanup } from '../support/cleanup.js';
import { parseCount, parseWhole } from './flags.js';
import { jsGenerator } from './jsLoad.js';
import type { LoadGenerator } from './load.js';
import { type Cell, type LoadSize, measureCell } from './measure.js';
import { describeMethod, type Method, PUT_METHOD } from './method.js';
import { consul, etcd } from './peers.js';
import { mergeSelfTimes } from './profile.js';
import { methodText, profileText, progressLine, quietText, summaryTable, verdictText } from './report.js';
import { REQUEST_KINDS, type RequestKind } from './requests.js';
import { addScale } from './scaleCommand.js';
import type { Subject } from './subject.js';
import { bare, rondo, rondoAmqp } from './subjects.js';
import { summarize } from './summary.js';
import { judge } from './targets.js';
import { findWrk } from './wrk.js';

interface Flags {
  readonly runs: number;
  readonly seconds: number;
  readonly warmUp: number;
  readonly connections: number;
  readonly keys: number;
  readonly only?: readonly Subject[];
  readonly requests?: RequestKind;
  readonly load?: 'wrk' | 'js';
  readonly profile?: string;
  readonly out?: string;
}

/** What is measured, and how. */
interface Plan {
  readonly subjects: readonly Subject[];
  readonly kinds: readonly RequestKind[];
  readonly runs: number;
  readonly size: LoadSize;
  readonly generator: LoadGenerator;
  /** Everything that is stored lies in here. */
  readonly folder: string;
  readonly profileDir?: string;
}

const SUBJECTS: readonly Subject[] = [bare, rondo, rondoAmqp, etcd, consul];
const KEYS_MAX = 1_000_000;

let current: Cleanup | undefined;

const program = new Command('bench')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .description(
    'Measures Rondo on this machine, beside bare node:http that stores nothing, etcd and Consul. Starts all that it measures.',
  )
  .option('--runs <number>', 'rounds, of which the medians are shown', parseCount, 5)
  .option('--seconds <number>', 'measured time of each run', parseCount, 8)
  .option('--warm-up <number>', 'seconds of load before that: V8 compiles, replicas compare', parseWhole, 15)
  .option('--connections <number>', 'connections to each node', parseCount, 32)
  .option('--keys <number>', 'keys that are read', parseKeys, 5000)
  .option('--only <subjects>', `measure these: of ${listed(SUBJECTS)}`, parseSubjects)
  .addOption(new Option('--requests <kind>', 'only these').choices(REQUEST_KINDS))
  .addOption(new Option('--load <generator>', 'default: wrk where it is on the PATH').choices(['wrk', 'js']))
  .option('--profile <folder>', 'keep CPU profiles of the nodes there, and show where the time goes')
  .option('--out <file>', 'where the record goes, as JSON (default: the folder for temporary files)')
  .addHelpText('after', helpText())
  .enablePositionalOptions()
  .action(main);

addScale(program, onStage);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    process.stderr.write(`bench: ${signal}, cleaning up\n`);
    void (current?.run() ?? Promise.resolve()).catch(complain).finally(() => process.exit(130));
  });
}

program.parseAsync().catch((error: unknown) => {
  complain(error);
  process.exitCode = 2;
});

async function main(flags: Flags): Promise<void> {
  const generator = generatorFor(flags.load);
  const out = flags.out ?? join(tmpdir(), `rondo-bench-${String(Date.now())}.json`);
  if (!existsSync(dirname(resolve(out)))) throw new Error(`there is no folder for the record ${out}`);
  await onStage(async (cleanup) => {
    const folder = mkdtempSync(join(tmpdir(), 'rondo-bench-'));
    cleanup.defer('remove the folder', () => rmSync(folder, { recursive: true, force: true }));
    const plan = planOf(flags, generator, folder);
    const { subjects, size, runs } = plan;
    const method = describeMethod(subjects, generator, size, runs, folder);
    process.stdout.write(methodText(method));
    const cells = await measureAll(plan, cleanup);
    conclude(cells, method, out);
  });
}

/** Undoes what `run` defers, whatever happens; a signal does so, too. */
async function onStage(run: (cleanup: Cleanup) => Promise<void>): Promise<void> {
  const cleanup = newCleanup();
  current = cleanup;
  try {
    await run(cleanup);
  } finally {
    await cleanup.run();
  }
}

function planOf(flags: Flags, generator: LoadGenerator, folder: string): Plan {
  const { runs, connections, keys, seconds, only, requests, profile } = flags;
  return {
    generator,
    folder,
    runs,
    subjects: startable(only),
    kinds: REQUEST_KINDS.filter((kind) => requests === undefined || kind === requests),
    size: { connections, keys, seconds, warmUpSeconds: flags.warmUp },
    ...(profile === undefined ? {} : { profileDir: resolve(profile) }),
  };
}

/** Whoever names what is not installed is told so; else it is said and left out. */
function startable(only: readonly Subject[] | undefined): readonly Subject[] {
  return (only ?? SUBJECTS).filter((subject) => {
    const missing = subject.missing?.();
    if (missing === undefined) return true;
    if (only) throw new Error(`${subject.name} cannot be measured without ${missing}`);
    say(`bench: ${subject.name} is left out, without ${missing}`);
    return false;
  });
}

/** One system at a time, in turn, so that a drift of the machine meets all. Ends early where figures mean nothing. */
async function measureAll(plan: Plan, outer: Cleanup): Promise<readonly Cell[]> {
  const cells: Cell[] = [];
  for (let round = 1; round <= plan.runs; round++) {
    say(`round ${String(round)} of ${String(plan.runs)}`);
    for (const kind of plan.kinds) {
      for (const subject of plan.subjects) {
        const cell = await measureOne(plan, { round, kind, subject }, outer);
        cells.push(cell);
        say(progressLine(cell));
        if (cell.complaints.length > 0) return cells;
      }
    }
  }
  return cells;
}

async function measureOne(
  { size, generator, folder, profileDir }: Plan,
  which: { readonly round: number; readonly kind: RequestKind; readonly subject: Subject },
  outer: Cleanup,
): Promise<Cell> {
  const { round, kind, subject } = which;
  const name = `${subject.name}-${kind}-${String(round)}`;
  const cleanup = newCleanup();
  outer.defer(`end ${name}`, () => cleanup.run());
  const profiled = profileDir === undefined ? {} : { profileDir: newFolder(join(profileDir, name)) };
  try {
    return await measureCell({ ...which, size, generator, cleanup, folder: join(folder, name), ...profiled });
  } finally {
    await cleanup.run();
  }
}

/** Empty, so that no profile of an earlier run is taken for one of this. */
function newFolder(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Prints everything and writes the record; a measurement that means nothing makes the exit code 1. */
function conclude(cells: readonly Cell[], method: Method, out: string): void {
  const summaries = summarize(cells, bare.name);
  const verdicts = judge(cells, summaries);
  process.stdout.write(`\n${summaryTable(summaries)}${verdictText(verdicts)}${quietText(cells)}`);
  for (const kind of REQUEST_KINDS) {
    const times = mergeSelfTimes(
      cells.flatMap((cell) => (cell.kind === kind && cell.profile ? [cell.profile] : [])),
    );
    if (times.length > 0) process.stdout.write(`\n${kind.toUpperCase()}: ${profileText(times)}`);
  }
  const record = { format: 1, at: new Date().toISOString(), method, summaries, verdicts, cells };
  writeFileSync(out, `${JSON.stringify(record, null, 1)}\n`);
  process.stdout.write(`\nthe record: ${out}\n`);
  const complaints = cells.flatMap((cell) =>
    cell.complaints.map((text) => `${cell.kind} ${cell.subject}: ${text}`),
  );
  for (const text of complaints) process.stderr.write(`bench: ${text}\n`);
  if (complaints.length > 0) process.exitCode = 1;
}

function generatorFor(name: Flags['load']): LoadGenerator {
  const wrk = name === 'js' ? undefined : findWrk();
  if (wrk === undefined && name === 'wrk') throw new Error('wrk is not on the PATH');
  return wrk ?? jsGenerator();
}

function helpText(): string {
  return `
What is measured: ${SUBJECTS.map(({ name, what }) => `\n  ${name}: ${what}`).join('')}

Requests: ${PUT_METHOD}.
After the PUTs some of them are read back, through another node. A run in which an answer is not 2xx ends the bench.
Latencies are those of wrk, which adds what a stalled server kept from being sent; the JavaScript generator adds nothing,
takes more of the machine than wrk, and so shows less throughput: compare only figures of the same generator.
Figures under --profile are lower than without.

Exit code: 0 measured, 1 a measurement means nothing, 2 it could not run.`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function complain(error: unknown): void {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
}

function parseSubjects(text: string): readonly Subject[] {
  const names = text.split(',');
  const unknown = names.find((each) => SUBJECTS.every(({ name }) => name !== each));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`${unknown} is none of ${listed(SUBJECTS)}; commas stand between several`);
  }
  return SUBJECTS.filter(({ name }) => names.includes(name));
}

function listed(subjects: readonly Subject[]): string {
  return subjects.map(({ name }) => name).join(', ');
}

function parseKeys(text: string): number {
  const value = parseCount(text);
  if (value > KEYS_MAX) throw new InvalidArgumentError(`at most ${String(KEYS_MAX)}`);
  return value;
}
