import type { Candidate, MembershipMessage } from '../protocol/membershipMessages.js';
import type { RequestNumber } from '../protocol/messages.js';
import { foundDocument } from '../ring/document.js';
import type { ClusterDocument, NodeId } from '../types.js';
import { documentText, fitsMessage } from './documentText.js';
import { foundingNode } from './foundingVotes.js';
import type { DocumentPort } from './port.js';
import type { Proposal } from '../protocol/vote.js';
import type { VoteFile } from './voteFile.js';

export interface FoundingProposerOptions {
  readonly self: Candidate;
  readonly partitions: number;
  readonly replicas: number;
  /** Names the cluster should this node found it; random, made at each start. */
  readonly clusterId: string;
  /** 32 random bytes, likewise. */
  readonly versionKey: Uint8Array;
  /** Grows with each start of the node, also when its data is lost. */
  readonly incarnation: number;
  readonly file: VoteFile;
  readonly times: { readonly askMs: number; readonly keepMs: number };
  readonly port: DocumentPort;
}

/** What this node's own proposal needs of the rest. */
export interface FoundingProposerPort {
  /** Nothing may be founded: there is a document already. */
  isBarred(): boolean;
  /** All have voted: calls `done` once document 1 may be decided, or not at all; then it is asked again. */
  commit(proposal: Proposal, done: () => void): void;
  /** All have voted, and that is durable in this node's file: document 1 is committed. */
  decided(proposal: Proposal): void;
}

type FoundVote = Extract<MembershipMessage, { readonly type: 'foundVote' }>;

/**
 * The proposal of document 1 by the node with the smallest id (R8). It lies in the file of this node's vote, so that it is
 * the same after a restart; a newer attempt takes its place there only while it is undecided.
 */
export class FoundingProposer {
  readonly #options: FoundingProposerOptions;
  readonly #rest: FoundingProposerPort;
  readonly #port: DocumentPort;
  readonly #file: VoteFile;
  /** The votes that were given in this life of the node. */
  #ballot: { readonly request: RequestNumber; readonly attempt: number; readonly votes: Set<NodeId> };
  /** The highest under this node's id that a voter is bound to. */
  #attemptSeen = 0;
  #askAtMs = 0;

  constructor(options: FoundingProposerOptions, rest: FoundingProposerPort) {
    this.#options = options;
    this.#rest = rest;
    this.#port = options.port;
    this.#file = options.file;
    this.#ballot = { request: 0, attempt: 0, votes: new Set() };
  }

  /** Goes on with the proposal in the file, or makes a newer one where it is not of these candidates as they are now. */
  run(candidates: readonly Candidate[]): void {
    const own = this.#own;
    if (!this.#file.isIdle) return;
    if (own && own.attempt > this.#attemptSeen && isOf(own, candidates)) this.#ask(own);
    else if (own || this.#file.vote.kind === 'none') this.#propose(candidates, own);
  }

  onVote(from: NodeId, { request, attempt, answer }: FoundVote): void {
    if (answer.status === 'bound') this.#attemptSeen = Math.max(this.#attemptSeen, answer.attempt);
    const own = this.#own;
    if (own?.attempt !== attempt || request !== this.#ballot.request || answer.status !== 'voted') return;
    if (own.document.nodes.some(({ id }) => id === from)) this.#ballot.votes.add(from);
    this.#file.whenIdle(() => {
      if (this.#own === own) this.#decide(own);
    });
  }

  /** What lies in the file, where this node has proposed it. */
  get #own(): Proposal | undefined {
    const { vote } = this.#file;
    const isOwn = vote.kind === 'founding' && vote.proposal.proposer === this.#options.self.id;
    return isOwn ? vote.proposal : undefined;
  }

  /** A newer attempt takes over the names of the older one, of which no cluster came to be. */
  #propose(candidates: readonly Candidate[], own: Proposal | undefined): void {
    const { self, incarnation, versionKey } = this.#options;
    const document = this.#draft(candidates, own?.document.clusterId);
    if (!document) return;
    const attempt = Math.max(incarnation, (own?.attempt ?? 0) + 1, this.#attemptSeen + 1);
    const proposal = { proposer: self.id, attempt, versionKey: own?.versionKey ?? versionKey, document };
    const { voter } = this.#file;
    this.#file.keep({ kind: 'founding', voter, proposal, decided: false }, (durable) => {
      if (durable) this.#ask(proposal);
    });
  }

  /** undefined where the candidates make no sound document: two of one actor, say. */
  #draft(candidates: readonly Candidate[], clusterId = this.#options.clusterId): ClusterDocument | undefined {
    const { partitions, replicas } = this.#options;
    try {
      const nodes = candidates.map(foundingNode);
      const document = foundDocument({ clusterId, partitions, replicas, nodes });
      return fitsMessage(documentText(document)) ? document : undefined;
    } catch {
      return undefined;
    }
  }

  /** Asks whoever has not voted; answers to what an earlier life asked do not count. */
  #ask(proposal: Proposal): void {
    const { attempt, versionKey, document } = proposal;
    const { self, times } = this.#options;
    if (this.#ballot.attempt !== attempt) {
      this.#ballot = { request: this.#port.nextNumber(), attempt, votes: new Set([self.id]) };
      this.#askAtMs = 0;
    }
    this.#decide(proposal);
    const nowMs = this.#port.now.monotonicMs;
    if (nowMs < this.#askAtMs) return;
    this.#askAtMs = nowMs + times.askMs;
    const { request, votes } = this.#ballot;
    const message = {
      type: 'found',
      request,
      attempt,
      versionKey,
      document: documentText(document),
    } as const;
    for (const { id } of document.nodes) {
      if (!votes.has(id)) this.#port.sendBulk(id, message, nowMs + times.keepMs);
    }
  }

  /** Once every node has voted. The decision is durable before anybody hears of it. */
  #decide(proposal: Proposal): void {
    const { vote, voter } = this.#file;
    const isUnanimous = this.#ballot.votes.size === proposal.document.nodes.length;
    const isDecided = vote.kind === 'founding' && vote.decided;
    if (!isUnanimous || isDecided || !this.#file.isIdle || this.#rest.isBarred()) return;
    this.#rest.commit(proposal, () => {
      this.#file.whenIdle(() => {
        if (this.#own !== proposal) return;
        this.#file.keep({ kind: 'founding', voter, proposal, decided: true }, (durable) => {
          if (durable) this.#rest.decided(proposal);
        });
      });
    });
  }
}

/** Whether the proposal lists exactly these, as they are now. */
function isOf({ document }: Proposal, candidates: readonly Candidate[]): boolean {
  return JSON.stringify(document.nodes) === JSON.stringify(candidates.map(foundingNode));
}
