import { documentText } from '../../../services/node/core/membership/documentText.js';
import { storedCluster } from '../../../services/node/core/membership/storedCluster.js';
import type { NodeId } from '../../../services/node/core/types.js';
import type { Machine } from '../machine.js';
import type { SimulatedRegistry } from '../registry.js';
import type { Scene } from './scene.js';
import type { Step } from './wire.js';

const FAR = 1000;

/** Of one node: since when it has seen the loss, and who has answered what it asked since. */
interface Sight {
  isLost: boolean;
  epoch: number;
  readonly asked: Set<number>;
  readonly answered: Set<NodeId>;
}

/**
 * Judges what is swapped into the registry: a store that has lost the document is filled only by a node that a majority has
 * answered since it saw that (R8), one document an epoch is ever stored (R7), and in the end all have what is there.
 */
export function createStoredChecker({ report }: Scene, nodes: number) {
  const sights = new Map<NodeId, Sight>();
  const sightOf = (node: NodeId): Sight => {
    const sight = sights.get(node) ?? { isLost: false, epoch: 0, asked: new Set(), answered: new Set() };
    sights.set(node, sight);
    return sight;
  };
  return {
    stepped: ({ node, directory, event, effects }: Step): void => {
      const sight = sightOf(node);
      sight.epoch = directory.cluster?.document.epoch ?? 0;
      if (event.type === 'storeRead' && event.reading.status === 'read') {
        const epoch = storedCluster(event.reading.text)?.document.epoch ?? 0;
        if (epoch >= sight.epoch)
          Object.assign(sight, { isLost: false, asked: new Set(), answered: new Set() });
        else sight.isLost = true;
      }
      if (event.type === 'message' && event.message.type === 'pong' && sight.asked.has(event.message.request))
        sight.answered.add(event.from);
      for (const effect of effects) {
        if (
          effect.type === 'send' &&
          effect.message.type === 'ping' &&
          effect.message.request > 0 &&
          sight.isLost
        )
          sight.asked.add(effect.message.request);
        if (effect.type !== 'swapStore') continue;
        const epoch = storedCluster(effect.text)?.document.epoch ?? 0;
        if (epoch >= sight.epoch + FAR && 2 * (sight.answered.size + 1) <= nodes)
          report('R8', `${node} fills the store, and ${String(sight.answered.size)} others have answered`);
      }
    },
    converged: (registry: SimulatedRegistry, machines: readonly Machine[]): void => {
      const byEpoch = new Map<number, string>();
      for (const { text, by } of registry.history) {
        const document = storedCluster(text ?? '')?.document;
        if (!document) continue;
        const known = byEpoch.get(document.epoch);
        if (known !== undefined && known !== documentText(document))
          report(
            'R7',
            `${by} has stored another document of epoch ${String(document.epoch)} than was stored before`,
          );
        byEpoch.set(document.epoch, documentText(document));
      }
      const stored = storedCluster(registry.stored?.text ?? '')?.document;
      for (const { id, life } of machines) {
        const document = life?.node.view().document;
        if (!life || (document && stored && documentText(document) === documentText(stored))) continue;
        const epochs = `${String(document?.epoch)}, and the store ${String(stored?.epoch)}`;
        report('R7', `${id} has the document of epoch ${epochs} when all was well for long`);
      }
    },
  };
}
