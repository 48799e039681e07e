import type { Ballot } from '../protocol/membershipMessages.js';
import { VERSION_KEY_BYTES } from '../protocol/membershipMessages.js';
import type { BallotVote, Proposal, Vote } from '../protocol/vote.js';
import { isVoter, validateDocument } from '../ring/document.js';
import type { NodeId } from '../types.js';
import { fromBase64url, toBase64url } from '../versioning/base64url.js';

/** Negative where `a` is lower than `b`, 0 where they are the same. */
export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.round !== b.round) return a.round - b.round;
  if (a.node !== b.node) return a.node < b.node ? -1 : 1;
  return a.proposal - b.proposal;
}

/** The vote as the text of its file. */
export function voteText(vote: Vote): string {
  if (vote.kind !== 'founding') return JSON.stringify(vote);
  const { proposal } = vote;
  return JSON.stringify({
    ...vote,
    proposal: { ...proposal, versionKey: toBase64url(proposal.versionKey) },
  });
}

/** What the file holds. Throws an Error where it is no vote: then it counts as lost, and a new voter id is needed. */
export function voteOf(text: string): Vote {
  const value: unknown = JSON.parse(text);
  if (!isObject(value) || !isVoter(value['voter'])) throw new Error('invalid vote: it has no voter');
  const { kind, voter } = value;
  switch (kind) {
    case 'none':
      return { kind, voter };
    case 'founding':
      return { kind, voter, proposal: proposalOf(value['proposal']), decided: value['decided'] === true };
    case 'ballot':
      return ballotVoteOf(voter, value);
    default:
      throw new Error('invalid vote: its kind is unknown');
  }
}

type Fields = Readonly<Record<string, unknown>>;

function ballotVoteOf(voter: string, { epoch, promised, accepted }: Fields): BallotVote {
  const vote = { kind: 'ballot', voter, epoch: whole(epoch), promised: ballotOf(promised) } as const;
  if (accepted === undefined) return vote;
  if (!isObject(accepted)) throw new Error('invalid vote: what it accepted is no document');
  const { ballot, document } = accepted;
  return { ...vote, accepted: { ballot: ballotOf(ballot), document: validateDocument(document) } };
}

function proposalOf(value: unknown): Proposal {
  if (!isObject(value)) throw new Error('invalid vote: it has no proposal');
  const { proposer, attempt, versionKey, document } = value;
  const key = typeof versionKey === 'string' ? fromBase64url(versionKey) : undefined;
  if (key?.length !== VERSION_KEY_BYTES) throw new Error('invalid vote: its key is no key');
  return {
    proposer: nodeOf(proposer),
    attempt: whole(attempt),
    versionKey: key,
    document: validateDocument(document),
  };
}

function ballotOf(value: unknown): Ballot {
  if (!isObject(value)) throw new Error('invalid vote: a ballot is missing');
  return { round: whole(value['round']), node: nodeOf(value['node']), proposal: whole(value['proposal']) };
}

function nodeOf(value: unknown): NodeId {
  if (typeof value !== 'string' || value === '') throw new Error('invalid vote: a node has no name');
  return value as NodeId;
}

function whole(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error('invalid vote: a number is not whole');
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
