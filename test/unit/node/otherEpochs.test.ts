import { describe, expect, it } from '@jest/globals';
import type { Actor, Key, NodeId } from '../../../services/node/core/types.js';
import { comparing, type Comparing, isFrom, keysOf } from '../repair/clusterSupport.js';
import { getOutcome, read } from '../support/outcomes.js';
import { bytes, type Pending } from '../support/stepCluster.js';

const [KEY] = keysOf(3, 1) as [Key];

/** The third replica loses its data, which the document says from epoch 2 on; before that, `hold` is held back. */
function behind(cluster: Comparing, hold: (item: Pending) => boolean): void {
  const lost = cluster.primaries(KEY)[2]!;
  cluster.disk(lost).actor = 'another' as Actor;
  cluster.disk(lost).records.clear();
  cluster.restart(lost);
  cluster.elapseBut(1500, hold);
  expect(cluster.node(lost).view().document!.epoch).toBeGreaterThan(1);
}

const sinceOf = (item: Pending): number =>
  item.kind === 'message' && item.message.type === 'write' ? item.message.since : 0;

const dots = (cluster: Comparing) =>
  cluster.ids.map((id) =>
    cluster
      .disk(id)
      .records.get(KEY)
      ?.clock.map(({ counter }) => counter),
  );

describe('a request from before the replicas of its key changed (R9)', () => {
  it('a write is refused, and the same record sent again under the new document: never a new dot', () => {
    const cluster = comparing({ nodes: 3 });
    const [a] = cluster.primaries(KEY) as [NodeId];
    cluster.elapse(200);
    const ticket = cluster.put(a, { key: KEY, value: bytes('x'), minWrites: 3 });
    behind(cluster, isFrom(a, 'write'));
    // Of those that follow from the document alone none arrives.
    cluster.drop((item) => isFrom(a, 'write')(item) && sinceOf(item) > 1);
    const held = cluster.pending.filter(isFrom(a, 'write'));
    expect([held.map(sinceOf), cluster.replies(ticket)]).toEqual([[1, 1], []]);
    cluster.elapse(1000);
    expect(cluster.replies(ticket)).toMatchObject([{ outcome: { ok: true } }]);
    expect(dots(cluster)).toEqual([[1], [1], [1]]);
    expect(cluster.sent.filter(({ message }) => message.type === 'write').length).toBeGreaterThan(2);
  });

  it('a read is refused, and asked again: the replica that lost its data does not answer for it', () => {
    const cluster = comparing({ nodes: 3 });
    const [a, b] = cluster.primaries(KEY) as [NodeId, NodeId];
    cluster.put(a, { key: KEY, value: bytes('x'), minWrites: 3 });
    cluster.elapse(200);
    const ticket = cluster.get(b, { key: KEY, minReads: 3 });
    behind(cluster, isFrom(b, 'read'));
    expect(cluster.replies(ticket)).toEqual([]);
    cluster.elapse(3000);
    const outcome = getOutcome(cluster, ticket);
    if (outcome.ok) expect(outcome.values).toHaveLength(1);
    else expect(outcome.code).toBe('quorum_not_met');
    expect(read(cluster, b, KEY)).toMatchObject({ values: ['x'] });
  });
});
