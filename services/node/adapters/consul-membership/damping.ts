import type { RegisteredNode } from '../../core/protocol/store.js';
import type { NodeId } from '../../core/types.js';
import type { DampingTuning } from './tuning.js';

/**
 * What is told of nodes whose checks go back and forth. A change is told when it has held for a while: the first time for
 * `holdMs`, and twice as long for each further change, up to a bound; after a steady while all that is forgotten. A check
 * that flaps faster than it would have to hold changes nothing at all, and one that flaps slowly is told ever more rarely.
 *
 * A node is told of as soon as it is seen, and that it passes as soon as it does for the first time: a check that has just
 * been made begins as critical. That a node has left the list has to hold like any other change. Where it is to be found
 * is told at once.
 */
export interface Damped {
  readonly nodes: ReadonlyMap<NodeId, DampedNode>;
}

type Standing = 'passing' | 'failing' | 'absent';

interface DampedNode {
  readonly node: NodeId;
  readonly busAddress: string;
  /** As it was seen last, and since when. */
  readonly seen: Standing;
  readonly sinceMs: number;
  /** As it is told. */
  readonly told: Standing;
  /** It has passed before. */
  readonly settled: boolean;
  /** Changes that are not forgotten yet. */
  readonly changes: number;
}

export const UNDAMPED: Damped = { nodes: new Map() };

/** After a look at all nodes. */
export function dampen(
  { nodes }: Damped,
  view: ReadonlyMap<NodeId, RegisteredNode>,
  nowMs: number,
  tuning: DampingTuning,
): Damped {
  const next = new Map<NodeId, DampedNode>();
  for (const [id, node] of nodes) if (!view.has(id)) keep(next, seenAs(node, 'absent', nowMs, tuning));
  for (const [id, { busAddress, passing }] of view) {
    const standing = passing ? 'passing' : 'failing';
    const known = nodes.get(id);
    const seen = known ? seenAs(known, standing, nowMs, tuning) : newNode(id, standing, nowMs);
    next.set(id, { ...seen, busAddress });
  }
  return { nodes: next };
}

function keep(next: Map<NodeId, DampedNode>, node: DampedNode): void {
  if (node.told !== 'absent') next.set(node.node, node);
}

function newNode(node: NodeId, standing: Standing, nowMs: number): DampedNode {
  const settled = standing === 'passing';
  return { node, busAddress: '', seen: standing, sinceMs: nowMs, told: standing, settled, changes: 0 };
}

function seenAs(node: DampedNode, standing: Standing, nowMs: number, tuning: DampingTuning): DampedNode {
  const changed = node.seen === standing ? node : changedTo(node, standing, nowMs, tuning);
  if (!node.settled && standing === 'passing')
    return { ...changed, told: standing, settled: true, changes: 0 };
  return nowMs >= dueMs(changed, tuning) ? { ...changed, told: changed.seen } : changed;
}

function changedTo(node: DampedNode, seen: Standing, nowMs: number, { steadyMs }: DampingTuning): DampedNode {
  const wasSteady = nowMs - node.sinceMs >= steadyMs;
  return { ...node, seen, sinceMs: nowMs, changes: wasSteady ? 1 : node.changes + 1 };
}

/** When the node's change is to be told, if it holds until then. */
function dueMs({ sinceMs, changes }: DampedNode, { holdMs, holdMsMax }: DampingTuning): number {
  return sinceMs + Math.min(holdMsMax, holdMs * 2 ** Math.min(Math.max(0, changes - 1), 16));
}

/** When the next change is to be told, if everything holds; Infinity where none is waiting. */
export function nextDueMs({ nodes }: Damped, tuning: DampingTuning): number {
  let nextMs = Infinity;
  for (const node of nodes.values()) {
    if (node.seen !== node.told) nextMs = Math.min(nextMs, dueMs(node, tuning));
  }
  return nextMs;
}

/** What is told, in the order of ids. */
export function toldNodes({ nodes }: Damped): readonly RegisteredNode[] {
  return [...nodes.values()]
    .map(({ node, busAddress, told }) => ({ node, busAddress, passing: told === 'passing' }))
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}
