import { describe, expect, it } from '@jest/globals';
import type { Key, NodeId } from '../../../services/node/core/types.js';
import { TICK_MS } from '../../../services/node/core/protocol/events.js';
import { createStepCluster, isMessage, NODE_TIMEOUT_MS, type StepCluster } from '../support/stepCluster.js';

const DEAD_MS = NODE_TIMEOUT_MS + 500;
const PROPOSED_MS = 12_000;

function made(count = 5) {
  // The register's messages pass only in clusters that compare what they hold.
  const cluster = createStepCluster({ nodes: count, replicas: 3, antiEntropyMs: 1e9 });
  return { cluster, ids: cluster.ids as [NodeId, NodeId, NodeId, ...NodeId[]] };
}

const documentOf = (cluster: StepCluster, node: NodeId) => cluster.node(node).view().document!;

describe('taking a node out because a person says so', () => {
  it('takes a dead one out of every set, everywhere, and says in which epoch', () => {
    const { cluster, ids } = made();
    const gone = ids.at(-1)!;
    cluster.absent.add(gone);
    cluster.elapse(DEAD_MS);
    const ticket = cluster.remove(ids[0], gone);
    cluster.elapse(2000);
    expect(cluster.replies(ticket)).toEqual([{ to: 'remove', outcome: { ok: true, epoch: 2 } }]);
    for (const id of ids.slice(0, -1)) {
      expect(documentOf(cluster, id)).toMatchObject({ epoch: 2 });
      expect(documentOf(cluster, id).nodes.map((node) => node.id)).toEqual(ids.slice(0, -1));
    }
    const get = cluster.get(ids[0], { key: 'k' as Key });
    cluster.elapse(1000);
    expect(cluster.replies(get)).toMatchObject([{ outcome: { ok: true } }]);
  });

  it.each([
    ['that is alive', 0],
    ['that is only suspect', NODE_TIMEOUT_MS / 2],
  ])('refuses one %s, and changes nothing', (_, silentMs) => {
    const { cluster, ids } = made();
    if (silentMs > 0) cluster.silent.add(ids[2]);
    cluster.elapse(silentMs);
    const ticket = cluster.remove(ids[0], ids[2]);
    expect(cluster.replies(ticket)).toMatchObject([
      { outcome: { ok: false, code: 'node_in_use', outcome: 'none' } },
    ]);
    cluster.elapse(2000);
    expect(documentOf(cluster, ids[0]).epoch).toBe(1);
  });

  it('refuses one that is not known, and the one that is asked', () => {
    const { cluster, ids } = made();
    const codes = ['nobody' as NodeId, ids[0]].map((node) => cluster.replies(cluster.remove(ids[0], node)));
    expect(codes).toMatchObject([
      [{ outcome: { code: 'unknown_node' } }],
      [{ outcome: { code: 'node_in_use' } }],
    ]);
  });

  it('two who are asked for the same at the same time both succeed, and it is done once', () => {
    const { cluster, ids } = made();
    const gone = ids.at(-1)!;
    cluster.absent.add(gone);
    cluster.elapse(DEAD_MS);
    const tickets = [cluster.remove(ids[0], gone), cluster.remove(ids[1], gone)];
    cluster.elapse(PROPOSED_MS);
    for (const ticket of tickets) {
      expect(cluster.replies(ticket)).toEqual([{ to: 'remove', outcome: { ok: true, epoch: 2 } }]);
    }
  });

  it('a part without a majority changes nothing, and says by its deadline that it does not know (R7, I11)', () => {
    const { cluster, ids } = made();
    for (const id of ids.slice(2)) cluster.absent.add(id);
    cluster.elapse(DEAD_MS);
    const ticket = cluster.remove(ids[0], ids[2]);
    expect(cluster.node(ids[0]).sizes().liveRequests).toBe(1);
    cluster.elapse(PROPOSED_MS);
    expect(cluster.replies(ticket)).toMatchObject([
      { outcome: { code: 'not_committed', outcome: 'unknown' } },
    ]);
    expect(documentOf(cluster, ids[0]).epoch).toBe(1);
    expect(cluster.node(ids[0]).sizes().liveRequests).toBe(0);
  });

  it('one that comes back meanwhile, with a new directory, is another one than was meant, and stays', () => {
    const { cluster, ids } = made();
    const [asked, , lost] = ids;
    cluster.absent.add(lost);
    cluster.elapse(DEAD_MS);
    const ticket = cluster.remove(asked, lost);
    cluster.wipe(lost);
    for (let passed = 0; passed < 3000; passed += TICK_MS) {
      cluster.advance(TICK_MS);
      cluster.drop((item) => isMessage('prepare')(item) && item.from === asked);
      cluster.runAll();
    }
    cluster.elapse(PROPOSED_MS);
    expect(cluster.replies(ticket)).toHaveLength(1);
    expect(cluster.replies(ticket)).toMatchObject([{ outcome: { ok: false, outcome: 'none' } }]);
    expect(documentOf(cluster, asked).nodes.map((node) => node.id)).toEqual(ids);
  });

  it('whoever waits is told when the node stops', () => {
    const { cluster, ids } = made();
    cluster.absent.add(ids[2]);
    cluster.elapse(DEAD_MS);
    const ticket = cluster.remove(ids[0], ids[2]);
    cluster.step(ids[0], { type: 'stop' });
    cluster.elapse(PROPOSED_MS);
    expect(cluster.replies(ticket)).toMatchObject([
      { outcome: { code: 'not_committed', outcome: 'unknown' } },
    ]);
  });
});
