import { describe, expect, it } from '@jest/globals';
import type { Key, NodeId } from '../../../services/node/core/types.js';
import { NODE_TIMEOUT_MS } from '../support/stepCluster.js';
import { hintName } from '../support/stepDisk.js';
import {
  comparing,
  type Comparing,
  EVERY_MS,
  everywhere,
  keysOf,
  recordOf,
  TURN_MS,
} from './clusterSupport.js';

const DEAD_MS = NODE_TIMEOUT_MS + 500;
const LONG_MS = EVERY_MS + 4 * TURN_MS;
const [KEY] = keysOf(3, 1) as [Key];
const X = recordOf('x');

function removed(cluster: Comparing, node: NodeId): void {
  cluster.absent.add(node);
  cluster.elapse(DEAD_MS);
  const ticket = cluster.remove(
    cluster.ids.find((id) => id !== node)!,
    node,
  );
  cluster.elapse(2000);
  expect(cluster.replies(ticket)).toMatchObject([{ outcome: { ok: true } }]);
}

const setOf = (cluster: Comparing, node: NodeId, key: Key) => {
  const { document } = cluster.node(node).view();
  const { now } = document!.placement[3]!;
  expect(keysOf(3, 1)).toContain(key);
  return now.map((index) => document!.nodes[index]!.id).sort();
};

describe('a node that was taken out', () => {
  it('is owed nothing: what others keep for it goes to the replicas that there are (R4)', () => {
    const cluster = comparing({ nodes: 5 });
    const [gone] = cluster.primaries(KEY) as [NodeId];
    const [f] = cluster.fallbacks(KEY) as [NodeId];
    cluster.lay(f, KEY, X);
    cluster.disk(f).hints.set(hintName(gone, KEY), { target: gone, key: KEY, order: 1 });
    cluster.restart(f);
    removed(cluster, gone);
    cluster.elapse(LONG_MS);
    expect(cluster.disk(f).hints.size).toBe(0);
    expect(cluster.holders(KEY)).toEqual(everywhere(KEY, X, setOf(cluster, f, KEY)));
  });

  it.each(['a copy', 'a stray copy', 'a copy that it owes to a node'])(
    'gives %s to nobody when it is started again: the others may have forgotten the key since (I10)',
    (what) => {
      const cluster = comparing({ nodes: 5 });
      const [primary, other] = cluster.primaries(KEY) as [NodeId, NodeId];
      const gone = what === 'a copy' ? primary : cluster.fallbacks(KEY)[0]!;
      removed(cluster, gone);
      cluster.lay(gone, KEY, X);
      if (what.endsWith('a node')) {
        cluster.disk(gone).hints.set(hintName(other, KEY), { target: other, key: KEY, order: 1 });
      }
      cluster.restart(gone);
      cluster.elapse(LONG_MS);
      expect(cluster.holders(KEY)).toEqual(everywhere(KEY, X, [gone]));
      expect(cluster.node(gone).view().document!.epoch).toBe(2);
    },
  );
});
