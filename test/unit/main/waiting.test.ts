import { describe, expect, it } from '@jest/globals';
import type { NodeView } from '../../../services/node/core/protocol/events.js';
import type { FoundingTrouble } from '../../../services/node/core/protocol/foundingView.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import type { Actor, NodeId } from '../../../services/node/core/types.js';
import { describeWaiting } from '../../../services/node/main/waiting.js';
import { clusterNode } from '../support/clusterNode.js';

const id = (name: string) => name as NodeId;
const VIEW: NodeView = {
  ...{ document: undefined, founding: undefined, complete: false, vouched: false, actor: 'a' as Actor },
  ...{
    liveness: new Map(),
    hints: new Map(),
    antiEntropy: undefined,
    registry: undefined,
    rebuild: undefined,
  },
};
const SELF = { self: id('n1'), expects: 3, seeds: [id('n1'), id('n2')] };

const viewOf = (candidates: readonly string[], ...troubles: readonly FoundingTrouble[]): NodeView => ({
  ...VIEW,
  founding: { founded: false, candidates: candidates.map(id), troubles },
});

describe('what a node without a cluster waits for', () => {
  it('is the rest of those that are to found it', () => {
    const said = describeWaiting(SELF, viewOf(['n1', 'n2']));
    expect(said).toBe('2 of 3 nodes that are to found a cluster are found (n1, n2)');
  });

  it('is the cluster at its seeds, for one that founds none', () => {
    expect(describeWaiting({ ...SELF, expects: 0 }, viewOf([]))).toBe('looking for the cluster at n1, n2');
  });

  it.each<[FoundingTrouble, string]>([
    [{ code: 'too_many_candidates', nodes: [id('a'), id('b')] }, 'stop those that do not belong'],
    [{ code: 'same_id', node: id('a') }, 'two nodes run under the name a'],
    [{ code: 'other_expectation', node: id('a'), expects: 5 }, 'a expects 5 nodes and this one 3'],
    [{ code: 'document_lost' }, 'whose document it has lost'],
    [{ code: 'bound', proposer: id('a') }, 'start a again'],
    [{ code: 'store_unread' }, 'is Consul running, at --consul-url'],
    [{ code: 'not_in_store', epoch: 7 }, 'a cluster (epoch 7) that does not list this node'],
    [{ code: 'store_damaged' }, 'look who wrote it'],
    [
      { code: 'not_listed', node: id('a'), epoch: 7 },
      'a is in a cluster (epoch 7) that does not list this node',
    ],
  ])('names the trouble and what to do: %j', (trouble, words) => {
    expect(describeWaiting(SELF, viewOf(['n1'], trouble))).toContain(words);
  });

  it('names all troubles', () => {
    const said = describeWaiting(
      SELF,
      viewOf(['n1'], { code: 'same_id', node: id('a') }, { code: 'bound', proposer: id('b') }),
    );
    expect(said.split('; ')).toHaveLength(3);
  });

  it('is to be let in, where its own document leaves it out', () => {
    const nodes = [clusterNode('n2')];
    const document = foundDocument({ clusterId: 'c', partitions: 8, replicas: 1, nodes });
    expect(describeWaiting(SELF, { ...VIEW, document })).toContain('does not list n1');
  });
});
