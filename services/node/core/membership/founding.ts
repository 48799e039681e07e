import { assertNever } from '../assert.js';
import type { Candidate, FoundAnswer, MembershipMessage } from '../protocol/membershipMessages.js';
import type { FoundingTrouble, FoundingView } from '../protocol/foundingView.js';
import type { Proposal } from '../protocol/vote.js';
import type { Cluster, ClusterDocument, NodeId } from '../types.js';
import { Candidates, type Hello } from './candidates.js';
import { documentOf } from './documentText.js';
import type { FoundingStore } from './foundingStore.js';
import { FoundingProposer, type FoundingProposerOptions } from './foundingProposer.js';
import { troublesOf } from './foundingView.js';
import { judge, suits } from './foundingVotes.js';
import type { DocumentPort } from './port.js';
import type { Held } from './store.js';
import type { VoteFile } from './voteFile.js';
import { Welcome } from './welcome.js';

export interface FoundingTimes {
  readonly helloMs: number;
  /** A view has to be the same for so long before a cluster is founded on it. */
  readonly settleMs: number;
  /** A node that is silent for so long is no candidate any more. */
  readonly keepMs: number;
  readonly askMs: number;
}

export const FOUNDING_TIMES: FoundingTimes = { helloMs: 100, settleMs: 300, keepMs: 3000, askMs: 300 };

export interface FoundingOptions extends FoundingProposerOptions {
  /** With how many nodes a cluster is to be founded; 0: this node only ever joins one. */
  readonly expects: number;
  /** Where document 1 is committed, if not by the votes alone. */
  readonly store?: FoundingStore;
  /** Durable here, where this node belongs to one. */
  readonly cluster?: Cluster;
  readonly times: FoundingTimes;
  /** Whether a node of the cluster answers this one. */
  readonly isAlive: (node: NodeId) => boolean;
  /** This node belongs to a cluster from now on; durable. */
  readonly onFounded: (cluster: Cluster) => void;
}

export type FoundingMessage = Extract<
  MembershipMessage,
  { readonly type: 'hello' | 'found' | 'foundVote' | 'founded' }
>;

const KEEP_AGAIN_MS = 500;

/**
 * How the first document comes about (R8). Nodes that were told how many to expect look for each other; when the one with
 * the smallest id knows exactly so many, and none of them has a document, it proposes document 1, which needs the durable
 * vote of every node that it lists. The proposer alone decides, in the file of its own vote, and then tells the others.
 * Where anybody has a document, nothing is founded.
 */
export class Founding {
  readonly #options: FoundingOptions;
  readonly #port: DocumentPort;
  readonly #file: VoteFile;
  readonly #candidates: Candidates;
  readonly #proposer: FoundingProposer;
  readonly #welcome: Welcome;
  #cluster: Cluster | undefined;
  /** Learnt or decided, but not durable here. */
  #learnt: Cluster | undefined;
  #isKeeping = false;
  #keepAtMs = 0;
  /** Somebody who has a document; for as long as this node runs. */
  #seen: { readonly node: NodeId; readonly epoch: number } | undefined;
  #view = '';
  #viewSinceMs = 0;
  #helloAtMs = 0;

  constructor(options: FoundingOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#file = options.file;
    this.#cluster = options.cluster;
    this.#candidates = new Candidates(options.self, options.port, options.times.keepMs);
    this.#welcome = new Welcome(options);
    this.#proposer = new FoundingProposer(options, {
      isBarred: () => this.#isBarred,
      commit: (proposal, done) => {
        if (options.store) options.store.commit(proposal, done);
        else done();
      },
      decided: (proposal) => {
        this.#learn(proposal);
        this.#welcome.spread(proposal);
      },
    });
  }

  /** The bus reaches this node. */
  onPeer(node: NodeId): void {
    this.#candidates.addPeer(node);
  }

  /** The store has answered. */
  onHeld(held: Held): void {
    const cluster = this.#cluster ? undefined : this.#options.store?.onHeld(held);
    if (cluster) this.#learn(cluster);
  }

  /** The register has a newer document, which others are told of from now on. */
  onDocument(document: ClusterDocument): void {
    if (this.#cluster) this.#cluster = { ...this.#cluster, document };
  }

  /** The answer to `keepCluster`. */
  onClusterKept(durable: boolean): void {
    const kept = this.#learnt;
    if (!this.#isKeeping || !kept) return;
    this.#isKeeping = false;
    this.#keepAtMs = this.#nowMs + KEEP_AGAIN_MS;
    if (!durable) return;
    this.#learnt = undefined;
    this.#cluster = kept;
    this.#options.onFounded(kept);
  }

  onMessage(from: NodeId, message: FoundingMessage): void {
    switch (message.type) {
      case 'hello':
        return this.#onHello(from, message);
      case 'found':
        return this.#onFound(from, message);
      case 'foundVote':
        return this.#proposer.onVote(from, message);
      case 'founded':
        return this.#onFounded(message.versionKey, message.document);
      default:
        return assertNever(message);
    }
  }

  /** Due every TICK_MS. */
  tick(): void {
    if (this.#cluster) {
      this.#welcome.announce(this.#cluster);
      return;
    }
    this.#candidates.tick();
    this.#greet();
    this.#keep();
    const ready = this.#readyCandidates();
    const { vote } = this.#file;
    if (this.#learnt) return;
    if (vote.kind === 'founding' && vote.decided) this.#learn(vote.proposal);
    else if (ready) this.#proposer.run(ready);
  }

  view(): FoundingView {
    const founders = this.#candidates.founders().map(({ candidate }) => candidate.id);
    const { self, expects } = this.#options;
    const candidates = expects > 0 ? [...founders, self.id].sort() : founders;
    return { founded: this.#cluster !== undefined, candidates, troubles: this.#troubles() };
  }

  get #nowMs(): number {
    return this.#port.now.monotonicMs;
  }

  get #isBarred(): boolean {
    return (this.#cluster ?? this.#learnt ?? this.#seen ?? this.#options.store?.trouble) !== undefined;
  }

  #onHello(from: NodeId, { candidate, expects, epoch, known }: Hello): void {
    if (from !== candidate.id) return;
    if (from === this.#options.self.id) this.#candidates.meetSelf(candidate.voter);
    else if (this.#cluster) this.#welcome.onHello(this.#cluster, candidate, epoch);
    else {
      this.#candidates.hear(candidate, epoch > 0 ? 0 : expects);
      this.#candidates.learn(known);
      if (epoch > 0) this.#seen = { node: from, epoch };
    }
  }

  /** A node with a document votes no more; the proposer learns that there is one. */
  #onFound(from: NodeId, message: Extract<FoundingMessage, { readonly type: 'found' }>): void {
    const document = documentOf(message.document);
    const proposer = document?.nodes.find(({ id }) => id === from);
    if (!document || !proposer) return;
    if (this.#cluster) {
      this.#welcome.onHello(this.#cluster, proposer, 0);
      return;
    }
    const { request, attempt, versionKey } = message;
    const answer = (given: FoundAnswer): void => {
      const deadlineMs = this.#nowMs + this.#options.times.keepMs;
      this.#port.send(from, { type: 'foundVote', request, attempt, answer: given }, deadlineMs);
    };
    this.#file.whenIdle(() => {
      this.#vote({ proposer: from, attempt, versionKey, document }, answer);
    });
  }

  #vote(proposal: Proposal, answer: (given: FoundAnswer) => void): void {
    const isBarred = this.#isBarred || this.#candidates.doubled.length > 0;
    const isFit = !isBarred && suits(this.#options, proposal);
    const judgement = isFit ? judge(this.#file.vote, proposal) : ({ status: 'refused' } as const);
    if (judgement.status !== 'vote') {
      answer(judgement);
      return;
    }
    const { voter } = this.#file;
    this.#file.keep({ kind: 'founding', voter, proposal, decided: false }, (durable) => {
      if (durable) answer({ status: 'voted' });
    });
  }

  /** A cluster that lists this node under its id is its own, also when its directory is new. */
  #onFounded(versionKey: Uint8Array, text: string): void {
    const document = documentOf(text);
    if (this.#cluster || !document?.nodes.some(({ id }) => id === this.#options.self.id)) return;
    this.#learn({ document, versionKey });
  }

  #learn({ document, versionKey }: Cluster): void {
    if (this.#isKeeping || (this.#learnt && this.#learnt.document.epoch >= document.epoch)) return;
    this.#learnt = { document, versionKey };
    this.#keep();
  }

  #keep(): void {
    if (!this.#learnt || this.#isKeeping || this.#nowMs < this.#keepAtMs) return;
    this.#isKeeping = true;
    this.#port.keepCluster(this.#learnt);
  }

  /** A node that was in a cluster founds no other. */
  #greet(): void {
    if (this.#nowMs < this.#helloAtMs) return;
    const { self, times } = this.#options;
    this.#helloAtMs = this.#nowMs + times.helloMs;
    const expects = this.#file.vote.kind === 'ballot' ? 0 : this.#options.expects;
    const known = this.#candidates.tell();
    for (const node of this.#candidates.peers) {
      const request = this.#port.nextNumber();
      const hello = { type: 'hello', request, candidate: self, expects, epoch: 0, known } as const;
      this.#port.send(node, hello, this.#nowMs + times.keepMs);
    }
  }

  /** What this node may found on, once that has been the same for a while; it is for the smallest id to do it. */
  #readyCandidates(): readonly Candidate[] | undefined {
    const { self, expects, times } = this.#options;
    const founders = this.#candidates.founders().map(({ candidate }) => candidate);
    const all = [self, ...founders];
    const view = JSON.stringify(all);
    if (view !== this.#view) this.#viewSinceMs = this.#nowMs;
    this.#view = view;
    const isSettled = this.#nowMs - this.#viewSinceMs >= times.settleMs;
    const isFirst = founders.every(({ id }) => self.id < id);
    const isBarred = this.#troubles().some(({ code }) => code !== 'bound');
    return isSettled && isFirst && !isBarred && all.length === expects ? all : undefined;
  }

  #troubles(): readonly FoundingTrouble[] {
    if (this.#cluster) return [];
    const { self, expects, file, store } = this.#options;
    const { vote } = file;
    const sight = { self: self.id, expects, candidates: this.#candidates, vote, seen: this.#seen };
    return [...(store?.trouble ? [store.trouble] : []), ...troublesOf(sight)];
  }
}
