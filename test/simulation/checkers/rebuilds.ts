import type { ClusterDocument, NodeId } from '../../../services/node/core/types.js';
import type { Scene } from './scene.js';
import type { Step } from './wire.js';

interface Rebuilding {
  /** The other complete replicas of what the node holds when its rebuild begins. */
  readonly sources: readonly NodeId[];
  /** Those that have told what they have since. */
  readonly told: Set<NodeId>;
}

/**
 * Judges the end of a rebuild (R10): nobody can know what a replica has that has not been heard since the rebuild began. A
 * replica that has lost its own data meanwhile is no source any more.
 */
export function createRebuildChecker({ report }: Scene): { stepped(step: Step): void } {
  const rebuilding = new Map<NodeId, Rebuilding>();
  return {
    stepped: ({ node, directory, event, effects }) => {
      const underway = rebuilding.get(node);
      if (event.type === 'message' && event.message.type === 'compared') underway?.told.add(event.from);
      const document = directory.cluster?.document;
      for (const effect of effects) {
        if (effect.type !== 'observe' || !document) continue;
        if (effect.fact === 'rebuildBegun') {
          rebuilding.set(node, { sources: sourcesOf(document, node), told: new Set() });
        }
        if (effect.fact !== 'rebuildFinished' || !underway) continue;
        const still = new Set(sourcesOf(document, node));
        const missed = underway.sources.filter((source) => still.has(source) && !underway.told.has(source));
        if (missed.length > 0) report('R10', `${node} is complete without having heard ${missed.join(' ')}`);
        rebuilding.delete(node);
      }
    },
  };
}

function sourcesOf({ nodes, placement }: ClusterDocument, self: NodeId): readonly NodeId[] {
  const sets = placement.map(({ now }) => now.flatMap((index) => nodes[index] ?? []));
  const shared = sets.filter((set) => set.some(({ id }) => id === self)).flat();
  const sources = shared.filter(({ id, state }) => id !== self && state === 'complete');
  return [...new Set(sources.map(({ id }) => id))];
}
