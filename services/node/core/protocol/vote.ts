import type { ClusterDocument, NodeId } from '../types.js';
import type { Ballot } from './membershipMessages.js';

/**
 * What a node has given its word on, as it lies in the file of its vote, which is apart from the database, so that a
 * damaged database does not make it forget (R7). The file is made with a random voter id, and that is durable, before the
 * node shows the id to anybody; a file that was lost gets a new id, which counts for nothing until a document lists it.
 */
export type Vote =
  | { readonly kind: 'none'; readonly voter: string }
  /** For document 1 of a cluster (R8). `decided`: its proposer, this node, has all votes. */
  | {
      readonly kind: 'founding';
      readonly voter: string;
      readonly proposal: Proposal;
      readonly decided: boolean;
    }
  | BallotVote;

/** An attempt to found a cluster. */
export interface Proposal {
  readonly proposer: NodeId;
  /** Of one proposer, a newer attempt has a higher number. */
  readonly attempt: number;
  readonly versionKey: Uint8Array;
  readonly document: ClusterDocument;
}

/** For the document of one epoch; says nothing of those of earlier epochs, which are decided. */
export interface BallotVote {
  readonly kind: 'ballot';
  readonly voter: string;
  readonly epoch: number;
  /** No lower ballot is answered. */
  readonly promised: Ballot;
  readonly accepted?: { readonly ballot: Ballot; readonly document: ClusterDocument };
}
