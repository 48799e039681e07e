#!/usr/bin/env node
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { expandPlan } from '../../test/simulation/expand.js';
import { type Plan, planFromJson, planToJson } from '../../test/simulation/plan.js';
import { PLANTED_BUGS } from '../../test/simulation/planted/patches.js';
import { parseSeed, seedAt } from '../../test/simulation/random.js';
import type { SimulationResult } from '../../test/simulation/simulate.js';
import { type Campaign, runCampaign } from './campaign.js';
import { findPlanted } from './planted.js';
import { openPool, type Pool } from './pool.js';
import { failureText, figureTable, progressLine } from './report.js';
import { presentShrunk, shrinkFailure } from './shrinking.js';

interface Flags {
  readonly seeds?: number;
  readonly seed?: bigint;
  readonly plan?: string;
  readonly minutes?: number;
  readonly baseSeed?: bigint;
  readonly planted?: string | true;
  readonly shrink?: boolean;
  readonly timeline?: boolean;
  readonly json?: boolean;
  readonly workers: number;
}

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
const DIST = fileURLToPath(new URL('../../', import.meta.url));
const PROGRESS_MS = 2000;
const SEEDS_DEFAULT = 200;
const PLANTED_SEEDS = 200;

const program = new Command('simulate')
  .description(
    'Runs whole clusters in one thread under a virtual clock, with any fault, and judges what clients saw.',
  )
  .option('--seeds <number>', `how many seeds to run (default: ${String(SEEDS_DEFAULT)})`, parseCount)
  .option('--minutes <number>', 'run seeds for so long', parseCount)
  .option('--base-seed <seed>', 'the first seed (default: random, printed)', parseSeedFlag)
  .option('--seed <seed>', 'run this seed, twice', parseSeedFlag)
  .option('--plan <file>', 'run a plan that was kept')
  .option('--planted [name]', 'plant known bugs, all or one, and find each within 200 seeds')
  .option('--shrink', 'make a failing plan small and leave it in a file')
  .option('--timeline', 'with --seed or --plan: print what happens')
  .option('--json', 'print results as JSON')
  .option('--workers <number>', 'processes', parseCount, availableParallelism())
  .action(main);

await program.parseAsync();

async function main(flags: Flags): Promise<void> {
  if (flags.planted !== undefined) {
    await searchPlanted(flags, flags.planted);
    return;
  }
  const single = flags.seed !== undefined || flags.plan !== undefined;
  const pool = openPool(WORKER, single && flags.shrink !== true ? 1 : flags.workers);
  try {
    if (single) await runOne(pool, flags);
    else await runMany(pool, flags);
  } finally {
    pool.close();
  }
}

async function runMany(pool: Pool, flags: Flags): Promise<void> {
  const base = flags.baseSeed ?? randomSeed();
  const startedMs = performance.now();
  const elapsedMs = (): number => performance.now() - startedMs;
  const endsMs = flags.minutes === undefined ? Infinity : flags.minutes * 60_000;
  const seeds = flags.seeds ?? (flags.minutes === undefined ? SEEDS_DEFAULT : Infinity);
  print(flags, `base seed 0x${base.toString(16)}\n`);
  let printedMs = 0;
  let told = 0;
  const onResult = (campaign: Campaign): void => {
    for (const failure of campaign.failures.slice(told)) print(flags, failureText(failure));
    told = campaign.failures.length;
    if (elapsedMs() - printedMs < PROGRESS_MS) return;
    printedMs = elapsedMs();
    print(flags, `${progressLine(campaign, printedMs)}\n`);
  };
  const campaign = await runCampaign(pool, { base, seeds, isOver: () => elapsedMs() > endsMs, onResult });
  if (flags.json === true) printJson({ ...campaign, base: seedAt(base, 0), faults: [...campaign.faults] });
  else process.stdout.write(`\n${figureTable(campaign, elapsedMs())}`);
  const [first] = campaign.failures;
  if (first && flags.shrink === true) presentShrunk(await shrinkFailure(pool, first));
  if (first) process.exitCode = 1;
}

async function runOne(pool: Pool, flags: Flags): Promise<void> {
  const kept = flags.plan === undefined ? undefined : readPlan(flags.plan);
  const seed = seedAt(flags.seed ?? 0n, 0);
  const result = kept
    ? await pool.run({ plan: planToJson(kept), keepsLines: true })
    : await pool.run({ seed, twice: true });
  if (flags.timeline === true) await printTimeline(pool, result, kept);
  if (flags.json === true) printJson({ ...result, lines: undefined });
  else process.stdout.write(`${summaryOf(result)}\n`);
  if (result.violations.length === 0) return;
  print(flags, failureText(result));
  process.exitCode = 1;
  if (flags.shrink === true) presentShrunk(await shrinkFailure(pool, result, kept));
}

async function printTimeline(pool: Pool, result: SimulationResult, kept: Plan | undefined): Promise<void> {
  const plan = planToJson(kept ?? expandPlan(result.seed));
  const { lines } = await pool.run({ plan, keepsLines: true });
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

function summaryOf({ seed, hash, simulatedMs, requests, acknowledged, messages }: SimulationResult): string {
  const seconds = (simulatedMs / 1000).toFixed(0);
  return `seed ${seed}: trace ${hash}, ${seconds} s simulated, ${String(requests)} requests, ${String(acknowledged)} writes acknowledged, ${String(messages)} messages`;
}

async function searchPlanted(flags: Flags, name: string | true): Promise<void> {
  const bugs = PLANTED_BUGS.filter((bug) => name === true || bug.name === name);
  if (bugs.length === 0) {
    const names = PLANTED_BUGS.map((bug) => bug.name).join(', ');
    program.error(`error: no planted bug is called ${String(name)}; there are: ${names}`);
  }
  const base = flags.baseSeed ?? randomSeed();
  print(flags, `base seed 0x${base.toString(16)}\n`);
  const search = {
    dist: DIST,
    workers: flags.workers,
    base,
    seeds: PLANTED_SEEDS,
    shrinks: flags.shrink === true,
  };
  for (const bug of bugs) {
    const finding = await findPlanted(bug, search);
    const { shrunk, ...rest } = finding;
    if (flags.json === true) printJson({ ...rest, plan: shrunk?.plan });
    else {
      const found =
        finding.foundAfter === undefined ? 'NOT FOUND' : `found by seed ${String(finding.foundAfter)}`;
      process.stdout.write(`${bug.name.padEnd(32)} ${found.padEnd(20)} ${finding.detail}\n`);
      if (shrunk) presentShrunk(shrunk);
    }
    if (finding.foundAfter === undefined) process.exitCode = 1;
  }
}

function readPlan(file: string): Plan {
  try {
    return planFromJson(readFileSync(file, 'utf8'));
  } catch (error) {
    return program.error(`error: ${file} cannot be read as a plan: ${String(error)}`);
  }
}

/** Progress is for people. */
function print(flags: Flags, text: string): void {
  if (flags.json !== true) process.stdout.write(text);
}

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function randomSeed(): bigint {
  return randomBytes(8).readBigUInt64BE();
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return count;
}

function parseSeedFlag(text: string): bigint {
  try {
    return parseSeed(text);
  } catch {
    throw new InvalidArgumentError('It must be a decimal number, 0x…, or 16 hexadecimal digits.');
  }
}
