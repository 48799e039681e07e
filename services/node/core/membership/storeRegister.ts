import { assertNever } from '../assert.js';
import type { RequestNumber } from '../protocol/messages.js';
import type { StoreStanding } from '../protocol/store.js';
import { majority } from '../ring/majority.js';
import type { Cluster, ClusterDocument, NodeId } from '../types.js';
import { documentText } from './documentText.js';
import { Census } from './census.js';
import { Documents } from './documents.js';
import type { DocumentPort } from './port.js';
import { type Proposal, Proposals } from './proposals.js';
import { Refill } from './refill.js';
import type { Change, ProposalResult, Register, RegisterMessage, RegisterTimes } from './register.js';
import type { Held, Store } from './store.js';
import { storedCluster, storedText } from './storedCluster.js';

export interface StoreRegisterOptions {
  readonly self: NodeId;
  /** Committed, and durable here. */
  readonly cluster: Cluster;
  readonly times: RegisterTimes;
  readonly port: DocumentPort;
  readonly store: Store;
  /** A newer document is durable here and counts from now on (R9). */
  readonly onAdopted: (document: ClusterDocument) => void;
  /** The store had lost the document, and this node has filled it. */
  readonly onRefilled: () => void;
}

const AGAIN_MS = 250;

/**
 * The register in a store beside the nodes: a document is committed when it has taken the place of the one before it there,
 * by compare-and-swap (R7). Nodes tell each other of it as well, so that the store is not needed to hear of one, and go on
 * with what they have while it is away (I15). Nobody changes anything before a majority has
 * said that it knows no newer one: a store that was put back to an older document must not lead to two of one epoch. A store that has lost the document is filled again (R8).
 */
export class StoreRegister implements Register {
  readonly #options: StoreRegisterOptions;
  readonly #store: Store;
  readonly #documents: Documents;
  readonly #proposals: Proposals;
  readonly #refill: Refill;
  #standing: StoreStanding = 'unread';
  /** Known to have this document, or a newer one, durably. */
  readonly #holders = new Set<NodeId>();
  /** Asks the others before this node's proposal goes to the store. */
  #census: Census | undefined;
  /** When the store is asked for what the proposal would replace. */
  #readAtMs = Infinity;

  constructor(options: StoreRegisterOptions) {
    const { cluster, times, port, store } = options;
    this.#options = options;
    this.#store = store;
    this.#documents = new Documents({
      ...{ document: cluster.document, port, fetchMs: times.fetchMs },
      onAdopted: (document) => {
        this.#adopted(document);
      },
    });
    this.#proposals = new Proposals({
      ...{ self: options.self, port, documents: this.#documents, proposeMs: times.proposeMs },
      start: () => {
        this.#census = new Census(options.self, port);
        this.#readAtMs = 0;
      },
      drop: () => {
        this.#census = undefined;
        this.#readAtMs = Infinity;
      },
    });
    this.#refill = new Refill({
      ...{ self: options.self, versionKey: cluster.versionKey, port, store, documents: this.#documents },
      done: (document) => {
        options.onRefilled();
        this.#committed(document);
      },
    });
  }

  get document(): ClusterDocument {
    return this.#documents.document;
  }

  get standing(): StoreStanding {
    return this.#standing;
  }

  /** After a refill nobody may act on the document before so many have it that it cannot be lost again (R8). */
  get isSettled(): boolean {
    const nodes = this.document.nodes.length;
    return !this.#refill.isUnderWay && this.#holders.size + 1 >= majority(nodes);
  }

  propose(change: Change, done: (result: ProposalResult) => void): void {
    this.#proposals.propose(change, done);
  }

  onEpochSeen(node: NodeId, epoch: number): void {
    if (epoch >= this.document.epoch && this.document.nodes.some(({ id }) => id === node))
      this.#holders.add(node);
    this.#documents.onEpochSeen(node, epoch);
  }

  onAnswered(node: NodeId, request: RequestNumber, epoch: number): void {
    this.#refill.onAnswered(node, request, epoch);
    this.#census?.onAnswered(node, request, epoch);
  }

  onDocumentKept(durable: boolean): void {
    this.#documents.onKept(durable);
  }

  /** Of ballots nothing counts here: a node that sends them is set to another kind of register. */
  onMessage(from: NodeId, message: RegisterMessage): void {
    if (message.type === 'document') this.#documents.onDocument(message.document);
    else if (message.type === 'fetchDocument') this.#documents.onFetch(from, message.request, message.epoch);
  }

  /** Every answer of the store comes by here, whoever asked. */
  onHeld(held: Held): void {
    const standing = this.#standingOf(held);
    if (standing !== 'unread') this.#standing = standing;
    switch (standing) {
      case 'unread':
        this.#store.look();
        return;
      case 'same':
        this.#refill.end();
        return;
      case 'newer': {
        this.#refill.end();
        const cluster = storedCluster(held.text);
        if (cluster) this.#documents.learn(cluster.document);
        return;
      }
      case 'lost':
        this.#refill.lost(held);
        return;
      case 'foreign':
        this.#refill.end();
        return;
      default:
        assertNever(standing);
    }
  }

  tick(): void {
    this.#documents.tick();
    this.#proposals.expire();
    this.#refill.tick();
    const { current } = this.#proposals;
    if (current) this.#advance(current);
    else this.#proposals.begin();
  }

  get #nowMs(): number {
    return this.#options.port.now.monotonicMs;
  }

  /** `unread`: it says nothing, since this node has learned of a newer document after it had asked. */
  #standingOf({ text, askedAtMs }: Held): StoreStanding {
    const { newest, newestSinceMs } = this.#documents;
    if (text === this.#textOf(newest)) return 'same';
    const document = storedCluster(text)?.document;
    const isNewer = document && document.epoch > newest.epoch;
    if (document && document.clusterId !== newest.clusterId) return 'foreign';
    if (isNewer) return 'newer';
    if (askedAtMs <= newestSinceMs) return 'unread';
    return document && documentText(document) === documentText(newest) ? 'same' : 'lost';
  }

  #textOf(document: ClusterDocument): string {
    return storedText({ document, versionKey: this.#options.cluster.versionKey });
  }

  #adopted(document: ClusterDocument): void {
    this.#holders.clear();
    this.#refill.end();
    this.#options.onAdopted(document);
    this.#proposals.onAdopted(document);
  }

  /** What is replaced has to be the very document that the change was made on, and a majority must know no newer one. */
  #advance(proposal: Proposal): void {
    this.#census?.tick(this.document);
    if (this.#nowMs < this.#readAtMs || this.#store.isSwapping) return;
    if (this.#census?.confirms(this.document) !== true) return;
    this.#readAtMs = Infinity;
    this.#store.read((held) => {
      if (this.#proposals.current !== proposal) return;
      if (held && this.#isBase(proposal, held) && !this.#store.isSwapping) this.#swap(proposal, held);
      else this.#again();
    });
  }

  /** A newer document that is not durable here yet is none that the change was made on. */
  #isBase({ base }: Proposal, held: Held): boolean {
    return this.#documents.newest === base && this.#standingOf(held) === 'same';
  }

  /** Who answered before may have heard of a newer document by now. */
  #again(): void {
    this.#census = new Census(this.#options.self, this.#options.port);
    this.#readAtMs = this.#nowMs + AGAIN_MS;
  }

  #swap(proposal: Proposal, { index }: Held): void {
    const { document } = proposal;
    this.#store.swap(index, this.#textOf(document), (result) => {
      if (result === 'stored') {
        this.#committed(document);
        return;
      }
      this.#store.look();
      if (this.#proposals.current === proposal) this.#again();
    });
  }

  #committed(document: ClusterDocument): void {
    const nodes = [...this.document.nodes, ...document.nodes].map(({ id }) => id);
    const others = [...new Set(nodes)].filter((node) => node !== this.#options.self);
    this.#documents.spread(document, others);
    this.#documents.learn(document);
  }
}
