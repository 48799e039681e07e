import type { Clock } from '../../services/node/ports/clock.js';
import type { Gate } from './gate.js';
import type { Schedule } from './schedule.js';

/** A machine's wall clock: wrong by an offset that drifts. Monotonic time is virtual time, for every timer has its rate. */
export interface WallClock {
  offsetMs: number;
  readonly driftPpm: number;
}

/** Where wall clocks stand when a simulation begins. */
const EPOCH_MS = 1_700_000_000_000;

export interface SimulatedClock extends Clock {
  /** Timers that have been set and neither fired for good nor been cleared. */
  readonly timers: number;
}

export function wallMs(schedule: Schedule, wall: WallClock): number {
  const drifted = schedule.nowMs * (1 + wall.driftPpm / 1e6);
  return Math.floor(EPOCH_MS + drifted + wall.offsetMs);
}

/** `phaseMs`: how long after the start the first tick of a repeated timer comes; nodes do not tick together. */
export function createClock(
  schedule: Schedule,
  gate: Gate,
  wall: WallClock,
  phaseMs: number,
): SimulatedClock {
  const startedMs = schedule.nowMs;
  let timers = 0;
  return {
    get timers() {
      return timers;
    },
    now: () => ({ monotonicMs: schedule.nowMs - startedMs, wallMs: wallMs(schedule, wall) }),
    every: (ms, task) => {
      timers++;
      const stop = repeat(schedule, gate, { ms, phaseMs, task });
      return () => {
        if (stop()) timers--;
      };
    },
  };
}

interface Repeated {
  readonly ms: number;
  readonly phaseMs: number;
  readonly task: () => void;
}

/** Returns what stops it; that says whether it was running. A stopped process finds one tick waiting, not a thousand. */
function repeat(schedule: Schedule, gate: Gate, { ms, phaseMs, task }: Repeated): () => boolean {
  let running = true;
  let waits = false;
  const enter = (): void => {
    waits = false;
    if (running) task();
  };
  const tick = (): void => {
    if (!running || !gate.open) return;
    if (!waits) {
      waits = gate.frozen;
      gate.enter(enter);
    }
    schedule.after(ms, tick);
  };
  schedule.after(phaseMs, tick);
  return () => {
    const was = running;
    running = false;
    return was;
  };
}
