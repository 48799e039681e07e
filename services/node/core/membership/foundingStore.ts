import type { FoundingTrouble } from '../protocol/foundingView.js';
import type { Proposal } from '../protocol/vote.js';
import type { Cluster, NodeId } from '../types.js';
import type { Held, Store } from './store.js';
import { storedCluster, storedText } from './storedCluster.js';

/**
 * What a node without a document learns from the store, and how a cluster is founded there (R8): nothing is founded before
 * the store was seen to be empty, and document 1 is committed when it is the first that is written to it. The votes of the
 * nodes come before that, so that they found no other one where the store forgets it.
 */
export class FoundingStore {
  readonly #self: NodeId;
  readonly #store: Store;
  #held: Held | undefined;

  constructor(self: NodeId, store: Store) {
    this.#self = self;
    this.#store = store;
  }

  /** Gives the cluster that this node belongs to, where the store holds that. */
  onHeld(held: Held): Cluster | undefined {
    this.#held = held;
    const cluster = storedCluster(held.text);
    return cluster?.document.nodes.some(({ id }) => id === this.#self) ? cluster : undefined;
  }

  get trouble(): FoundingTrouble | undefined {
    if (!this.#held) return { code: 'store_unread' };
    if (this.#held.index === 0) return undefined;
    const cluster = storedCluster(this.#held.text);
    return cluster ? { code: 'not_in_store', epoch: cluster.document.epoch } : { code: 'store_damaged' };
  }

  /** `done` is called where the proposal is the first; whatever else the store holds, it tells by itself. */
  commit(proposal: Proposal, done: () => void): void {
    if (this.#store.isSwapping) return;
    this.#store.swap(0, storedText(proposal), (result) => {
      if (result === 'stored') done();
      else this.#store.look();
    });
  }
}
