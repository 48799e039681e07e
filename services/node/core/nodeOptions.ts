import type { Vote } from './protocol/vote.js';
import type { Actor, Cluster, Digests, Height, Hint, NodeId } from './types.js';

/** What a node is made from. */
export interface NodeOptions {
  readonly self: NodeId;
  readonly actor: Actor;
  /** Highest counter that this actor may have used (R2). */
  readonly counter: number;
  /** Grows with each start of the node, also when its data is lost: seconds of the wall clock, or one more than last. */
  readonly incarnation: number;
  /** Number of the last synced batch, the one that was written when the directory was opened for this life (R12). */
  readonly sequence: number;
  /** A fresh identity of this life, for as long as the directory's own must not be used (I4, R12). */
  readonly spareActor: Actor;
  /** Hints kept before the start. */
  readonly hints: readonly Hint[];
  /** What was heard of the other nodes' directories before the start. */
  readonly heights: ReadonlyMap<NodeId, Height>;
  /** The cluster that this node belongs to, durable here; none before it is founded, or its document was lost. */
  readonly cluster?: Cluster;
  /** What the file of this node's vote holds (R7). */
  readonly vote: Vote;
  readonly founding: FoundingPlan;
  /** How the document is agreed to: by the votes of the nodes, or in the store of a registry (R7). */
  readonly register: 'ballots' | 'store';
  /** Where this node is to be found. */
  readonly busAddress: string;
  readonly httpAddress: string;
  readonly weight: number;
  readonly zone: string;
  /** A random number from 0 to 1. */
  readonly jitter: number;
  readonly digests: Digests;
  readonly requestTimeoutMs: number;
  /** A node that has not answered for so long is dead; for a quarter of it, suspect. */
  readonly nodeTimeoutMs: number;
  /** From one comparison with another replica to the next (I12). */
  readonly antiEntropyMs: number;
  /** How old a tombstone has to be before it is forgotten; at least 10 times the deadline of a request (R13). */
  readonly tombstoneGraceMs: number;
  /** In which every record is read again, so that damage is found (R12). */
  readonly scrubMs: number;
  readonly limits: NodeLimits;
}

/** How this node takes part in founding a cluster, where there is none (R8). */
export interface FoundingPlan {
  /** With how many nodes; 0: this node only ever joins one. */
  readonly expects: number;
  readonly partitions: number;
  readonly replicas: number;
  /** What the cluster is named, and the key of its versions, should this node propose it; random, made at each start. */
  readonly clusterId: string;
  readonly versionKey: Uint8Array;
}

export interface NodeLimits {
  readonly requestsMax: number;
  readonly requestBytesMax: number;
  /** Bytes of records on their way to the disk. */
  readonly cellBytesMax: number;
  /** Answered writes that still wait for a primary. */
  readonly settlingMax: number;
  /** Hints kept at a time; over it a fallback refuses. */
  readonly hintsMax: number;
  /** Read repairs under way at a time; over it they are skipped. */
  readonly repairsMax: number;
  /** As many entries of a clock are kept in any case (R14). */
  readonly clockEntriesMax: number;
}

export const NODE_LIMITS: NodeLimits = {
  requestsMax: 4096,
  requestBytesMax: 512 * 1024 * 1024,
  cellBytesMax: 256 * 1024 * 1024,
  settlingMax: 50_000,
  hintsMax: 500_000,
  repairsMax: 256,
  clockEntriesMax: 10,
};
