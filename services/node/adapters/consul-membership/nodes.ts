import { performance } from 'node:perf_hooks';
import type { RegisteredNode } from '../../core/protocol/store.js';
import type { NodeId } from '../../core/types.js';
import type { Log, Metrics } from '../../ports/telemetry.js';
import { readService } from './calls.js';
import { nodesOf } from './catalog.js';
import type { Client } from './client.js';
import { createComplaints } from './complaints.js';
import { dampen, nextDueMs, toldNodes, UNDAMPED } from './damping.js';
import type { Life } from './life.js';
import type { ConsulTuning } from './tuning.js';
import { watch } from './watch.js';

export interface NodesOptions {
  readonly client: Client;
  readonly life: Life;
  readonly tuning: ConsulTuning;
  readonly service: string;
  readonly url: string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly onNodes: (nodes: readonly RegisteredNode[]) => void;
}

/** Watches who is registered, and tells it, damped, whenever that is something else than was told last. */
export function watchNodes(options: NodesOptions): void {
  const { client, life, tuning, service, url, log, metrics } = options;
  const complaints = createComplaints(log, {
    bad: 'the nodes that are registered in Consul cannot be read',
    good: 'the nodes that are registered in Consul can be read again',
    // Whether Consul is reached is said by the watch of the document.
    kinds: ['refused', 'overlong'],
    url,
  });
  const wait = `${String(tuning.waitMs)}ms`;
  const teller = createTeller(options);
  const watching = watch({
    life,
    tuning,
    ask: (index) => readService(client, service, tuning.watchMs, { index, wait }),
    onSeen: ({ entries }) => {
      complaints.good();
      const reject = (reason: string): void => metrics.count('rondo_registry_rejected_total', { reason });
      teller.see(nodesOf(entries, reject));
    },
    onFault: (fault) => {
      complaints.bad(fault);
      teller.blind();
    },
  });
  void watching.then(() => teller.blind());
}

interface Teller {
  see(view: ReadonlyMap<NodeId, RegisteredNode>): void;
  /** Whether what was seen last still holds is not known: nothing is told until the next look. */
  blind(): void;
}

function createTeller({ life, tuning, metrics, onNodes }: NodesOptions): Teller {
  let damped = UNDAMPED;
  let told: readonly RegisteredNode[] = [];
  let timer: NodeJS.Timeout | undefined;

  function see(view: ReadonlyMap<NodeId, RegisteredNode>): void {
    clearTimeout(timer);
    if (life.hasEnded()) return;
    const nowMs = performance.now();
    damped = dampen(damped, view, nowMs, tuning.damping);
    const dueMs = nextDueMs(damped, tuning.damping);
    // Unchanged queries come back every few seconds anyway; this one is for what is due before.
    if (dueMs < Infinity) timer = setTimeout(() => see(view), Math.max(1, dueMs - nowMs)).unref();
    const nodes = toldNodes(damped);
    if (isSame(nodes, told)) return;
    told = nodes;
    onNodes(nodes);
  }

  metrics.gauge('rondo_registry_nodes', () => told.length);
  metrics.gauge('rondo_registry_nodes_passing', () => told.filter(({ passing }) => passing).length);
  return { see, blind: () => clearTimeout(timer) };
}

function isSame(some: readonly RegisteredNode[], others: readonly RegisteredNode[]): boolean {
  return (
    some.length === others.length &&
    some.every((node, i) => {
      const other = others[i];
      return (
        node.node === other?.node && node.busAddress === other.busAddress && node.passing === other.passing
      );
    })
  );
}
