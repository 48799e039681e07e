import { assert } from '../assert.js';
import { at } from '../ring/elements.js';
import { validateDocument } from '../ring/document.js';
import { majority } from '../ring/majority.js';
import type { ClusterDocument, ClusterNode, NodeId } from '../types.js';
import { nodeRemoved } from './changes.js';

/**
 * What becomes of a cluster that has lost so many nodes for good that no majority is left to agree on anything: the
 * survivors go on under the document of one of them, without the lost, as a new cluster (R7, R11). Nobody agrees to that
 * but the person who asks for it, on each survivor by itself; so the same document has to come out everywhere, and whoever
 * is not asked, or comes back later, must find himself in another cluster.
 */

/** Apart from whatever the old cluster may have decided meanwhile, as where a wiped register is written anew (R8). */
const EPOCHS_BEYOND = 1000;
const CLUSTER_ID_CHARS = 16;

export interface Recovery {
  /** The old document, under which the survivors were. */
  readonly document: ClusterDocument;
  readonly lost: readonly NodeId[];
}

/** Why this is not to be done. */
export type RecoveryRefusal =
  | { readonly code: 'none_named' }
  | { readonly code: 'unknown_nodes'; readonly nodes: readonly NodeId[] }
  /** The directory's own node is named as lost, or is not listed at all; so somebody always survives. */
  | { readonly code: 'owner_lost' | 'owner_unknown' }
  /** Enough are left to agree on the removal. */
  | { readonly code: 'majority_survives'; readonly survivors: number; readonly nodes: number };

/** `owner`: the node on whose directory it is done. */
export function recoveryRefusal(
  { document: { nodes }, lost }: Recovery,
  owner: NodeId,
): RecoveryRefusal | undefined {
  const unknown = lost.filter((node) => !nodes.some(({ id }) => id === node));
  if (!nodes.some(({ id }) => id === owner)) return { code: 'owner_unknown' };
  if (lost.length === 0) return { code: 'none_named' };
  if (unknown.length > 0) return { code: 'unknown_nodes', nodes: unknown };
  if (lost.includes(owner)) return { code: 'owner_lost' };
  const survivors = nodes.length - new Set(lost).size;
  if (survivors < majority(nodes.length)) return undefined;
  return { code: 'majority_survives', survivors, nodes: nodes.length };
}

/** Partitions, by what is left of them. */
export interface RecoveryLoss {
  readonly partitions: number;
  /** Some copies are gone. */
  readonly fewer: number;
  /** Of these: no complete copy is left. */
  readonly lost: number;
}

export function recoveryLoss({ document: { nodes, placement }, lost }: Recovery): RecoveryLoss {
  const held = placement.map(({ now }) => now.map((index) => at(nodes, index)));
  const hit = held.filter((set) => set.some(({ id }) => lost.includes(id)));
  const gone = hit.filter((set) => !set.some(({ id, state }) => state === 'complete' && !lost.includes(id)));
  return { partitions: placement.length, fewer: hit.length, lost: gone.length };
}

/**
 * The document of the new cluster; every request of the old one is refused (R9). Its id stands for all the rest of it, so
 * that survivors show by the same id that they have the same document. `hexHash`: of at least 16 characters. Throws where a
 * refusal was overlooked.
 */
export function recoveredDocument(
  { document, lost }: Recovery,
  hexHash: (text: string) => string,
): ClusterDocument {
  const epoch = document.epoch + EPOCHS_BEYOND;
  const left = [...new Set(lost)].sort().reduce((before, node) => {
    const after = nodeRemoved(before, node);
    assert(after !== undefined, 'a lost node is listed, and not the only one');
    return after;
  }, document);
  const next = {
    ...left,
    epoch,
    nodes: left.nodes.map((node, index) => withFittingState(left, node, index)),
    placement: left.placement.map(({ now }) => ({ now, since: epoch })),
  };
  // The text names the old cluster: what is left of two clusters must not be taken for one.
  const clusterId = hexHash(JSON.stringify(validateDocument(next))).slice(0, CLUSTER_ID_CHARS);
  return validateDocument({ ...next, clusterId });
}

/** A node that is being rebuilt would wait for ever for a complete copy of what has none: what it holds has to do (R11). */
function withFittingState(
  { nodes, placement }: ClusterDocument,
  node: ClusterNode,
  index: number,
): ClusterNode {
  const isComplete = (other: number): boolean => at(nodes, other).state === 'complete';
  const isAlone = placement.some(({ now }) => now.includes(index) && !now.some(isComplete));
  return isAlone ? { ...node, state: 'complete' } : node;
}
