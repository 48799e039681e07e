import type { RequestError } from '../errors.js';
import type { Height, Key, NodeId, VersionedRecord } from '../types.js';
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

/** What a replica says of a write: `stored` means durable (I1); an incomplete replica keeps it, but it counts for nothing. */
export type WriteAnswer = 'stored' | 'incomplete' | 'refused';

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

export type Message =
  | MembershipMessage
  | {
      readonly type: 'read';
      readonly request: RequestNumber;
      readonly key: Key;
      /** A node that does not know yet whether its directory is an old copy counts for nothing then (R12). */
      readonly strict: boolean;
    }
  | { readonly type: 'readReply'; readonly request: RequestNumber; readonly answer: ReadAnswer }
  | {
      readonly type: 'write';
      readonly request: RequestNumber;
      readonly key: Key;
      readonly record: VersionedRecord;
      /** Asks a fallback to stand in for this primary, and to keep the write until it has it (R4). */
      readonly hintFor?: NodeId;
    }
  | { readonly type: 'writeReply'; readonly request: RequestNumber; readonly answer: WriteAnswer }
  | { readonly type: 'forward'; readonly request: RequestNumber; readonly put: PutRequest }
  | { readonly type: 'forwardReply'; readonly request: RequestNumber; readonly answer: ForwardAnswer }
  | { readonly type: 'ping'; readonly request: RequestNumber; readonly heights: readonly NodeHeight[] }
  | { readonly type: 'pong'; readonly request: RequestNumber; readonly heights: readonly NodeHeight[] };

/** `declined`: nothing was done and another primary may be asked (R6). */
export type ForwardAnswer =
  { readonly status: 'done'; readonly outcome: PutOutcome } | { readonly status: 'declined' };
