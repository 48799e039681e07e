import type { MembershipMessage } from '../protocol/membershipMessages.js';
import type { Message, RequestNumber } from '../protocol/messages.js';
import type { ClusterDocument, NodeId } from '../types.js';

export type RegisterMessage = Extract<
  MembershipMessage,
  { readonly type: 'prepare' | 'promise' | 'accept' | 'accepted' | 'document' | 'fetchDocument' }
>;

const OF_REGISTER = new Set<Message['type']>([
  ...(['prepare', 'promise', 'accept', 'accepted', 'document', 'fetchDocument'] as const),
]);

export function isOfRegister(message: Message): message is RegisterMessage {
  return OF_REGISTER.has(message.type);
}

/**
 * Gives the next document, of the epoch after the one that it is given, or undefined where there is nothing to change. It
 * may be called several times, on newer and newer documents, and what it made already may be among them.
 */
export type Change = (document: ClusterDocument) => ClusterDocument | undefined;

/**
 * `committed`: the change is in the document of this node. `superseded`: other changes came first, again and again.
 * `unchanged`: there was nothing to change, perhaps since it was made already. `failed`: not within its time, or there
 * was no room; it may still come to be.
 */
export type ProposalResult = 'committed' | 'superseded' | 'unchanged' | 'failed';

/** Where the cluster document is kept: it changes only by compare-and-swap on its epoch (R7). */
export interface Register {
  /** The newest that is durable here. */
  readonly document: ClusterDocument;
  /** So many nodes have it that it cannot be lost: what cannot be taken back may be done. */
  readonly isSettled: boolean;
  /** `done` is called exactly once. */
  propose(change: Change, done: (result: ProposalResult) => void): void;
  /** Another node was heard to be in this epoch. */
  onEpochSeen(node: NodeId, epoch: number): void;
  /** The node has answered the ping of that number, in this epoch. */
  onAnswered(node: NodeId, request: RequestNumber, epoch: number): void;
  onMessage(from: NodeId, message: RegisterMessage): void;
  /** The answer to `keepDocument`. */
  onDocumentKept(durable: boolean): void;
  /** Due every TICK_MS. */
  tick(): void;
}

export interface RegisterTimes {
  /** A proposal ends within it. */
  readonly proposeMs: number;
  /** One ballot ends within it. */
  readonly roundMs: number;
  readonly fetchMs: number;
}

export const REGISTER_TIMES: RegisterTimes = { proposeMs: 10_000, roundMs: 1000, fetchMs: 500 };
