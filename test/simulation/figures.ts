import type { Fact } from '../../services/node/core/protocol/events.js';
import type { FaultKind } from './plan.js';

/** What a fault is counted as: its kind, with the shape of a cut and what became of a disk. */
export type FaultName =
  | FaultKind
  | 'wipe'
  | 'move'
  | `wipe:${string}`
  | 'tornBatch'
  | 'keptBatch'
  | 'failedBatch'
  | `cut:${string}`
  | `clog:${string}`
  | 'cutMessage'
  | 'cloggedMessage'
  | 'loss'
  | 'duplicate'
  | 'unroutable'
  /** What the core counts. */
  | `fact:${Fact}`;

/** What went on in a simulation, for people. */
export interface Figures {
  readonly faults: Map<FaultName, number>;
  messages: number;
  count(name: FaultName): void;
}

export function createFigures(): Figures {
  const faults = new Map<FaultName, number>();
  return {
    faults,
    messages: 0,
    count: (name) => void faults.set(name, (faults.get(name) ?? 0) + 1),
  };
}
