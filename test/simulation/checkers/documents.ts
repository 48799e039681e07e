import { documentText } from '../../../services/node/core/membership/documentText.js';
import type { ClusterDocument, NodeId } from '../../../services/node/core/types.js';
import type { Scene } from './scene.js';
import type { Step } from './wire.js';

/**
 * Judges the documents that nodes adopt: one for each epoch (R7), never an older one than before (I13), and a directory that takes the place of a lost one
 * begins as one that is being rebuilt (R10).
 */
export function createDocumentChecker(
  { report }: Scene,
  founded: () => ClusterDocument,
): { stepped(step: Step): void } {
  const byEpoch = new Map<number, ClusterDocument>();
  const known = (epoch: number): ClusterDocument | undefined => {
    return epoch === 1 ? founded() : byEpoch.get(epoch);
  };
  const note = (document: ClusterDocument, node: NodeId): void => {
    const { epoch } = document;
    const other = known(epoch);
    if (other && documentText(other) !== documentText(document)) {
      report('R7', `${node} adopts another document of epoch ${String(epoch)} than others did`);
    }
    if (other) return;
    byEpoch.set(epoch, document);
    const before = known(epoch - 1)?.nodes ?? [];
    for (const { id, actor, state } of document.nodes) {
      const listed = before.find((earlier) => earlier.id === id);
      if (!listed || listed.actor === actor || state !== 'complete') continue;
      report('R10', `${id} counts with a new directory in epoch ${String(epoch)} before it is rebuilt`);
    }
  };
  return {
    stepped: ({ node, directory, effects }) => {
      for (const effect of effects) {
        if (effect.type === 'keepDocument') {
          note(effect.document, node);
          const epoch = directory.cluster?.document.epoch ?? 0;
          // The same one again is what a disk that failed late was given before.
          if (effect.document.epoch < epoch) {
            const back = `${String(epoch)} to ${String(effect.document.epoch)}`;
            report('I13', `${node} goes back from the document of epoch ${back}`);
          }
        }
        if (effect.type === 'keepCluster') note(effect.cluster.document, node);
      }
    },
  };
}
