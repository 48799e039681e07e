import { assertNever } from '../core/assert.js';
import type { Effect, NodeEvent } from '../core/protocol/events.js';
import type { ClusterStore } from '../ports/clusterStore.js';
import type { Registry } from '../ports/registry.js';

export type DocumentEffect = Extract<
  Effect,
  { readonly type: 'keepVote' | 'keepDocument' | 'keepCluster' | 'readStore' | 'swapStore' }
>;

export interface DocumentPlaces {
  readonly clusterStore: ClusterStore;
  readonly registry: Registry | undefined;
}

/** What is to be done with the cluster document: on this node's disk, and in the store beside the nodes. */
export function performOnDocument(
  effect: DocumentEffect,
  { clusterStore, registry }: DocumentPlaces,
  dispatch: (event: NodeEvent) => void,
): void {
  const kept = (type: 'voteKept' | 'documentKept' | 'clusterKept') => (error?: Error) => {
    dispatch({ type, durable: !error });
  };
  switch (effect.type) {
    case 'keepVote':
      clusterStore.keepVote(effect.vote, kept('voteKept'));
      return;
    case 'keepDocument':
      clusterStore.keepDocument(effect.document, kept('documentKept'));
      return;
    case 'keepCluster':
      clusterStore.keepCluster(effect.cluster, kept('clusterKept'));
      return;
    case 'readStore':
      registry?.read((reading) => {
        dispatch({ type: 'storeRead', reading });
      });
      return;
    case 'swapStore':
      registry?.swap(effect.index, effect.text, (result) => {
        dispatch({ type: 'storeSwapped', result });
      });
      return;
    default:
      assertNever(effect);
  }
}
