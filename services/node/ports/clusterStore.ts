import type { Vote } from '../core/protocol/vote.js';
import type { Cluster, ClusterDocument } from '../core/types.js';

type Done = (error?: Error) => void;

/**
 * Where a node keeps what it knows of its cluster, beside the database and apart from it: the newest document, the key of
 * versions, and the vote (R7, R8). Each call replaces what was there, as a whole, and calls `done` exactly once, after it is
 * durable, or with the error that stopped it; then either may be there. Calls of one kind come one after the other.
 */
export interface ClusterStore {
  keepVote(vote: Vote, done: Done): void;
  /** There is a cluster already. */
  keepDocument(document: ClusterDocument, done: Done): void;
  keepCluster(cluster: Cluster, done: Done): void;
  /** Resolves when nothing is on its way to the disk. */
  idle(): Promise<void>;
}
