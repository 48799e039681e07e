import type { RequestError } from '../errors.js';
import type { Dot, Height, Key, NodeId, Partition, RecordHash, VersionedRecord } from '../types.js';
import type { MembershipMessage } from './membershipMessages.js';
import type { RequestNumber } from './requestNumber.js';

export type { RequestNumber } from './requestNumber.js';

/**
 * Node-to-node messages. They are sent at most once, unordered and possibly twice (ports/bus.ts), so that every handler
 * is idempotent and every reply names the request it answers.
 */

export type Quorum = 'sloppy' | 'strict';
export type OnConflict = 'refuse' | 'sibling';

/** A GET as a client states it. `minReads` defaults to the majority of the effective N. */
export interface GetRequest {
  readonly key: Key;
  readonly minReads?: number;
  readonly quorum: Quorum;
}

/** A PUT as a client states it; an empty value deletes. `fromVersion` `""`: the client knows of nothing. */
export interface PutRequest {
  readonly key: Key;
  readonly value: Uint8Array;
  readonly fromVersion: string;
  readonly minWrites?: number;
  readonly quorum: Quorum;
  readonly onConflict: OnConflict;
  readonly requestId?: string;
}

/** What a replica says of a key. `incomplete` counts for nothing (R3): it may lack acknowledged writes. */
export type ReadAnswer =
  | { readonly status: 'found'; readonly record: VersionedRecord }
  | { readonly status: 'missing' }
  | { readonly status: 'incomplete' }
  | { readonly status: 'refused' };

/** As for a read, but one damaged record is told from a replica that is not complete. */
export type PullAnswer = ReadAnswer | { readonly status: 'damaged' };

/** What a replica says of a write: `stored` means durable (I1); an incomplete replica keeps it, but it counts for nothing. */
export type WriteAnswer = 'stored' | 'incomplete' | 'refused';

/**
 * Sender and receiver do not mean the same replicas: the partition has changed in the document of one of them, and not yet
 * in that of the other (R9). Nothing was done; `epoch` is that of the receiver's document.
 */
export interface OtherEpoch {
  readonly status: 'otherEpoch';
  readonly epoch: number;
}

export type GetOutcome =
  | {
      readonly ok: true;
      /** `""` where nothing was ever stored. */
      readonly version: string;
      /** Live values; empty where nothing is stored or all is deleted. */
      readonly values: readonly Uint8Array[];
    }
  | RequestError;

export type PutOutcome =
  | {
      readonly ok: true;
      /** null where other siblings remain: a version must not cover what its client has not seen (I3). */
      readonly version: string | null;
      readonly siblings: number;
    }
  | RequestError;

/** What the sender has heard of a node's data directory, itself among them (R12). */
export interface NodeHeight extends Height {
  readonly node: NodeId;
}

/** More are told in turns. */
export const HEIGHTS_MAX = 16;

/** A partition and the root of its hash tree at the sender. */
export interface PartitionRoot {
  readonly partition: Partition;
  readonly root: RecordHash;
}

/** What a replica has of a key, for comparison. */
export interface ListedKey {
  readonly key: Key;
  readonly hash: RecordHash;
  /** About those of the record. */
  readonly bytes: number;
  /** A tombstone that may be reaped (R13), by the clock of the sender. */
  readonly isExpired: boolean;
}

/**
 * What is to be forgotten of a key: the tombstone of that hash (R13), or the entry of the clock that `dot` names, where no
 * sibling's dot is of its actor (R14).
 */
export type ReapItem =
  | { readonly what: 'tombstone'; readonly key: Key; readonly hash: RecordHash }
  | { readonly what: 'entry'; readonly key: Key; readonly dot: Dot };

/** Bounds of lists in one message. */
export const REAP_ITEMS_MAX = 128;
export const ROOTS_MAX = 64;
export const LISTED_MAX = 1024;
/** The hashes of the leaves of one partition. */
export const LEAF_TABLE_BYTES = 256 * 8;

export type Message =
  | MembershipMessage
  | {
      readonly type: 'read';
      readonly request: RequestNumber;
      readonly key: Key;
      /** The epoch in which the replicas of the key last changed, as the sender knows it (R9). */
      readonly since: number;
      /** A node that does not know yet whether its directory is an old copy counts for nothing then (R12). */
      readonly strict: boolean;
    }
  | { readonly type: 'readReply'; readonly request: RequestNumber; readonly answer: ReadAnswer | OtherEpoch }
  | {
      readonly type: 'write';
      readonly request: RequestNumber;
      readonly key: Key;
      readonly since: number;
      readonly record: VersionedRecord;
      /** Asks a fallback to stand in for this primary, and to keep the write until it has it (R4). */
      readonly hintFor?: NodeId;
    }
  | {
      readonly type: 'writeReply';
      readonly request: RequestNumber;
      readonly answer: WriteAnswer | OtherEpoch;
    }
  | { readonly type: 'forward'; readonly request: RequestNumber; readonly put: PutRequest }
  | { readonly type: 'forwardReply'; readonly request: RequestNumber; readonly answer: ForwardAnswer }
  /** Anti-entropy: which of these partitions differ at the receiver? */
  | {
      readonly type: 'compare';
      readonly request: RequestNumber;
      /** Of the sender's document; whoever is behind adopts it before it answers (R9). */
      readonly epoch: number;
      readonly roots: readonly PartitionRoot[];
    }
  | {
      readonly type: 'compared';
      readonly request: RequestNumber;
      readonly differing: readonly Partition[];
      /** Not held, not complete, or not compared yet: ask again later. */
      readonly unready: readonly Partition[];
    }
  | { readonly type: 'leaves'; readonly request: RequestNumber; readonly partition: Partition }
  /** The hashes of all leaves, 8 bytes each; none where the receiver cannot tell. */
  | { readonly type: 'leavesReply'; readonly request: RequestNumber; readonly leaves?: Uint8Array }
  /** What the receiver has in neighbouring leaves of a partition, in the order of the ring, behind `after`. */
  | {
      readonly type: 'list';
      readonly request: RequestNumber;
      readonly partition: Partition;
      readonly first: number;
      readonly last: number;
      readonly after?: Key;
    }
  /** No page where the receiver cannot tell. */
  | {
      readonly type: 'listed';
      readonly request: RequestNumber;
      readonly page?: { readonly entries: readonly ListedKey[]; readonly more: boolean };
    }
  /** A read for repair, which counts for no quorum. */
  | { readonly type: 'pull'; readonly request: RequestNumber; readonly key: Key }
  | { readonly type: 'pulled'; readonly request: RequestNumber; readonly answer: PullAnswer }
  /** May these be forgotten; or, when everybody has agreed twice: forget them (R13, R14). */
  | {
      readonly type: 'reap';
      readonly request: RequestNumber;
      readonly phase: 'ask' | 'drop';
      readonly items: readonly ReapItem[];
    }
  /** Indexes of the items that the receiver agreed to. */
  | { readonly type: 'reaped'; readonly request: RequestNumber; readonly agreed: readonly number[] }
  | ({ readonly type: 'ping' } & Probe)
  | ({ readonly type: 'pong' } & Probe);

interface Probe {
  readonly request: RequestNumber;
  /** Of the sender's document. */
  readonly epoch: number;
  readonly heights: readonly NodeHeight[];
}

/** `declined`: nothing was done and another primary may be asked (R6). */
export type ForwardAnswer =
  { readonly status: 'done'; readonly outcome: PutOutcome } | { readonly status: 'declined' };
