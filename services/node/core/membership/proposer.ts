import { assert } from '../assert.js';
import type { AcceptAnswer, Ballot, PromiseAnswer } from '../protocol/membershipMessages.js';
import type { RequestNumber } from '../protocol/messages.js';
import type { ClusterDocument, NodeId } from '../types.js';
import type { Acceptor } from './acceptor.js';
import { documentOf } from './documentText.js';
import type { Documents } from './documents.js';
import type { DocumentPort } from './port.js';
import { type Proposal, Proposals } from './proposals.js';
import type { Change, ProposalResult, RegisterTimes } from './register.js';
import { Round, spreadOf } from './rounds.js';

export interface ProposerOptions {
  readonly self: NodeId;
  readonly times: RegisterTimes;
  /** From 0 to 1, different for each node. */
  readonly jitter: number;
  readonly port: DocumentPort;
  readonly documents: Documents;
  readonly acceptor: Acceptor;
}

type Phase =
  /** For the end of a pause, or for a document to become durable here. */
  | { readonly step: 'waiting'; readonly untilMs: number }
  | { readonly step: 'preparing'; readonly round: Round; readonly endsAtMs: number; resendAtMs: number }
  | {
      readonly step: 'accepting';
      readonly round: Round;
      readonly text: string;
      readonly endsAtMs: number;
      resendAtMs: number;
    }
  /** Decided; it counts here when it is durable. */
  | { readonly step: 'adopting' };

/** A pause doubles with each lost round, as often as this. */
const DOUBLINGS_MAX = 5;
const RESENDS = 3;

/**
 * Has a majority of the voting nodes agree on the next document (R7): it asks them to answer no lower ballot, takes over
 * what one of them had accepted already, since that may be decided, else its own, and asks them to accept it. One change
 * at a time; each ends by its deadline (I11).
 */
export class Proposer {
  readonly #options: ProposerOptions;
  readonly #port: DocumentPort;
  readonly #documents: Documents;
  readonly #proposals: Proposals;
  #phase: Phase = { step: 'waiting', untilMs: 0 };
  /** The highest that was heard of. */
  #lastRound = 0;

  constructor(options: ProposerOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#documents = options.documents;
    this.#proposals = new Proposals({
      ...options,
      proposeMs: options.times.proposeMs,
      start: (proposal) => {
        this.#prepare(proposal);
      },
      drop: () => {
        this.#phase = { step: 'waiting', untilMs: 0 };
      },
    });
  }

  propose(change: Change, done: (result: ProposalResult) => void): void {
    this.#proposals.propose(change, done);
  }

  onPromise(from: NodeId, request: RequestNumber, answer: PromiseAnswer): void {
    const phase = this.#phase;
    if (phase.step !== 'preparing' || phase.round.request !== request) return;
    const { round } = phase;
    if (answer.status === 'refused') this.#refused(round, from, answer.promised);
    else if (!answer.accepted || this.#isNext(answer.accepted.document)) round.grant(from, answer.accepted);
    if (round.isGranted) this.#accept(round);
    else if (round.isLost) this.#pause();
  }

  onAccepted(from: NodeId, request: RequestNumber, answer: AcceptAnswer): void {
    const phase = this.#phase;
    if (phase.step !== 'accepting' || phase.round.request !== request) return;
    const { round, text } = phase;
    if (answer.status === 'refused') this.#refused(round, from, answer.promised);
    else round.grant(from);
    if (round.isGranted) this.#decided(text);
    else if (round.isLost) this.#pause();
  }

  onAdopted(document: ClusterDocument): void {
    this.#proposals.onAdopted(document);
  }

  tick(): void {
    const nowMs = this.#nowMs;
    this.#proposals.expire();
    const phase = this.#phase;
    switch (phase.step) {
      case 'waiting':
        if (phase.untilMs > nowMs) return;
        if (this.#proposals.current) this.#prepare(this.#proposals.current);
        else this.#proposals.begin();
        return;
      case 'preparing':
      case 'accepting':
        if (phase.endsAtMs <= nowMs) this.#pause();
        else if (phase.resendAtMs <= nowMs) this.#resend(phase);
        return;
      case 'adopting':
        return;
    }
  }

  get #nowMs(): number {
    return this.#port.now.monotonicMs;
  }

  #prepare({ wish, base }: Proposal): void {
    const { self, times } = this.#options;
    this.#lastRound += 1;
    wish.attempts += 1;
    const ballot = { round: this.#lastRound, node: self, proposal: this.#port.nextNumber() };
    const round = new Round(base, ballot);
    const endsAtMs = this.#nowMs + times.roundMs;
    this.#resend((this.#phase = { step: 'preparing', round, endsAtMs, resendAtMs: 0 }));
  }

  #accept(round: Round): void {
    const text = round.accepted?.document ?? this.#proposals.current?.text;
    assert(text !== undefined, 'a round belongs to a proposal');
    round.askAgain();
    const endsAtMs = this.#nowMs + this.#options.times.roundMs;
    this.#resend((this.#phase = { step: 'accepting', round, text, endsAtMs, resendAtMs: 0 }));
  }

  /** A message may be lost, or come to a node that did not know the newest document yet. */
  #resend(phase: Extract<Phase, { readonly round: Round }>): void {
    const { self, times } = this.#options;
    phase.resendAtMs = this.#nowMs + times.roundMs / RESENDS;
    for (const node of phase.round.silent) if (node !== self) this.#ask(node, phase);
    // Last, since its answer may come at once.
    if (phase.round.silent.includes(self)) this.#askSelf(phase);
  }

  #ask(node: NodeId, phase: Extract<Phase, { readonly round: Round }>): void {
    const { request, ballot } = phase.round;
    if (phase.step === 'preparing') {
      const epoch = this.#nextEpoch;
      this.#port.send(node, { type: 'prepare', request, epoch, ballot }, phase.endsAtMs);
    } else {
      const document = phase.text;
      this.#port.sendBulk(node, { type: 'accept', request, ballot, document }, phase.endsAtMs);
    }
  }

  #askSelf(phase: Extract<Phase, { readonly round: Round }>): void {
    const { self, acceptor } = this.#options;
    const { request, ballot } = phase.round;
    if (phase.step === 'preparing') {
      acceptor.prepare(self, this.#nextEpoch, ballot, (answer) => {
        this.onPromise(self, request, answer);
      });
    } else {
      acceptor.accept(self, ballot, phase.text, (answer) => {
        this.onAccepted(self, request, answer);
      });
    }
  }

  get #nextEpoch(): number {
    return this.#documents.document.epoch + 1;
  }

  #isNext(text: string): boolean {
    const { clusterId } = this.#documents.document;
    const document = documentOf(text);
    return document?.epoch === this.#nextEpoch && document.clusterId === clusterId;
  }

  #refused(round: Round, from: NodeId, promised: Ballot): void {
    this.#lastRound = Math.max(this.#lastRound, promised.round);
    round.refuse(from);
  }

  /** A majority has it durably: it is committed, whoever had proposed it first. */
  #decided(text: string): void {
    const { self } = this.#options;
    const document = documentOf(text);
    assert(document !== undefined, 'what was proposed is sound');
    this.#phase = { step: 'adopting' };
    const concerned = [...this.#documents.document.nodes, ...document.nodes].map(({ id }) => id);
    this.#documents.spread(
      document,
      [...new Set(concerned)].filter((node) => node !== self),
    );
    this.#documents.learn(document);
  }

  #pause(): void {
    const { self, jitter, times } = this.#options;
    const doublings = Math.min(this.#proposals.current?.wish.attempts ?? 0, DOUBLINGS_MAX);
    const pauseMs = (times.roundMs / 32) * 2 ** doublings * (0.5 + spreadOf(jitter, self, this.#lastRound));
    this.#phase = { step: 'waiting', untilMs: this.#nowMs + pauseMs };
  }
}
