import type { SteppingNode } from '../core/protocol/events.js';
import type { NodeId } from '../core/types.js';
import type { Bus } from '../ports/bus.js';
import type { Storage } from '../ports/storage.js';
import type { Log, Metrics } from '../ports/telemetry.js';
import { registerConvergenceGauges } from '../runtime/convergenceGauges.js';

export interface Observed {
  readonly node: SteppingNode;
  readonly storage: Storage;
  readonly bus: Bus;
}

/** What is looked up at each scrape. */
export function registerGauges(metrics: Metrics, { node, storage, bus }: Observed): void {
  metrics.gauge('rondo_live_requests', () => node.sizes().liveRequests);
  metrics.gauge('rondo_live_bytes', () => node.sizes().liveBytes);
  metrics.gauge('rondo_settling_writes', () => node.sizes().settling);
  metrics.gauge('rondo_cells', () => node.sizes().cells);
  metrics.gauge('rondo_hints', () => node.sizes().hints);
  metrics.gauge('rondo_read_repairs', () => node.sizes().repairs);
  metrics.gauge(
    'rondo_peers_alive',
    () => [...node.view().liveness.values()].filter((state) => state === 'alive').length,
  );
  metrics.gauge('rondo_complete', () => Number(node.view().complete));
  metrics.gauge('rondo_epoch', () => node.view().document?.epoch ?? 0);
  metrics.gauge('rondo_storage_sequence', () => storage.stats().sequence);
  metrics.gauge('rondo_storage_pending_writes', () => storage.stats().pendingWrites);
  metrics.gauge(
    'rondo_bus_peers_connected',
    () => [...bus.peers().values()].filter((s) => s === 'connected').length,
  );
  registerConvergenceGauges(metrics, node);
}

const LOOK_MS = 1000;

/** Says in the log when this node's copies begin to count, and when they cease to. Gives what ends it. */
export function watchCompleteness(self: NodeId, node: SteppingNode, log: Log): () => void {
  let wasComplete = true;
  const look = (): void => {
    const { complete, actor, document } = node.view();
    if (complete === wasComplete) return;
    wasComplete = complete;
    const fields = { actor, epoch: document?.epoch };
    if (complete) log.log('info', 'complete: the copies of this node count again', fields);
    else if (!document?.nodes.some(({ id }) => id === self)) {
      log.log(
        'error',
        'this node was taken out of the cluster: what it holds counts for nothing, end it',
        fields,
      );
    } else {
      log.log(
        'warn',
        'this data directory is new to a running cluster: its copies count for nothing until it is rebuilt',
        fields,
      );
    }
  };
  look();
  const timer = setInterval(look, LOOK_MS).unref();
  return () => {
    clearInterval(timer);
  };
}
