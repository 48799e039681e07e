import type { NodeId } from '../types.js';

/** What is said between a node and the store of the cluster document (R7), where there is one beside the nodes. */

/**
 * `index` names the state of the store that was read, for a swap of it by the same node; 0 and no text: nothing is kept there.
 * It is no order: a number may come again when the store was wiped or put back to an older state; the same text again has
 * the same index.
 */
export type StoreReading =
  { readonly status: 'read'; readonly index: number; readonly text: string } | { readonly status: 'failed' };

/** `conflict`: somebody else was first, and nothing was changed. `failed`: it may have been done, or be done yet. */
export type SwapResult = 'stored' | 'conflict' | 'failed';

/** A node as the registry knows it. */
export interface RegisteredNode {
  readonly node: NodeId;
  readonly busAddress: string;
  /** Its check passes. */
  readonly passing: boolean;
}

/**
 * What the store holds, beside the document that this node knows. `unread`: not known yet. `lost`: no document, an older one,
 * or another of the same epoch. `foreign`: that of another cluster.
 */
export type StoreStanding = 'unread' | 'same' | 'newer' | 'lost' | 'foreign';

/** The registry as a node sees it. */
export interface RegistryView {
  readonly store: StoreStanding;
  /** Of the nodes that are registered: whose check passes. */
  readonly checks: ReadonlyMap<NodeId, boolean>;
}
