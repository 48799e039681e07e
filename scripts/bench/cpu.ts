import { readFileSync } from 'node:fs';

/** Linux counts the time of processes in hundredths of a second towards programs, whatever its own clock does. */
const TICK_MICROS = 10_000;

/** User and system time, in µs. */
export interface ProcessCpu {
  /** Of the process and its threads. */
  readonly ownMicros: number;
  /** Of its children that have ended. */
  readonly childrenMicros: number;
}

/** Reads the text of /proc/PID/stat. Throws on another text. */
export function parseProcessCpu(stat: string): ProcessCpu {
  // The name of the command stands in brackets and may hold anything; the fields after it have none.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user = NaN, system = NaN, childUser = NaN, childSystem = NaN] = fields.slice(11, 15).map(Number);
  if (!Number.isSafeInteger(user + system + childUser + childSystem)) {
    throw new Error(`not the text of /proc/PID/stat: ${stat.slice(0, 200)}`);
  }
  return {
    ownMicros: (user + system) * TICK_MICROS,
    childrenMicros: (childUser + childSystem) * TICK_MICROS,
  };
}

/** Fields of the first line of /proc/stat in which no work was done: idle, and waiting for a disk. */
const IDLE_FIELDS: readonly number[] = [3, 4];

/** Fields after these count time of guests that is already in the others. */
const FIELDS = 8;

/** Time that all cores together have worked, from the text of /proc/stat, in µs. Throws on another text. */
export function parseBusyMicros(stat: string): number {
  const fields = /^cpu +(.*)/.exec(stat)?.[1]?.split(' ').map(Number).slice(0, FIELDS) ?? [];
  const ticks = fields.reduce((sum, one, index) => (IDLE_FIELDS.includes(index) ? sum : sum + one), 0);
  if (fields.length < FIELDS || !Number.isSafeInteger(ticks)) throw new Error('not the text of /proc/stat');
  return ticks * TICK_MICROS;
}

/** Where the time of all cores has gone so far, in µs. */
export interface CpuReading {
  readonly atMs: number;
  readonly serversMicros: number;
  /** This process and the load processes that have ended. */
  readonly loadMicros: number;
  readonly machineMicros: number;
}

/** `servers`: the processes that serve. Undefined where the kernel has no /proc, or a process is gone. */
export function readCpu(servers: readonly number[]): CpuReading | undefined {
  const read = (path: string): string => readFileSync(`/proc/${path}/stat`, 'utf8');
  try {
    const self = parseProcessCpu(read('self'));
    return {
      atMs: performance.now(),
      serversMicros: servers.reduce((sum, pid) => sum + parseProcessCpu(read(String(pid))).ownMicros, 0),
      loadMicros: self.ownMicros + self.childrenMicros,
      machineMicros: parseBusyMicros(readFileSync('/proc/stat', 'utf8')),
    };
  } catch {
    return undefined;
  }
}

export interface CpuUse {
  readonly serversMicros: number;
  /** How many cores anything else on the machine kept busy. */
  readonly othersCores: number;
}

export function cpuUse(before: CpuReading | undefined, after: CpuReading | undefined): CpuUse | undefined {
  if (before === undefined || after === undefined) return undefined;
  const serversMicros = after.serversMicros - before.serversMicros;
  const ownMicros = serversMicros + after.loadMicros - before.loadMicros;
  const othersMicros = Math.max(0, after.machineMicros - before.machineMicros - ownMicros);
  return { serversMicros, othersCores: othersMicros / ((after.atMs - before.atMs) * 1000) };
}
