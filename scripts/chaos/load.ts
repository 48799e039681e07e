import { join } from 'node:path';
import { waitUntil } from '../support/processes.js';
import { readFinals } from '../workload/finalReads.js';
import { keysOf, readLog } from '../workload/log.js';
import { startWorkload, type Workload, type WorkloadOptions } from '../workload/run.js';
import { judge, type Verdict } from '../workload/verdict.js';

/** How large a run is; everything else is the scenario's. */
export interface LoadSize {
  readonly clients: number;
  readonly keys: number;
  /** The load goes on until so many writes are acknowledged. */
  readonly acknowledged: number;
  /** A fault strikes only while at least so many requests are in flight. */
  readonly inFlight: number;
  /** The load ends after this time, whatever has been reached. */
  readonly timeoutMs: number;
}

export interface Load {
  readonly workload: Workload;
  readonly logFile: string;
  /** Waits for `share` of the wanted acknowledged writes, and for enough in flight. */
  reach(share: number): Promise<void>;
  /** The same for a number of acknowledged writes. */
  reachWrites(acknowledged: number): Promise<void>;
}

/** The log lies under this name in the folder of the run. */
export const LOG_NAME = 'run.log';

const FINAL_READS_TIMEOUT_MS = 60_000;

export function startLoad(
  size: LoadSize,
  folder: string,
  options: Pick<WorkloadOptions, 'urls' | 'startAt' | 'minNumReads' | 'minNumWrites' | 'quorum'>,
): Load {
  const logFile = join(folder, LOG_NAME);
  const { clients, keys, timeoutMs } = size;
  const { quorum = 'strict' } = options;
  const workload = startWorkload({
    ...options,
    ...{ quorum, readsAreStrict: quorum === 'strict' },
    ...{ clients, keys, logFile, durationMs: timeoutMs },
  });
  let isOver = false;
  const onOver = (): boolean => (isOver = true);
  // A failure is reported where the load is awaited.
  workload.done.then(onOver, onOver);
  const reachWrites = async (wanted: number): Promise<void> => {
    const enough = (): boolean => isOver || workload.acknowledged() >= wanted;
    await waitUntil(`${String(wanted)} acknowledged writes`, enough, timeoutMs);
    if (isOver) throw new Error(`the load was over before ${String(wanted)} acknowledged writes`);
    const busy = (): boolean => workload.inFlight() >= size.inFlight;
    await waitUntil(`${String(size.inFlight)} requests in flight`, busy, 10_000);
  };
  return {
    workload,
    logFile,
    reach: (share) => reachWrites(Math.ceil(size.acknowledged * share)),
    reachWrites,
  };
}

/** Reads everything back through `urls` and judges the run. */
export async function judgeLoad(
  size: LoadSize,
  logFile: string,
  urls: readonly string[],
  reads: { readonly minNumReads?: number; readonly quorum?: 'strict' | 'sloppy' } = {},
): Promise<Verdict> {
  const keys = keysOf(readLog(logFile));
  await readFinals({ urls, keys, logFile, ...reads, timeoutMs: FINAL_READS_TIMEOUT_MS });
  return judge(readLog(logFile), { acknowledgedMin: size.acknowledged, inFlightAtFaultMin: size.inFlight });
}
