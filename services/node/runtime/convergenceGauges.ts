import type { SteppingNode } from '../core/protocol/events.js';
import type { Metrics } from '../ports/telemetry.js';

/** How far this node's replicas are from being the same as the others', looked up at each scrape (I12). */
export function registerConvergenceGauges(metrics: Metrics, node: SteppingNode): void {
  metrics.gauge('rondo_damaged_keys', () => node.sizes().damagedKeys);
  metrics.gauge('rondo_hash_trees', () => node.view().antiEntropy?.treesReady ?? 0);
  metrics.gauge('rondo_rebuild_left', () => node.view().rebuild?.left.length ?? 0);
  metrics.gauge(
    'rondo_exchange_partitions_left',
    () => node.view().antiEntropy?.underway?.partitionsLeft ?? 0,
  );
}
