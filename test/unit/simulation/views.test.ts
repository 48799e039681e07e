import { describe, expect, it } from '@jest/globals';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import type { ClusterDocument, NodeId } from '../../../services/node/core/types.js';
import { createDocumentChecker } from '../../simulation/checkers/documents.js';
import { expandPlan } from '../../simulation/expand.js';
import type { FaultKind } from '../../simulation/plan.js';
import { seedAt } from '../../simulation/random.js';
import { clusterNode } from '../support/clusterNode.js';
import { handMadeScene, NODES } from './support/scene.js';

const [N1] = NODES as [NodeId];

describe('the judge of documents', () => {
  const first = foundDocument({
    clusterId: 'test',
    ...{ partitions: 8, replicas: 3 },
    nodes: NODES.map((id) => clusterNode(id)),
  });

  function adopt(...documents: readonly ClusterDocument[]) {
    const { scene, broken, directories } = handMadeScene();
    const directory = directories.get(N1)![0]!;
    const checker = createDocumentChecker(scene, () => first);
    directory.cluster = { document: first, versionKey: new Uint8Array() };
    for (const document of documents) {
      const effects = [{ type: 'keepDocument', document } as const];
      checker.stepped({ node: N1, directory, event: { type: 'tick', sequence: 1 }, effects });
      directory.cluster = { document, versionKey: new Uint8Array() };
    }
    return broken();
  }

  it('finds a node that goes back to an older one (I13)', () => {
    const [second, third] = [
      { ...first, epoch: 2 },
      { ...first, epoch: 3 },
    ] as const;
    expect(adopt(second, third)).toEqual([]);
    expect(adopt(second, third, third)).toEqual([]);
    expect(adopt(second, third, second)).toEqual(['I13']);
  });

  it('finds two of one epoch (R7)', () => {
    const moved = first.nodes.map((node) => ({ ...node, httpAddress: 'elsewhere' }));
    expect(adopt({ ...first, epoch: 2 }, { ...first, epoch: 2, nodes: moved })).toContain('R7');
  });
});

describe('wrong views', () => {
  const plans = Array.from({ length: 300 }, (_, i) => expandPlan(seedAt(0n, i)));

  it('are in many plans, of every kind, and never where an old disk has to be noticed (R12)', () => {
    for (const kind of ['deaf', 'oldView', 'echo'] satisfies FaultKind[]) {
      const having = plans.filter(({ faults }) => faults.some((fault) => fault.kind === kind));
      expect(having.length).toBeGreaterThan(10);
      expect(having.filter(({ faults }) => faults.some((fault) => fault.kind === 'oldDisk'))).toEqual([]);
    }
  });

  it('are of all the others, and of some', () => {
    const faults = plans.flatMap((plan) => plan.faults.map((fault) => ({ fault, nodes: plan.nodes })));
    const lost = faults.flatMap(({ fault, nodes }) =>
      fault.kind === 'deaf' ? [fault.of.length === nodes - 1] : [],
    );
    expect(new Set(lost)).toEqual(new Set([true, false]));
  });
});
