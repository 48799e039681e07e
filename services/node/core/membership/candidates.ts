import { type Candidate, CANDIDATES_MAX, type MembershipMessage } from '../protocol/membershipMessages.js';
import type { NodeId } from '../types.js';
import type { DocumentPort } from './port.js';

export type Hello = Extract<MembershipMessage, { readonly type: 'hello' }>;

/** A node that speaks for itself. */
interface Heard {
  readonly candidate: Candidate;
  readonly expects: number;
  readonly atMs: number;
}

/** Two directories that were heard under one id: it was made anew, or two nodes run under it. */
interface Past {
  readonly voters: Set<string>;
  /** How often one came back after another was heard. */
  returns: number;
  returnedAtMs: number;
}

/** Late and doubled messages of a node that was made anew look like a return or two. */
const RETURNS_MAX = 3;
const VOTERS_MAX = 8;
/** Nodes that are greeted; more are not looked for. */
const PEERS_MAX = 1024;

/**
 * Who is there, before there is a document: those count that speak for themselves, for as long as they do. What others
 * say of a node only tells where to look for it, and is passed on no further, so that a node that has gone is forgotten.
 */
export class Candidates {
  readonly #self: Candidate;
  readonly #port: Pick<DocumentPort, 'now' | 'connect'>;
  readonly #keepMs: number;
  readonly #heard = new Map<NodeId, Heard>();
  readonly #past = new Map<NodeId, Past>();
  /** Where the bus was told to look for a node; '' for those that it found by itself. */
  readonly #addresses = new Map<NodeId, string>();
  #startedAtMs: number | undefined;
  #turn = 0;

  /** @param keepMs how long a silent node counts */
  constructor(self: Candidate, port: Pick<DocumentPort, 'now' | 'connect'>, keepMs: number) {
    this.#self = self;
    this.#port = port;
    this.#keepMs = keepMs;
  }

  /** Whom to greet. */
  get peers(): Iterable<NodeId> {
    return this.#addresses.keys();
  }

  /** The bus reaches this node. */
  addPeer(node: NodeId): void {
    if (node === this.#self.id || this.#addresses.has(node) || this.#addresses.size >= PEERS_MAX) return;
    this.#addresses.set(node, '');
  }

  /** A node without a document says who it is; `expects`: 0 where it does not found. */
  hear(candidate: Candidate, expects: number): void {
    const { id } = candidate;
    this.#locate(candidate);
    if (!this.#addresses.has(id)) return;
    const before = this.#heard.get(id);
    if (before && before.candidate.voter !== candidate.voter) this.#replaced(id, before.candidate, candidate);
    this.#heard.set(id, { candidate, expects, atMs: this.#nowMs });
  }

  /** What another node says of others. */
  learn(known: readonly Candidate[]): void {
    for (const candidate of known) {
      if (candidate.id === this.#self.id) this.#rumoured(candidate);
      else if (!this.#heard.has(candidate.id)) this.#locate(candidate);
    }
  }

  tick(): void {
    this.#startedAtMs ??= this.#nowMs;
    for (const [node, { atMs }] of this.#heard) {
      if (this.#nowMs - atMs > this.#keepMs) this.#heard.delete(node);
    }
    for (const [node, { returnedAtMs }] of this.#past) {
      if (this.#nowMs - returnedAtMs > 3 * this.#keepMs) this.#past.delete(node);
    }
  }

  /** The others who want to found a cluster, by id. */
  founders(): readonly { readonly candidate: Candidate; readonly expects: number }[] {
    return [...this.#heard.values()]
      .filter(({ expects }) => expects > 0)
      .sort((a, b) => (a.candidate.id < b.candidate.id ? -1 : 1));
  }

  /** Ids under which two nodes run. */
  get doubled(): readonly NodeId[] {
    return [...this.#past].filter(([, { returns }]) => returns >= RETURNS_MAX).map(([node]) => node);
  }

  /** Some of those that were heard lately, others at the next call. */
  tell(): readonly Candidate[] {
    const heard = [...this.#heard.values()].map(({ candidate }) => candidate);
    const count = Math.min(heard.length, CANDIDATES_MAX);
    const first = this.#turn;
    this.#turn += count;
    return Array.from({ length: count }, (_, i) => heard[(first + i) % heard.length]).filter(
      (candidate) => candidate !== undefined,
    );
  }

  /** Another node runs under this node's own id. */
  meetSelf(voter: string): void {
    if (voter !== this.#self.voter) this.#double(this.#self.id);
  }

  get #nowMs(): number {
    return this.#port.now.monotonicMs;
  }

  /** For a while after the start, others still speak of this node's earlier directory. */
  #rumoured({ voter }: Candidate): void {
    if (this.#startedAtMs !== undefined && this.#nowMs - this.#startedAtMs > 2 * this.#keepMs)
      this.meetSelf(voter);
  }

  #locate({ id, busAddress }: Candidate): void {
    const known = this.#addresses.get(id);
    if (known === busAddress || (known === undefined && this.#addresses.size >= PEERS_MAX)) return;
    this.#addresses.set(id, busAddress);
    this.#port.connect(id, busAddress);
  }

  #replaced(id: NodeId, before: Candidate, now: Candidate): void {
    const past = this.#pastOf(id);
    if (past.voters.has(now.voter)) {
      past.returns += 1;
      past.returnedAtMs = this.#nowMs;
    }
    if (past.voters.size < VOTERS_MAX) past.voters.add(before.voter);
  }

  #double(id: NodeId): void {
    const past = this.#pastOf(id);
    past.returns = RETURNS_MAX;
    past.returnedAtMs = this.#nowMs;
  }

  #pastOf(id: NodeId): Past {
    const past = this.#past.get(id) ?? { voters: new Set(), returns: 0, returnedAtMs: this.#nowMs };
    this.#past.set(id, past);
    return past;
  }
}
