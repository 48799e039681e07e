import { assertNever } from '../assert.js';
import type { ClusterDocument, NodeId } from '../types.js';
import { Acceptor } from './acceptor.js';
import { Documents } from './documents.js';
import type { DocumentPort } from './port.js';
import { Proposer } from './proposer.js';
import type { Change, ProposalResult, Register, RegisterMessage, RegisterTimes } from './register.js';
import type { VoteFile } from './voteFile.js';

export interface BallotRegisterOptions {
  readonly self: NodeId;
  /** Committed, and durable here. */
  readonly document: ClusterDocument;
  readonly file: VoteFile;
  readonly times: RegisterTimes;
  /** A random number from 0 to 1. */
  readonly jitter: number;
  readonly port: DocumentPort;
  /** A newer document is durable here and counts from now on (R9). */
  readonly onAdopted: (document: ClusterDocument) => void;
}

/**
 * The register without any service beside the nodes: document e+1 is committed when a majority of the voting nodes of
 * document e has accepted it durably (R7). Each epoch is decided by an instance of single-decree Paxos of its own.
 */
export class BallotRegister implements Register {
  readonly #port: DocumentPort;
  readonly #documents: Documents;
  readonly #acceptor: Acceptor;
  readonly #proposer: Proposer;
  readonly #answerMs: number;

  constructor(options: BallotRegisterOptions) {
    this.#port = options.port;
    this.#answerMs = options.times.roundMs;
    this.#documents = new Documents({
      ...options,
      fetchMs: options.times.fetchMs,
      onAdopted: (document) => {
        options.onAdopted(document);
        this.#proposer.onAdopted(document);
      },
    });
    this.#acceptor = new Acceptor({ ...options, documents: this.#documents });
    this.#proposer = new Proposer({ ...options, documents: this.#documents, acceptor: this.#acceptor });
  }

  get document(): ClusterDocument {
    return this.#documents.document;
  }

  /** A majority has it, or it would not be committed. */
  readonly isSettled = true;

  propose(change: Change, done: (result: ProposalResult) => void): void {
    this.#proposer.propose(change, done);
  }

  onEpochSeen(node: NodeId, epoch: number): void {
    this.#documents.onEpochSeen(node, epoch);
  }

  onDocumentKept(durable: boolean): void {
    this.#documents.onKept(durable);
  }

  onAnswered(): void {
    // What matters of it, its epoch, is seen anyway.
  }

  tick(): void {
    this.#documents.tick();
    this.#proposer.tick();
  }

  onMessage(from: NodeId, message: RegisterMessage): void {
    const { request } = message;
    switch (message.type) {
      case 'prepare':
        return this.#acceptor.prepare(from, message.epoch, message.ballot, (answer) => {
          this.#port.sendBulk(from, { type: 'promise', request, answer }, this.#answerByMs);
        });
      case 'promise':
        return this.#proposer.onPromise(from, request, message.answer);
      case 'accept':
        return this.#acceptor.accept(from, message.ballot, message.document, (answer) => {
          this.#port.send(from, { type: 'accepted', request, answer }, this.#answerByMs);
        });
      case 'accepted':
        return this.#proposer.onAccepted(from, request, message.answer);
      case 'document':
        return this.#documents.onDocument(message.document);
      case 'fetchDocument':
        return this.#documents.onFetch(from, request, message.epoch);
      default:
        return assertNever(message);
    }
  }

  get #answerByMs(): number {
    return this.#port.now.monotonicMs + this.#answerMs;
  }
}
