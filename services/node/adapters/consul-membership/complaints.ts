import type { Log } from '../../ports/telemetry.js';
import { ADVICE, type Fault, type FaultKind } from './faults.js';

/** Says once that something does not work, why, and what to do; once more for each other reason; and once that it works. */
export interface Complaints {
  bad(fault: Fault): void;
  good(): void;
}

export interface Wording {
  readonly bad: string;
  readonly good: string;
  /** What is said elsewhere too is not said here: all kinds where nothing is given. */
  readonly kinds?: readonly FaultKind[];
  readonly url: string;
}

export function createComplaints(log: Log, { bad, good, kinds, url }: Wording): Complaints {
  const told = new Set<FaultKind>();
  return {
    bad: ({ kind, detail }) => {
      if (kind === 'closing' || told.has(kind) || kinds?.includes(kind) === false) return;
      told.add(kind);
      log.log('warn', bad, { reason: kind, detail, url, advice: ADVICE[kind] });
    },
    good: () => {
      if (told.size > 0) log.log('info', good, { url });
      told.clear();
    },
  };
}
