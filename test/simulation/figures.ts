import type { Fact } from '../../services/node/core/protocol/events.js';
import type { Message } from '../../services/node/core/protocol/messages.js';
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
  | `crashIn:${string}`
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
  /** How many messages of each kind were sent. */
  readonly sent: ReadonlyMap<Message['type'], number>;
  count(name: FaultName): void;
  countSent(type: Message['type']): void;
}

export function createFigures(): Figures {
  const faults = new Map<FaultName, number>();
  const sent = new Map<Message['type'], number>();
  const figures: Figures = {
    ...{ faults, sent, messages: 0 },
    count: (name) => void faults.set(name, (faults.get(name) ?? 0) + 1),
    countSent: (type) => {
      figures.messages++;
      sent.set(type, (sent.get(type) ?? 0) + 1);
    },
  };
  return figures;
}
