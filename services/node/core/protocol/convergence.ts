import type { RequestError } from '../errors.js';
import type { Clock, NodeId, Partition, Position, RecordHash } from '../types.js';

/** What people are told of how far replicas are from being the same, and of what they asked for to bring that about. */

/** What a node holds of a key; its values stay where they are. */
export interface Holding {
  /** Records with the same hash are the same. */
  readonly hash: RecordHash;
  readonly clock: Clock;
  /** Values that a read would show; none where all is deleted. */
  readonly values: number;
  /** Of the record in memory, about. */
  readonly bytes: number;
}

/**
 * `incomplete`: it may lack acknowledged writes, and so tells nothing. `refused`: it does not answer for the key, or its
 * disk does not. `silent`: no answer in time, or it was not asked since it is not alive.
 */
export type HolderAnswer =
  | { readonly node: NodeId; readonly status: 'found'; readonly holding: Holding }
  | { readonly node: NodeId; readonly status: 'missing' | 'incomplete' | 'damaged' | 'refused' | 'silent' };

export type WhereOutcome =
  | {
      readonly ok: true;
      readonly position: Position;
      readonly partition: Partition;
      readonly epoch: number;
      /** In the order of the replica set. */
      readonly primaries: readonly HolderAnswer[];
      /** In the order in which they stand in. */
      readonly fallbacks: readonly HolderAnswer[];
    }
  | RequestError;

/** Comparisons that began after this one was asked for have numbers above `after`. */
export type HurryOutcome = { readonly ok: true; readonly after: number } | RequestError;

/** `epoch`: of the document without the node. */
export type RemovalOutcome = { readonly ok: true; readonly epoch: number } | RequestError;

/** A comparison with another node in which nothing failed. */
export interface ComparisonView {
  /** Comparisons of one life of a node are numbered as they begin. */
  readonly number: number;
  readonly secondsAgo: number;
  /** `repaired`: something was missing here, and was pulled. */
  readonly how: 'same' | 'repaired';
  readonly keysPulled: number;
  /** Where no other was compared. */
  readonly partition?: Partition;
}

export interface AntiEntropyView {
  readonly underway:
    | {
        readonly number: number;
        readonly peer: NodeId;
        readonly partitionsLeft: number;
        readonly keysPulled: number;
        readonly partition?: Partition;
      }
    | undefined;
  /** The last comparison with each node, of everything that both hold. */
  readonly last: ReadonlyMap<NodeId, ComparisonView>;
  /** The last with each node that was of one partition. */
  readonly lastOfPartition: ReadonlyMap<NodeId, ComparisonView>;
  readonly treesReady: number;
  /** Keys whose record here is damaged, and not mended yet. */
  readonly damagedKeys: number;
}
