import type { NodeStatus } from '../runtime/service.js';

/** The body of `/cluster`. */
export function clusterJson({
  document,
  peers,
  liveness,
  hints,
  antiEntropy,
  rebuild,
  registry,
  ...status
}: NodeStatus): string {
  const { underway, last, lastOfPartition, ...trees } = antiEntropy;
  return JSON.stringify({
    ...status,
    epoch: document.epoch,
    peers: Object.fromEntries(peers),
    liveness: Object.fromEntries(liveness),
    hints: hintsJson(hints),
    antiEntropy: {
      underway: underway ?? null,
      last: Object.fromEntries(last),
      lastOfPartition: Object.fromEntries(lastOfPartition),
      ...trees,
    },
    rebuild: rebuild ?? null,
    registry: registry ? { ...registry, checks: Object.fromEntries(registry.checks) } : null,
    document,
  });
}

/** By target in order of ids: the table itself is in the order in which targets went away. */
function hintsJson(hints: NodeStatus['hints']): object {
  const byTarget = [...hints].sort(([a], [b]) => (a < b ? -1 : 1));
  const total = byTarget.reduce((sum, [, count]) => sum + count, 0);
  return { total, byTarget: Object.fromEntries(byTarget) };
}
