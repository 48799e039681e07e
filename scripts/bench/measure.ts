import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Cleanup } from '../support/cleanup.js';
import { reservePorts } from '../support/ports.js';
import { resourcesOf } from '../support/resources.js';
import { type CpuUse, cpuUse, readCpu } from './cpu.js';
import { mergeLatencies, percentileMs } from './latency.js';
import { type LoadGenerator, type LoadOrder, type LoadResult, runLoad, sumFailures } from './load.js';
import { monotonicMicros, readProfiles, type SelfTime } from './profile.js';
import { runRawLoad } from './rawLoad.js';
import { freshPrefix, type KeyChoice, type RequestKind, STORED_PREFIX, VALUE_CHARS } from './requests.js';
import type { RunningSubject, Subject } from './subject.js';

export interface LoadSize {
  /** Of each load process. */
  readonly connections: number;
  readonly keys: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface CellOrder {
  readonly round: number;
  readonly subject: Subject;
  readonly kind: RequestKind;
  readonly size: LoadSize;
  readonly generator: LoadGenerator;
  /** A new folder for this measurement. */
  readonly folder: string;
  readonly cleanup: Cleanup;
  readonly profileDir?: string;
}

/** One measurement: one subject, started for it, under one kind of request. */
export interface Cell {
  readonly round: number;
  readonly subject: string;
  readonly kind: RequestKind;
  readonly answered: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** User and system time of all processes that serve; absent where the system does not tell. */
  readonly cpuMicrosPerRequest?: number;
  /** How many cores other work on the machine kept busy meanwhile; absent where the system does not tell. */
  readonly othersCores?: number;
  /** Resident, of each process that serves. */
  readonly memoryBytes: readonly number[];
  readonly failures: Readonly<Record<string, number>>;
  /** Why this measurement means nothing; empty where it does. */
  readonly complaints: readonly string[];
  /** Of the measured time only; present where profiles were wanted and left. */
  readonly profile?: readonly SelfTime[];
}

/** So many keys of a load of PUTs are read back, through another node. */
const CHECKED_KEYS = 100;

const STEP_TIMEOUT_SECONDS = 120;

type Phase = 'warm' | 'measured';

/** Starts the subject, loads it and ends it. Throws where that is not possible; bad answers are complaints. */
export async function measureCell(order: CellOrder): Promise<Cell> {
  const { subject, kind, size, folder, cleanup, profileDir } = order;
  mkdirSync(folder, { recursive: true });
  cleanup.defer('remove a folder', () => rmSync(folder, { recursive: true, force: true }));
  const ports = await reservePorts();
  cleanup.defer('release the ports', () => ports.release());
  const running = await subject.start({ folder, ports, cleanup, ...(profileDir ? { profileDir } : {}) });
  if (kind === 'get') await storeKeys(order, running);
  if (size.warmUpSeconds > 0) await loadAll(order, running, 'warm');
  const fromMicros = monotonicMicros();
  const before = readCpu(running.pids());
  const results = await loadAll(order, running, 'measured');
  const cpu = cpuUse(before, readCpu(running.pids()));
  const window = { fromMicros, toMicros: monotonicMicros() };
  const memoryBytes = running.pids().map((pid) => resourcesOf(pid)?.memoryBytes ?? 0);
  const complaints = await complaintsOf(order, running, results);
  await running.stop();
  return {
    ...identityOf(order),
    ...figuresOf(results, cpu),
    memoryBytes,
    complaints,
    ...(profileDir ? { profile: readProfiles(profileDir, window) } : {}),
  };
}

function identityOf({ round, subject, kind }: CellOrder): Pick<Cell, 'round' | 'subject' | 'kind'> {
  return { round, subject: subject.name, kind };
}

type Figures = Omit<Cell, 'round' | 'subject' | 'kind' | 'memoryBytes' | 'complaints' | 'profile'>;

export function figuresOf(results: readonly LoadResult[], cpu: CpuUse | undefined): Figures {
  const answered = sum(results.map((result) => result.answered));
  const latencies = mergeLatencies(results.map((result) => result.latencies));
  return {
    answered,
    perSecond: sum(results.map((result) => result.answered / result.seconds)),
    p50Ms: percentileMs(latencies, 0.5),
    p99Ms: percentileMs(latencies, 0.99),
    ...(cpu ? { cpuMicrosPerRequest: cpu.serversMicros / answered, othersCores: cpu.othersCores } : {}),
    failures: sumFailures(results),
  };
}

/** The keys that will be asked for. */
async function storeKeys({ subject, size }: CellOrder, { urls }: RunningSubject): Promise<void> {
  const { failures } = await runRawLoad({
    url: urls[0] ?? '',
    shape: subject.requests.put,
    keys: { type: 'sequence', prefix: STORED_PREFIX, first: 1 },
    connections: size.connections,
    seconds: STEP_TIMEOUT_SECONDS,
    seed: 1,
    requests: size.keys,
  });
  const problem = listFailures(failures);
  if (problem !== '') throw new Error(`${subject.name}: the keys to read could not be stored: ${problem}`);
}

/** One load process for each URL, side by side. */
function loadAll(order: CellOrder, { urls }: RunningSubject, phase: Phase): Promise<LoadResult[]> {
  const { subject, kind, size, generator, folder, cleanup, round } = order;
  return Promise.all(
    urls.map((url, loader) => {
      const load: LoadOrder = {
        url,
        shape: subject.requests[kind],
        keys: keysOf(order, phase, loader),
        connections: size.connections,
        seconds: phase === 'warm' ? size.warmUpSeconds : size.seconds,
        seed: round * 1000 + loader * 10 + (phase === 'warm' ? 0 : 1),
      };
      return runLoad(generator, load, join(folder, `load-${phase}-${String(loader)}`), cleanup);
    }),
  );
}

function keysOf({ kind, size }: CellOrder, phase: Phase, loader: number): KeyChoice {
  if (kind === 'get') return { type: 'random', prefix: STORED_PREFIX, count: size.keys };
  return { type: 'sequence', prefix: freshPrefix(phase.charAt(0), loader), first: 1 };
}

async function complaintsOf(
  order: CellOrder,
  running: RunningSubject,
  results: readonly LoadResult[],
): Promise<readonly string[]> {
  const problem = listFailures(sumFailures(results));
  if (problem !== '') return [`not every request was answered with 2xx: ${problem}`];
  if (results.some((result) => result.answered === 0)) return ['a load process got no answer'];
  if (order.kind === 'put') return checkStored(order, running, results);
  return results.every((result) => carriesValues(order.subject, result))
    ? []
    : ['the answers are too short to hold a value'];
}

function carriesValues({ emptyAnswerBytes = 0 }: Subject, { bytes, answered }: LoadResult): boolean {
  return bytes / answered > emptyAnswerBytes + VALUE_CHARS;
}

/** That the PUTs really wrote: some of what each load process stored is read through the next node. */
async function checkStored(
  { subject, size }: CellOrder,
  { urls }: RunningSubject,
  results: readonly LoadResult[],
): Promise<readonly string[]> {
  const complaints: string[] = [];
  for (const [loader, { answered }] of results.entries()) {
    const requests = Math.min(CHECKED_KEYS, answered - size.connections);
    if (requests < 1) continue;
    const read = await runRawLoad({
      url: urls[(loader + 1) % urls.length] ?? '',
      shape: subject.requests.get,
      // wrk makes up its first request to look at it, and does not send it.
      keys: { type: 'sequence', prefix: freshPrefix('m', loader), first: 2 },
      connections: 1,
      seconds: STEP_TIMEOUT_SECONDS,
      seed: 1,
      requests,
    });
    const problem = listFailures(read.failures);
    if (problem !== '') complaints.push(`what was stored cannot be read: ${problem}`);
    else if (!carriesValues(subject, read)) complaints.push('what was stored is read without its value');
  }
  return complaints;
}

function listFailures(failures: Readonly<Record<string, number>>): string {
  return Object.entries(failures)
    .map(([name, count]) => `${name}: ${String(count)}`)
    .join(', ');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
