import { expect, it } from '@jest/globals';
import type { NodeSizes, NodeView } from '../../../services/node/core/protocol/events.js';
import type { Actor, NodeId } from '../../../services/node/core/types.js';
import { registerConvergenceGauges } from '../../../services/node/runtime/convergenceGauges.js';
import { NO_SIZES } from '../support/stepCluster.js';

const [n2, n3] = ['n2' as NodeId, 'n3' as NodeId];
const OUTSIDE: NodeView = {
  ...{ document: undefined, founding: undefined, complete: false, vouched: false, actor: 'a' as Actor },
  ...{
    liveness: new Map(),
    hints: new Map(),
    antiEntropy: undefined,
    registry: undefined,
    rebuild: undefined,
  },
};
const WITHIN: NodeView = {
  ...OUTSIDE,
  antiEntropy: {
    underway: { number: 1, peer: n2, partitionsLeft: 7, keysPulled: 0 },
    ...{ last: new Map(), lastOfPartition: new Map(), treesReady: 5, damagedKeys: 3 },
  },
  rebuild: { left: [n2, n3] },
};

it.each<[string, NodeView, NodeSizes, readonly number[]]>([
  ['a node that is in no cluster yet has nothing to say', OUTSIDE, NO_SIZES, [0, 0, 0, 0]],
  ['one that is being rebuilt says how far it is', WITHIN, { ...NO_SIZES, damagedKeys: 3 }, [3, 5, 2, 7]],
])('gauges of convergence: %s', (_, view, sizes, expected) => {
  const gauges = new Map<string, () => number>();
  const metrics = {
    count: () => undefined,
    observe: () => undefined,
    gauge: (name: string, read: () => number) => void gauges.set(name, read),
  };
  registerConvergenceGauges(metrics, { step: () => [], sizes: () => sizes, view: () => view });
  const names = [
    ...['rondo_damaged_keys', 'rondo_hash_trees', 'rondo_rebuild_left'],
    'rondo_exchange_partitions_left',
  ];
  expect([...gauges.keys()]).toEqual(names);
  expect(names.map((name) => gauges.get(name)!())).toEqual(expected);
});
