import type { RequestNumber } from '../protocol/messages.js';
import type { Cluster, ClusterDocument, NodeId } from '../types.js';
import { Census } from './census.js';
import type { Documents } from './documents.js';
import type { DocumentPort } from './port.js';
import { storedText } from './storedCluster.js';
import type { Held, Store } from './store.js';

export interface RefillOptions {
  readonly self: NodeId;
  readonly versionKey: Cluster['versionKey'];
  readonly port: DocumentPort;
  readonly documents: Documents;
  readonly store: Store;
  /** It holds this document from now on. */
  readonly done: (document: ClusterDocument) => void;
}

/** So far ahead that no document which the store has lost, and nobody here has heard of, is of the same epoch. */
const REFILL_EPOCHS = 1000;
/** Those who answer late may have a newer document. */
const LATE_MS = 1000;
/** All are asked anew then: one that was ahead may be gone for good, and have left nobody to learn it from. */
const CENSUS_MS = 10_000;
/** Where two stores take turns in losing what the other has, a person has to look; it must not go fast. */
const AGAIN_MS = 5000;

/**
 * Fills a store that has lost the document: wiped, put back to an older one, or damaged (R8). All nodes are asked for the
 * epoch that they are in; once a majority has answered since the loss was seen, and none is ahead of this node, its document
 * is written, 1000 epochs on. That no two nodes fill it with different ones, compare-and-swap sees to.
 */
export class Refill {
  readonly #options: RefillOptions;
  /** What the store holds instead, and who has answered since that was seen. */
  #round: { held: Held; readonly census: Census } | undefined;
  #notBeforeMs = 0;

  constructor(options: RefillOptions) {
    this.#options = options;
  }

  get isUnderWay(): boolean {
    return this.#round !== undefined;
  }

  /** The store was seen without the document. */
  lost(held: Held): void {
    if (this.#round) this.#round.held = held;
    else this.#begin(held);
  }

  /** The store has what it should have, or this node has another document by now. */
  end(): void {
    this.#round = undefined;
  }

  onAnswered(node: NodeId, request: RequestNumber, epoch: number): void {
    this.#round?.census.onAnswered(node, request, epoch);
  }

  tick(): void {
    if (!this.#round) return;
    const { held, census } = this.#round;
    const { store, documents, versionKey, port, done } = this.#options;
    const { document } = documents;
    const nowMs = port.now.monotonicMs;
    census.tick(document);
    const hasWaited = census.hasAll(document) || census.ageMs >= LATE_MS;
    const isConfirmed = hasWaited && census.confirms(document) && !documents.isAdopting;
    if (!isConfirmed) {
      if (census.ageMs >= CENSUS_MS) this.#begin(held);
      return;
    }
    if (store.isSwapping || nowMs < this.#notBeforeMs) return;
    this.#notBeforeMs = nowMs + AGAIN_MS;
    const filled = { ...document, epoch: document.epoch + REFILL_EPOCHS };
    store.swap(held.index, storedText({ document: filled, versionKey }), (result) => {
      if (result === 'stored') done(filled);
      else this.#again();
    });
  }

  /** What was answered before may not be so any more. */
  #again(): void {
    if (this.#round) this.#begin(this.#round.held);
    this.#options.store.look();
  }

  #begin(held: Held): void {
    const { self, port } = this.#options;
    this.#round = { held, census: new Census(self, port) };
  }
}
