import type { Measure } from './measure.js';

/** "No leak": after a collection at most this much more memory than when the node was warm, and no socket more. */
const MEMORY_GROWTH_MAX = 1.2;

export interface Comparison {
  readonly lines: readonly string[];
  readonly leaks: readonly string[];
}

export function compareMeasures(
  warm: ReadonlyMap<string, Measure>,
  after: ReadonlyMap<string, Measure>,
): Comparison {
  const lines: string[] = [];
  const leaks: string[] = [];
  for (const [node, then] of after) {
    const before = warm.get(node);
    if (!before) continue;
    const growth = then.memoryBytes / before.memoryBytes;
    const memory = `${mebibytes(before.memoryBytes)} → ${mebibytes(then.memoryBytes)} MiB (× ${growth.toFixed(2)})`;
    const sockets = `${String(before.sockets)} → ${String(then.sockets)}`;
    const handles = `${String(before.handles)} → ${String(then.handles)}`;
    const own = `${mebibytes(before.ownBytes)} → ${mebibytes(then.ownBytes)} MiB`;
    lines.push(
      `${node}: memory ${memory}, of the process ${own}, sockets ${sockets}, all handles ${handles}`,
    );
    if (growth > MEMORY_GROWTH_MAX) leaks.push(`${node} leaks memory: ${memory}`);
    if (then.sockets > before.sockets) leaks.push(`${node} leaks sockets: ${sockets}`);
  }
  return { lines, leaks };
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
