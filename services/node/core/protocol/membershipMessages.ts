import type { Actor, NodeId } from '../types.js';
import type { RequestNumber } from './requestNumber.js';

/**
 * Messages about the cluster document: how a new cluster is founded (R8), and how the next document is voted for and
 * spread (R7). Documents travel as JSON text, which whoever receives one has to check.
 */

/** Characters of a document's JSON text; one of 4,096 partitions and a thousand nodes fits. */
export const DOCUMENT_CHARS_MAX = 1024 * 1024;

/** More are told in turns. */
export const CANDIDATES_MAX = 64;

export const VERSION_KEY_BYTES = 32;

/** A node as it presents itself before a document lists it. */
export interface Candidate {
  readonly id: NodeId;
  readonly actor: Actor;
  readonly voter: string;
  readonly busAddress: string;
  readonly httpAddress: string;
  readonly weight: number;
  readonly zone: string;
}

/**
 * Orders proposals; by round, then by node, then by proposal. The last is the number of a request, so that a node that
 * lost its memory, and comes to the same round again, does not use one ballot for two documents.
 */
export interface Ballot {
  readonly round: number;
  readonly node: NodeId;
  readonly proposal: RequestNumber;
}

/** What a voter has accepted and must not forget. */
export interface AcceptedText {
  readonly ballot: Ballot;
  readonly document: string;
}

/** `refused`: bound to a higher ballot. */
export type PromiseAnswer =
  | { readonly status: 'promised'; readonly accepted?: AcceptedText }
  | { readonly status: 'refused'; readonly promised: Ballot };

export type AcceptAnswer =
  { readonly status: 'accepted' } | { readonly status: 'refused'; readonly promised: Ballot };

/** `bound`: to the attempt of this number, or to another proposer. `refused`: the attempt does not suit this node. */
export type FoundAnswer =
  | { readonly status: 'voted' }
  | { readonly status: 'bound'; readonly attempt: number }
  | { readonly status: 'refused' };

export type MembershipMessage =
  | {
      /** May this ballot propose the document of this epoch? */
      readonly type: 'prepare';
      readonly request: RequestNumber;
      readonly epoch: number;
      readonly ballot: Ballot;
    }
  | { readonly type: 'promise'; readonly request: RequestNumber; readonly answer: PromiseAnswer }
  | {
      readonly type: 'accept';
      readonly request: RequestNumber;
      readonly ballot: Ballot;
      readonly document: string;
    }
  | { readonly type: 'accepted'; readonly request: RequestNumber; readonly answer: AcceptAnswer }
  /** A document that is committed. */
  | { readonly type: 'document'; readonly request: RequestNumber; readonly document: string }
  /** Asks for the committed document where there is a newer one than that of this epoch. */
  | { readonly type: 'fetchDocument'; readonly request: RequestNumber; readonly epoch: number }
  | {
      readonly type: 'hello';
      readonly request: RequestNumber;
      readonly candidate: Candidate;
      /** How many nodes the sender expects to found a cluster with; 0: it does not found. */
      readonly expects: number;
      /** Of the document that the sender has; 0: none. */
      readonly epoch: number;
      /** Others that it has heard from lately. */
      readonly known: readonly Candidate[];
    }
  | {
      /** Asks for the one vote of a node that document 1 lists. */
      readonly type: 'found';
      readonly request: RequestNumber;
      /** Of one proposer, a newer attempt has a higher number. */
      readonly attempt: number;
      readonly versionKey: Uint8Array;
      readonly document: string;
    }
  | {
      readonly type: 'foundVote';
      readonly request: RequestNumber;
      readonly attempt: number;
      readonly answer: FoundAnswer;
    }
  /** For a node without a document: the cluster that it belongs to. */
  | {
      readonly type: 'founded';
      readonly request: RequestNumber;
      readonly versionKey: Uint8Array;
      readonly document: string;
    };
