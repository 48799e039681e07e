import { describe, expect, it } from '@jest/globals';
import type { NodeId } from '../../../services/node/core/types.js';
import { type Comparing, comparing, isFrom, keysOf, recordOf } from './clusterSupport.js';

const X = recordOf('x');
const RARELY_MS = 1e8;

function after(cluster: Comparing, node: NodeId, partition?: number): number {
  const [reply] = cluster.replies(cluster.hurry(node, partition));
  if (reply?.to !== 'hurry' || !reply.outcome.ok) throw new Error(JSON.stringify(reply));
  return reply.outcome.after;
}

const viewOf = (cluster: Comparing, node: NodeId) => cluster.node(node).view().antiEntropy!;

describe('comparisons that a person asks for', () => {
  it('begin at once with every other node, and have numbers above the one that is answered', () => {
    const cluster = comparing({ antiEntropyMs: RARELY_MS });
    const [n1, n2, n3] = cluster.ids as [NodeId, NodeId, NodeId];
    const key = keysOf(3, 1)[0]!;
    cluster.lay(n2, key, X);
    cluster.elapse(1000);
    expect(viewOf(cluster, n1).last.size).toBe(0);
    const number = after(cluster, n1);
    cluster.elapse(8000);
    const { last, underway } = viewOf(cluster, n1);
    expect(underway).toBeUndefined();
    expect(last.get(n2)).toMatchObject({ how: 'repaired', keysPulled: 1 });
    expect(last.get(n3)).toMatchObject({ how: 'same', keysPulled: 0 });
    for (const { number: compared } of last.values()) expect(compared).toBeGreaterThan(number);
    expect(cluster.disk(n1).records.has(key)).toBe(true);
    expect(after(cluster, n1)).toBe(2);
  });

  it('of one partition pull that partition and nothing else, and count for no comparison of all', () => {
    const cluster = comparing({ antiEntropyMs: RARELY_MS });
    const [n1, n2, n3] = cluster.ids as [NodeId, NodeId, NodeId];
    const [here, elsewhere] = [keysOf(3, 1)[0]!, keysOf(4, 1)[0]!];
    for (const key of [here, elsewhere]) cluster.lay(n2, key, X);
    const number = after(cluster, n1, 3);
    cluster.elapse(8000);
    const { last, lastOfPartition } = viewOf(cluster, n1);
    expect(last.size).toBe(0);
    expect([...lastOfPartition.keys()].sort()).toEqual([n2, n3]);
    expect(lastOfPartition.get(n2)).toMatchObject({ partition: 3, how: 'repaired', keysPulled: 1 });
    for (const { number: compared } of lastOfPartition.values()) expect(compared).toBeGreaterThan(number);
    expect([here, elsewhere].map((key) => cluster.disk(n1).records.has(key))).toEqual([true, false]);
  });

  it('of one partition that is asked for again and again wait in line once (I14)', () => {
    const cluster = comparing({ antiEntropyMs: RARELY_MS });
    const [n1] = cluster.ids as [NodeId];
    for (let i = 0; i < 1000; i++) after(cluster, n1, 3);
    cluster.elapse(8000);
    expect(after(cluster, n1)).toBe(2);
  });

  it('leave out a node that is not alive, and go on with the others', () => {
    const cluster = comparing({ antiEntropyMs: RARELY_MS });
    const [n1, n2, n3] = cluster.ids as [NodeId, NodeId, NodeId];
    cluster.absent.add(n2);
    cluster.elapse(3000);
    after(cluster, n1, 3);
    after(cluster, n1);
    cluster.elapse(8000);
    const { last, lastOfPartition } = viewOf(cluster, n1);
    expect([[...last.keys()], [...lastOfPartition.keys()]]).toEqual([[n3], [n3]]);
  });

  it('come to every node in turn, however often all are hurried', () => {
    const cluster = comparing({ nodes: 5, replicas: 5, antiEntropyMs: RARELY_MS });
    const [n1, ...others] = cluster.ids as [NodeId, ...NodeId[]];
    const isHeld = isFrom(n1, 'compare');
    const compared: NodeId[] = [];
    after(cluster, n1);
    while (compared.length < 8) {
      const question = cluster.until(isHeld)!;
      // Comparisons take longer than it takes to be hurried again, as while a node is rebuilt.
      after(cluster, n1);
      const { number, peer } = viewOf(cluster, n1).underway!;
      compared[number - 1] = peer;
      cluster.run(question);
      cluster.runAll((item) => !isHeld(item));
    }
    expect(new Set(compared.slice(0, 4))).toEqual(new Set(others));
    expect(compared.slice(4)).toEqual(compared.slice(0, 4));
  });
});
