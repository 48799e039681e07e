import type { Candidate, FoundAnswer } from '../protocol/membershipMessages.js';
import type { ClusterDocument, ClusterNode } from '../types.js';
import { documentText } from './documentText.js';
import type { Proposal, Vote } from '../protocol/vote.js';

/**
 * Who may get the vote of a node that has no document (R8). A vote binds: two clusters would each need the vote of a node
 * that both list, or be of nodes that have nothing to do with each other.
 */

/** What a node expects of a proposal. */
export interface Voter {
  readonly self: Candidate;
  /** 0: it does not found, and never votes. */
  readonly expects: number;
}

/** `vote`: it may be given once it is durable; the others are answers to be sent as they are. */
export type Judgement = { readonly status: 'vote' } | FoundAnswer;

/** Document 1 as its nodes present themselves. */
export function foundingNode(candidate: Candidate): ClusterNode {
  const { id, actor, voter, busAddress, httpAddress, weight, zone } = candidate;
  return { id, actor, voter, state: 'complete', busAddress, httpAddress, weight, zone };
}

/** Whether the proposal is of the cluster that this node expects, with this node as it is now. */
export function suits({ self, expects }: Voter, { proposer, document }: Proposal): boolean {
  const { epoch, nodes } = document;
  const isListed = nodes.some(
    ({ id, actor, voter }) => id === self.id && actor === self.actor && voter === self.voter,
  );
  const smallest = nodes.reduce((least, { id }) => (id < least ? id : least), proposer);
  const isProposedByFirst = proposer === smallest && nodes.some(({ id }) => id === proposer);
  return expects > 0 && epoch === 1 && nodes.length === expects && isListed && isProposedByFirst;
}

/**
 * Given a proposal that suits: a vote is given again to what it was given to, and to a newer attempt of the same proposer,
 * which knows that it has not decided the older one. A proposer that has lost its vote file knows no such thing: a node
 * that learned the decision may be among those that it listed, so that all of them have to be asked again.
 */
export function judge(vote: Vote, proposal: Proposal): Judgement {
  if (vote.kind === 'none') return { status: 'vote' };
  if (vote.kind === 'ballot' || vote.decided) return { status: 'refused' };
  const bound = vote.proposal;
  if (bound.proposer !== proposal.proposer) return { status: 'refused' };
  if (isSame(bound, proposal)) return { status: 'voted' };
  if (proposal.attempt <= bound.attempt) return { status: 'bound', attempt: bound.attempt };
  const knows = voterOfProposer(bound) === voterOfProposer(proposal);
  return knows || listsAllOf(proposal.document, bound.document) ? { status: 'vote' } : { status: 'refused' };
}

function isSame(a: Proposal, b: Proposal): boolean {
  return (
    a.attempt === b.attempt &&
    documentText(a.document) === documentText(b.document) &&
    a.versionKey.every((byte, i) => byte === b.versionKey[i])
  );
}

function voterOfProposer({ proposer, document }: Proposal): string | undefined {
  return document.nodes.find(({ id }) => id === proposer)?.voter;
}

function listsAllOf(document: ClusterDocument, earlier: ClusterDocument): boolean {
  return earlier.nodes.every(({ id }) => document.nodes.some((node) => node.id === id));
}
