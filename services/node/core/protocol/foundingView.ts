import type { NodeId } from '../types.js';

/** What keeps a cluster from being founded, for a person. */
export type FoundingTrouble =
  /** Nobody can tell which of them are meant. */
  | { readonly code: 'too_many_candidates'; readonly nodes: readonly NodeId[] }
  /** Two nodes run under it. */
  | { readonly code: 'same_id'; readonly node: NodeId }
  | { readonly code: 'other_expectation'; readonly node: NodeId; readonly expects: number }
  /** This node's vote says that it was in a cluster, of which it has no document: it founds no other. */
  | { readonly code: 'document_lost' }
  /** This node has given its vote to one that is not heard of. */
  | { readonly code: 'bound'; readonly proposer: NodeId }
  /** There is a cluster, which this node is not in: it has to be let in, and nothing is founded. */
  | { readonly code: 'not_listed'; readonly node: NodeId; readonly epoch: number }
  /** The store has not answered: there may be a cluster already. */
  | { readonly code: 'store_unread' }
  /** The store holds the document of a cluster that this node is not in. */
  | { readonly code: 'not_in_store'; readonly epoch: number }
  /** What the store holds is no document. */
  | { readonly code: 'store_damaged' };

export interface FoundingView {
  readonly founded: boolean;
  /** Who would found the cluster, this node among them. */
  readonly candidates: readonly NodeId[];
  readonly troubles: readonly FoundingTrouble[];
}
