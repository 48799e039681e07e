import { describe, expect, it } from '@jest/globals';
import type { Effect, NodeEvent } from '../../../services/node/core/protocol/events.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { createRebuildChecker } from '../../simulation/checkers/rebuilds.js';
import { clusterNode } from '../support/clusterNode.js';
import { handMadeScene, NODES } from './support/scene.js';

const [N1, N2, N3] = NODES as [NodeId, NodeId, NodeId];
const TICK: NodeEvent = { type: 'tick', sequence: 1 };

function rebuilding() {
  const { scene, broken, directories } = handMadeScene();
  const directory = directories.get(N1)![0]!;
  const nodes = [N1, N2, N3].map((id) => clusterNode(id));
  const document = foundDocument({ clusterId: 'test', partitions: 8, replicas: 3, nodes });
  directory.cluster = { document, versionKey: new Uint8Array() };
  const checker = createRebuildChecker(scene);
  const step = (event: NodeEvent, fact?: 'rebuildBegun' | 'rebuildFinished') => {
    const effects: Effect[] = fact ? [{ type: 'observe', fact }] : [];
    checker.stepped({ node: N1, directory, event, effects });
    return broken();
  };
  const heard = (from: NodeId) =>
    step({
      type: 'message',
      from,
      message: { type: 'compared', request: 1, differing: [], unready: [] },
      remainingMs: 1,
    });
  return { step, heard };
}

describe('the judge of rebuilds', () => {
  it('finds one that ends before every complete replica was heard (R10)', () => {
    const { step, heard } = rebuilding();
    heard(N3);
    step(TICK, 'rebuildBegun');
    heard(N2);
    expect(step(TICK, 'rebuildFinished')).toEqual(['R10']);
  });

  it('accepts one that ends after that', () => {
    const { step, heard } = rebuilding();
    step(TICK, 'rebuildBegun');
    heard(N2);
    heard(N3);
    expect(step(TICK, 'rebuildFinished')).toEqual([]);
  });
});
