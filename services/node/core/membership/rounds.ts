import type { AcceptedText, Ballot } from '../protocol/membershipMessages.js';
import type { RequestNumber } from '../protocol/messages.js';
import { majority } from '../ring/majority.js';
import type { ClusterDocument, NodeId } from '../types.js';
import { compareBallots } from './vote.js';

/** One ballot of a proposer: who has answered, and what they had accepted before. */
export class Round {
  readonly request: RequestNumber;
  readonly ballot: Ballot;
  readonly voters: readonly NodeId[];
  readonly #granted = new Set<NodeId>();
  readonly #refused = new Set<NodeId>();
  #accepted: AcceptedText | undefined;

  constructor(base: ClusterDocument, ballot: Ballot) {
    this.request = ballot.proposal;
    this.ballot = ballot;
    this.voters = base.nodes.map(({ id }) => id);
  }

  /** Of the highest ballot among those that were accepted before: it may be decided, and must be proposed again. */
  get accepted(): AcceptedText | undefined {
    return this.#accepted;
  }

  get isGranted(): boolean {
    return this.#granted.size >= majority(this.voters.length);
  }

  /** No majority can grant it any more. */
  get isLost(): boolean {
    return this.#refused.size > this.voters.length - majority(this.voters.length);
  }

  get silent(): readonly NodeId[] {
    return this.voters.filter((node) => !this.#granted.has(node) && !this.#refused.has(node));
  }

  grant(node: NodeId, accepted?: AcceptedText): void {
    if (!this.voters.includes(node)) return;
    this.#granted.add(node);
    if (!accepted) return;
    if (!this.#accepted || compareBallots(accepted.ballot, this.#accepted.ballot) > 0)
      this.#accepted = accepted;
  }

  refuse(node: NodeId): void {
    if (this.voters.includes(node)) this.#refused.add(node);
  }

  /** The same ballot is asked for its acceptance. */
  askAgain(): void {
    this.#granted.clear();
    this.#refused.clear();
  }
}

/**
 * A number from 0 to 1 that follows from these, and differs between nodes and rounds, so that two proposers that get in
 * each other's way do not do so for ever.
 */
export function spreadOf(jitter: number, node: NodeId, round: number): number {
  let hash = mixed(mixed(Math.floor(jitter * 2 ** 31)) ^ (round % 2 ** 31));
  for (let i = 0; i < node.length; i++) hash = mixed(hash ^ node.charCodeAt(i));
  return mixed(hash) / 2 ** 32;
}

/** The finisher of MurmurHash3. */
function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
