import type { RequestNumber } from '../protocol/messages.js';
import type { ClusterDocument, NodeId } from '../types.js';
import { documentOf, documentText } from './documentText.js';
import type { DocumentPort } from './port.js';

export interface DocumentsOptions {
  readonly document: ClusterDocument;
  readonly port: DocumentPort;
  /** How long an answer is waited for, and how long at least lies between two questions. */
  readonly fetchMs: number;
  /** The document is durable here: from now on everything is answered under it (R9). */
  readonly onAdopted: (document: ClusterDocument) => void;
}

/** Nodes of which a newer document is known to be there; over it the next ones are forgotten. */
const AHEAD_MAX = 64;
const KEEP_AGAIN_MS = 500;

/**
 * The committed document of this node, and how it gets the next one: whoever is seen to be ahead is asked, one node at a
 * time. A document counts here once it is durable, and never is an older one taken back (R7, R9, I13). Documents that are
 * not committed never come here.
 */
export class Documents {
  readonly #options: DocumentsOptions;
  readonly #port: DocumentPort;
  /** Who is ahead, and how far. */
  readonly #ahead = new Map<NodeId, number>();
  #document: ClusterDocument;
  #text: string;
  /** Committed, but not durable here. */
  #learnt: ClusterDocument | undefined;
  #keeping: ClusterDocument | undefined;
  #keepAtMs = 0;
  #fetchAtMs = 0;
  #newestSinceMs = -Infinity;

  constructor(options: DocumentsOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#document = options.document;
    this.#text = documentText(options.document);
  }

  get document(): ClusterDocument {
    return this.#document;
  }

  /** Whether a newer one is on its way to the disk. */
  get isAdopting(): boolean {
    return this.#learnt !== undefined;
  }

  /** Durable here, or on its way there. */
  get newest(): ClusterDocument {
    return this.#learnt ?? this.#document;
  }

  /** When this node learned of it; -Infinity: before its start. */
  get newestSinceMs(): number {
    return this.#newestSinceMs;
  }

  /** Takes a committed document, which is adopted when it is durable. */
  learn(document: ClusterDocument): void {
    if (document.clusterId !== this.#document.clusterId || document.epoch <= this.newest.epoch) return;
    this.#learnt = document;
    this.#newestSinceMs = this.#port.now.monotonicMs;
    for (const [node, epoch] of this.#ahead) if (epoch <= document.epoch) this.#ahead.delete(node);
    this.#keep();
  }

  onKept(durable: boolean): void {
    const kept = this.#keeping;
    if (!kept) return;
    this.#keeping = undefined;
    if (!durable) {
      this.#keepAtMs = this.#port.now.monotonicMs + KEEP_AGAIN_MS;
      return;
    }
    this.#document = kept;
    this.#text = documentText(kept);
    if (this.#learnt === kept) this.#learnt = undefined;
    this.#options.onAdopted(kept);
    this.#keep();
  }

  onDocument(text: string): void {
    const document = documentOf(text);
    if (document) this.learn(document);
  }

  /** Any message of another node says which epoch it is in. One that is behind will ask. */
  onEpochSeen(node: NodeId, epoch: number): void {
    if (epoch <= this.newest.epoch) return;
    if (this.#ahead.size < AHEAD_MAX || this.#ahead.has(node)) this.#ahead.set(node, epoch);
    this.#fetch();
  }

  onFetch(from: NodeId, request: RequestNumber, epoch: number): void {
    if (epoch < this.#document.epoch) this.#send(from, request, this.#text);
  }

  /** Tells a node that is behind. */
  tell(node: NodeId): void {
    this.#send(node, this.#port.nextNumber(), this.#text);
  }

  /** Tells all these of a document that has just been committed, and may not be durable here yet. */
  spread(document: ClusterDocument, nodes: Iterable<NodeId>): void {
    const text = documentText(document);
    for (const node of nodes) this.#send(node, this.#port.nextNumber(), text);
  }

  tick(): void {
    this.#keep();
    this.#fetch();
  }

  #keep(): void {
    if (!this.#learnt || this.#keeping || this.#port.now.monotonicMs < this.#keepAtMs) return;
    this.#keeping = this.#learnt;
    this.#port.keepDocument(this.#learnt);
  }

  /** A node that does not answer is forgotten until it is seen again, so that the others have their turn. */
  #fetch(): void {
    const nowMs = this.#port.now.monotonicMs;
    const [asked] = this.#ahead.keys();
    if (asked === undefined || nowMs < this.#fetchAtMs) return;
    this.#ahead.delete(asked);
    this.#fetchAtMs = nowMs + this.#options.fetchMs;
    const request = this.#port.nextNumber();
    const { epoch } = this.#document;
    this.#port.send(asked, { type: 'fetchDocument', request, epoch }, this.#fetchAtMs);
  }

  #send(to: NodeId, request: RequestNumber, document: string): void {
    const deadlineMs = this.#port.now.monotonicMs + this.#options.fetchMs;
    this.#port.sendBulk(to, { type: 'document', request, document }, deadlineMs);
  }
}
