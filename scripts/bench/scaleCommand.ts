import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cleanup } from '../support/cleanup.js';
import { reservePorts } from '../support/ports.js';
import type { Resources } from '../support/resources.js';
import { table } from '../workload/report.js';
import { parseCount } from './flags.js';
import { profileText } from './report.js';
import { VALUE_BYTES } from './requests.js';
import { measureScale, type ScaleFigures } from './scale.js';

interface Flags {
  readonly keys: number;
  readonly connections: number;
  readonly restSeconds: number;
  readonly settleSeconds: number;
  readonly rebuild?: boolean;
  readonly profile?: string;
  readonly out?: string;
}

/** What a node with a million small keys may take. */
const TARGETS = { memoryMebibytes: 250, comparingShare: 0.01 } as const;

/** `onStage` gives a run what it has to itself, and takes it back. */
export function addScale(
  program: Command,
  onStage: (run: (cleanup: Cleanup) => Promise<void>) => Promise<void>,
): void {
  program
    .command('scale')
    .description('what many keys cost three nodes at rest: memory, start, hash trees, comparing replicas')
    .option('--keys <number>', 'how many', parseCount, 1_000_000)
    .option('--connections <number>', 'to each node while they are stored', parseCount, 32)
    .option('--rest-seconds <number>', 'how long CPU is measured at rest', parseCount, 120)
    .option('--settle-seconds <number>', 'before that, and after the load', parseCount, 10)
    .option('--rebuild', 'in the end one node loses its data: how long is it rebuilt')
    .option('--profile <folder>', 'keep CPU profiles of the nodes there, and show where the time goes')
    .option('--out <file>', 'where the record goes, as JSON (default: nowhere)')
    .action((flags: Flags) => onStage((cleanup) => scale(flags, cleanup)));
}

async function scale({ profile, out, ...rest }: Flags, cleanup: Cleanup): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'rondo-scale-'));
  cleanup.defer('remove the folder', () => rmSync(folder, { recursive: true, force: true }));
  const ports = await reservePorts();
  cleanup.defer('release the ports', () => ports.release());
  const profileDir = profile === undefined ? undefined : resolve(profile);
  if (profileDir !== undefined) mkdirSync(profileDir, { recursive: true });
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const figures = await measureScale({
    ...{ ...rest, folder, ports, cleanup, say },
    ...(profileDir === undefined ? {} : { profileDir }),
  });
  process.stdout.write(`${scaleLines(figures).join('\n')}\n`);
  const { treeProfile, restProfile } = figures;
  if (treeProfile) process.stdout.write(`\nTrees: ${profileText(treeProfile)}`);
  if (restProfile) process.stdout.write(`\nAt rest: ${profileText(restProfile)}`);
  if (out !== undefined) writeFileSync(out, `${JSON.stringify(figures, null, 1)}\n`);
}

/** The figures for a person, targets beside them. */
export function scaleLines(figures: ScaleFigures): readonly string[] {
  const { trees, restShares, idleShares, rebuiltSeconds } = figures;
  const comparing = restShares.map((share, index) => share - (idleShares[index] ?? 0));
  return table([
    [
      'keys',
      `${figures.keys.toLocaleString('en')}, values of ${String(VALUE_BYTES)} bytes, 3 nodes that hold all`,
    ],
    ['stored', `${figures.putsPerSecond.toFixed(0)} a second`],
    ['memory, stored', memoryText(figures.loaded)],
    ['memory, all trees', memoryText(figures.compared)],
    ['memory, at rest', memoryText(figures.rested)],
    ['started, all at once', list(figures.startedSeconds, (one) => `${one.toFixed(1)} s`)],
    ['started, one alone', `${figures.startedAloneSeconds.toFixed(1)} s`],
    [
      'all trees',
      `${trees.seconds.toFixed(1)} s, CPU ${list(trees.cpuSeconds, (one) => `${one.toFixed(1)} s`)}`,
    ],
    ['CPU at rest', list(restShares, percent)],
    ['CPU without comparing', list(idleShares, percent)],
    ['CPU of comparing', `${list(comparing, percent)}; ${judged(comparing, TARGETS.comparingShare, '1 %')}`],
    ...(rebuiltSeconds === undefined ? [] : [['one rebuilt', `${rebuiltSeconds.toFixed(1)} s`] as const]),
  ]);
}

function memoryText(resources: readonly Resources[]): string {
  const mebibytes = resources.map(({ memoryBytes }) => memoryBytes / 2 ** 20);
  const own = resources.map(({ ownBytes }) => ownBytes / 2 ** 20);
  const verdict = judged(mebibytes, TARGETS.memoryMebibytes, `${String(TARGETS.memoryMebibytes)} MiB`);
  return `${list(mebibytes, whole)} MiB, without mapped files ${list(own, whole)} MiB; ${verdict}`;
}

function judged(figures: readonly number[], most: number, target: string): string {
  return figures.every((figure) => figure <= most) ? `within ${target}` : `OVER ${target}`;
}

function list(figures: readonly number[], text: (figure: number) => string): string {
  return figures.map(text).join(', ');
}

function whole(figure: number): string {
  return figure.toFixed(0);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
