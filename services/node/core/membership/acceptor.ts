import type { AcceptAnswer, Ballot, PromiseAnswer } from '../protocol/membershipMessages.js';
import type { NodeId } from '../types.js';
import { documentOf, documentText } from './documentText.js';
import type { Documents } from './documents.js';
import type { BallotVote } from '../protocol/vote.js';
import { compareBallots } from './vote.js';
import type { VoteFile } from './voteFile.js';

export interface AcceptorOptions {
  readonly self: NodeId;
  readonly file: VoteFile;
  readonly documents: Documents;
}

/** Called at most once, when what it says is durable; never where the message needs no answer. */
type Answer<A> = (answer: A) => void;

/**
 * How this node votes on the document that follows its own (R7), one instance of single-decree Paxos for each epoch:
 * it answers no ballot lower than the highest that it promised, and tells a new ballot what it accepted before. Nothing
 * is answered before it is durable.
 */
export class Acceptor {
  readonly #options: AcceptorOptions;

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  prepare(from: NodeId, epoch: number, ballot: Ballot, answer: Answer<PromiseAnswer>): void {
    const { file } = this.#options;
    file.whenIdle(() => {
      const vote = this.#voteOn(from, epoch);
      if (!vote) return;
      const order = vote.promised ? compareBallots(ballot, vote.promised) : 1;
      const { accepted } = vote;
      const promise = (): void => {
        answer({ status: 'promised', ...(accepted && { accepted: textOf(accepted) }) });
      };
      if (order < 0 && vote.promised) answer({ status: 'refused', promised: vote.promised });
      else if (order === 0) promise();
      else this.#keep({ epoch, promised: ballot, ...(accepted && { accepted }) }, promise);
    });
  }

  accept(from: NodeId, ballot: Ballot, text: string, answer: Answer<AcceptAnswer>): void {
    const { file, documents } = this.#options;
    const document = documentOf(text);
    if (document?.clusterId !== documents.document.clusterId) return;
    file.whenIdle(() => {
      const { epoch } = document;
      const vote = this.#voteOn(from, epoch);
      if (!vote) return;
      const accepted = (): void => {
        answer({ status: 'accepted' });
      };
      if (vote.promised && compareBallots(ballot, vote.promised) < 0) {
        answer({ status: 'refused', promised: vote.promised });
      } else if (vote.accepted && compareBallots(ballot, vote.accepted.ballot) === 0) accepted();
      else this.#keep({ epoch, promised: ballot, accepted: { ballot, document } }, accepted);
    });
  }

  /**
   * What this node has said so far of the document of this epoch; undefined where it does not vote on it: because it is
   * decided, because the one before it is not known here, or because the document does not list this node's vote file. A
   * vote on a later epoch was given under a document that was lost since: what was said of earlier ones is forgotten.
   */
  #voteOn(from: NodeId, epoch: number): Partial<Pick<BallotVote, 'promised' | 'accepted'>> | undefined {
    const { self, file, documents } = this.#options;
    const { document } = documents;
    if (epoch <= document.epoch) {
      if (from !== self) documents.tell(from);
      return undefined;
    }
    if (epoch > document.epoch + 1) {
      documents.onEpochSeen(from, epoch - 1);
      return undefined;
    }
    if (!document.nodes.some(({ id, voter }) => id === self && voter === file.voter)) return undefined;
    const { vote } = file;
    if (vote.kind !== 'ballot' || vote.epoch < epoch) return {};
    return vote.epoch === epoch ? vote : undefined;
  }

  #keep(vote: Omit<BallotVote, 'kind' | 'voter'>, answer: () => void): void {
    const { file } = this.#options;
    file.keep({ kind: 'ballot', voter: file.voter, ...vote }, (durable) => {
      if (durable) answer();
    });
  }
}

function textOf({ ballot, document }: NonNullable<BallotVote['accepted']>) {
  return { ballot, document: documentText(document) };
}
