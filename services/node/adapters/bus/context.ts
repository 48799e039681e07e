import { performance } from 'node:perf_hooks';
import type { Message } from '../../core/protocol/messages.js';
import type { NodeId } from '../../core/types.js';
import type { Log, Metrics } from '../../ports/telemetry.js';
import type { LocalNode } from './localNode.js';
import { createReporter, type Reporter } from './reporter.js';
import type { Returns } from './returns.js';

/** What the parts of one bus share. */
export interface SharedContext<Tuning> {
  readonly node: LocalNode;
  readonly tuning: Tuning;
  readonly report: Reporter;
  /** Monotonic. */
  readonly nowMs: () => number;
  /** Whether another node may send to this one. */
  readonly admits: (id: NodeId) => boolean;
  /** Returns a message as unroutable, later. */
  readonly giveBack: (to: NodeId, message: Message) => void;
}

export interface ContextOptions {
  readonly self: NodeId;
  readonly clusterId: () => string;
  readonly incarnation: number;
  readonly epoch: () => number;
  readonly secret?: Uint8Array;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** @param admits of nodes other than this one */
export function createContext<Tuning>(
  { self, clusterId, incarnation, epoch, secret, log, metrics }: ContextOptions,
  tuning: Tuning,
  admits: (id: NodeId) => boolean,
  returns: Returns,
): SharedContext<Tuning> {
  const nowMs = () => performance.now();
  const report = createReporter(log, metrics, nowMs);
  return {
    node: { self, clusterId, incarnation, epoch, secret },
    tuning,
    report,
    nowMs,
    admits: (id) => id !== self && admits(id),
    giveBack: (to, message) => {
      report.unroutable();
      returns.add(to, message);
    },
  };
}
