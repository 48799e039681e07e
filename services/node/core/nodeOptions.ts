import type { Actor, ClusterDocument, Digests, NodeId } from './types.js';

/** What a node is made from. */
export interface NodeOptions {
  readonly self: NodeId;
  readonly actor: Actor;
  /** Highest counter that this actor may have used (R2). */
  readonly counter: number;
  /** Grows with each start of the node, also when its data is lost: seconds of the wall clock, or one more than last. */
  readonly incarnation: number;
  /** Whether this replica holds everything acknowledged for its partitions (R3). */
  readonly complete: boolean;
  readonly document: ClusterDocument;
  readonly versionSecret: Uint8Array;
  readonly digests: Digests;
  readonly requestTimeoutMs: number;
  readonly limits: NodeLimits;
}

export interface NodeLimits {
  readonly requestsMax: number;
  readonly requestBytesMax: number;
  /** Bytes of records on their way to the disk. */
  readonly cellBytesMax: number;
  /** Answered writes that still wait for a primary. */
  readonly settlingMax: number;
}

export const NODE_LIMITS: NodeLimits = {
  requestsMax: 4096,
  requestBytesMax: 512 * 1024 * 1024,
  cellBytesMax: 256 * 1024 * 1024,
  settlingMax: 50_000,
};
