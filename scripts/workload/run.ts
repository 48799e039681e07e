import { randomBytes, randomInt } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { performance } from 'node:perf_hooks';
import { seededRandom } from '../support/random.js';
import { openLog, type LogWriter, type MarkName } from './log.js';
import { runSession, type Request, type Sent } from './session.js';
import { openStorageApi, type Answer, type StorageApi } from './storageApi.js';
import { keyName, sizeOfValue } from './values.js';

export interface WorkloadOptions {
  /** Base URLs; a client goes on to the next when one fails. */
  readonly urls: readonly string[];
  /** Shown to every node; it is not logged. */
  readonly token?: string | undefined;
  /** `spread`, the default: client i starts with URL i modulo their number. `first`: all start with the first. */
  readonly startAt?: 'spread' | 'first';
  readonly clients: number;
  readonly keys: number;
  /** The run ends after this time, or earlier when it is stopped. */
  readonly durationMs: number;
  readonly logFile: string;
  readonly minNumReads?: number | undefined;
  readonly minNumWrites?: number | undefined;
  readonly quorum?: 'strict' | 'sloppy';
  /** States that R + W > N and quorum is strict, so that every single read is judged, too (I7). */
  readonly readsAreStrict?: boolean;
  readonly seed?: number;
  /** How long a client waits for an answer; longer than the cluster's own deadline. */
  readonly requestTimeoutMs?: number;
  readonly valueBytesMax?: number;
}

export interface WorkloadResult {
  readonly run: string;
  readonly seed: number;
  readonly sent: number;
  readonly acknowledged: number;
  readonly inFlightMax: number;
}

export interface Workload {
  /** Settles when every client has its last answer and the log is closed. */
  readonly done: Promise<WorkloadResult>;
  acknowledged(): number;
  inFlight(): number;
  /** Notes a moment in the log, with the number of requests in flight. Throws once the run is over. */
  mark(name: MarkName): void;
  /** Lets every client finish its request; none begins another. */
  stop(): void;
}

interface Counters {
  sent: number;
  acknowledged: number;
  inFlight: number;
  inFlightMax: number;
}

interface Run {
  readonly options: WorkloadOptions;
  readonly log: LogWriter;
  readonly api: StorageApi;
  readonly counters: Counters;
  readonly now: () => number;
}

const REQUEST_TIMEOUT_MS = 5000;
const VALUE_BYTES_MAX = 400;

/**
 * Starts clients that write values unique over all runs and logs each request before it is sent. Nodes may die
 * meanwhile: clients go on with the others. Rejects only where the log cannot be written.
 */
export function startWorkload(options: WorkloadOptions): Workload {
  const seed = options.seed ?? randomInt(2 ** 32);
  const name = randomBytes(4).toString('hex');
  const run = openRun(options, seed, name);
  const stopping = new AbortController();
  setMaxListeners(options.clients + 1, stopping.signal);
  const timer = setTimeout(() => {
    stopping.abort();
  }, options.durationMs);
  let isOver = false;
  const done = runClients(run, seed, name, stopping.signal).finally(() => {
    isOver = true;
    clearTimeout(timer);
    stopping.abort();
    run.api.close();
    run.log.close();
  });
  return {
    done,
    acknowledged: () => run.counters.acknowledged,
    inFlight: () => run.counters.inFlight,
    mark: (mark) => {
      if (isOver) throw new Error(`the load was over before the mark "${mark}"`);
      run.log.append({ t: 'mark', name: mark, at: run.now(), inFlight: run.counters.inFlight });
    },
    stop: () => {
      stopping.abort();
    },
  };
}

function openRun(options: WorkloadOptions, seed: number, name: string): Run {
  const startedMs = performance.now();
  const log = openLog(options.logFile);
  log.append({
    t: 'start',
    run: name,
    seed,
    urls: options.urls,
    clients: options.clients,
    keys: options.keys,
    minNumReads: options.minNumReads ?? null,
    minNumWrites: options.minNumWrites ?? null,
    quorum: options.quorum ?? 'sloppy',
    readsAreStrict: options.readsAreStrict ?? false,
  });
  return {
    options,
    log,
    api: openStorageApi(options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS, options.token),
    counters: { sent: 0, acknowledged: 0, inFlight: 0, inFlightMax: 0 },
    now: () => Math.round((performance.now() - startedMs) * 1000) / 1000,
  };
}

async function runClients(
  run: Run,
  seed: number,
  name: string,
  stopped: AbortSignal,
): Promise<WorkloadResult> {
  const { options, counters } = run;
  const clients = Array.from({ length: options.clients }, (_, client) => {
    const random = seededRandom(seed + client * 7919);
    const pickKey = (): string => keyName(name, random.below(options.keys));
    const send = (request: Request): Promise<Sent> => sendLogged(run, request);
    const nodes = options.urls.length;
    const firstNode = options.startAt === 'first' ? 0 : client % nodes;
    return runSession({ client, run: name, nodes, firstNode, random, pickKey, send, stopped });
  });
  await Promise.all(clients);
  const { sent, acknowledged, inFlightMax } = counters;
  return { run: name, seed, sent, acknowledged, inFlightMax };
}

async function sendLogged(run: Run, request: Request): Promise<Sent> {
  const { counters, log } = run;
  const { client, node, op, key, write } = request;
  const n = ++counters.sent;
  await log.written({ t: 'send', n, at: run.now(), client, node, op, key, ...(write ? { write } : {}) });
  counters.inFlight++;
  counters.inFlightMax = Math.max(counters.inFlightMax, counters.inFlight);
  const answer = await perform(run, request);
  counters.inFlight--;
  if (write && answer.outcome === 'ok') counters.acknowledged++;
  const { outcome, code, version, values } = answer;
  log.append({
    t: 'answer',
    n,
    at: run.now(),
    outcome,
    code,
    ...(version === undefined ? {} : { version }),
    ...(values === undefined ? {} : { values }),
  });
  return { n, answer };
}

function perform(run: Run, request: Request): Promise<Answer> {
  const { api, options } = run;
  const { key, op, write, fromVersion = '', onConflict = 'refuse' } = request;
  const url = options.urls[request.node] ?? '';
  const quorum = options.quorum ?? 'sloppy';
  const { minNumReads, minNumWrites } = options;
  if (op === 'get' || !write) return api.get(url, key, { minNumReads, quorum });
  if (op === 'delete') return api.remove(url, key, { fromVersion, minNumWrites, quorum });
  const value = write.deletes === true ? undefined : write.value;
  const sizeBytes = sizeOfValue(write.value, options.valueBytesMax ?? VALUE_BYTES_MAX);
  const { requestId } = write;
  return api.put(url, key, { fromVersion, minNumWrites, quorum, value, sizeBytes, onConflict, requestId });
}
