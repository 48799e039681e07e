/** Times of a registry. The defaults are what a cluster runs with; tests shorten them. */
export interface ConsulTuning {
  /** How long a blocking query waits at most; Consul adds a sixteenth. */
  readonly waitMs: number;
  /** Until a blocking query has to be answered. */
  readonly watchMs: number;
  /** From one query of a watch to the next at least, however often it is woken. */
  readonly wakeMs: number;
  readonly backoffMsMin: number;
  readonly backoffMsMax: number;
  /** From one look at the own registration to the next. */
  readonly lookMs: number;
  /** From one change of the own registration to the next at least. */
  readonly updateMs: number;
  readonly registerMs: number;
  /** For taking the registration back. */
  readonly goodbyeMs: number;
  readonly damping: DampingTuning;
}

export interface DampingTuning {
  /** So long a change has to hold before it is told, the first time; the double each time. */
  readonly holdMs: number;
  readonly holdMsMax: number;
  /** After so long without a change, earlier ones are forgotten. */
  readonly steadyMs: number;
}

export const DEFAULT_TUNING: ConsulTuning = {
  waitMs: 3000,
  watchMs: 5000,
  wakeMs: 100,
  backoffMsMin: 100,
  backoffMsMax: 3000,
  lookMs: 3000,
  updateMs: 1000,
  registerMs: 2000,
  goodbyeMs: 1000,
  damping: { holdMs: 3000, holdMsMax: 60_000, steadyMs: 120_000 },
};

/** Grows with each failure in a row, and differs from node to node, so that they do not all come back at once. */
export function backoffMs({ backoffMsMin, backoffMsMax }: ConsulTuning, failures: number): number {
  const fullMs = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(failures, 16));
  return Math.max(backoffMsMin, fullMs * (0.5 + Math.random() / 2));
}
