import { describe, expect, it } from '@jest/globals';
import type { Key, NodeId } from '../../../services/node/core/types.js';
import { mergeRecords } from '../../../services/node/core/versioning/record.js';
import { getOutcome, write } from '../support/outcomes.js';
import { bytes, isMessage, type Pending } from '../support/stepCluster.js';
import { damage } from '../support/stepDisk.js';
import {
  comparing,
  type Comparing,
  EVERY_MS,
  everywhere,
  keysOf,
  recordOf,
  TURN_MS,
} from './clusterSupport.js';

const [KEY] = keysOf(3, 1) as [Key];
const [X, Y] = [recordOf('x'), recordOf('y')];
const XY = mergeRecords(X, Y);
const LONG_MS = EVERY_MS + 2 * TURN_MS;

/** Nodes that hold everything, of which some have a damaged record of the key; the others have X. */
function spoiled(count: number, damaged: readonly number[]) {
  const cluster = comparing({ nodes: count, replicas: count });
  cluster.ids.forEach((id, i) => {
    if (damaged.includes(i)) damage(cluster.disk(id), KEY);
    else cluster.lay(id, KEY, X);
  });
  return { cluster, nodes: cluster.ids };
}

const damagedOn = (cluster: Comparing) => cluster.ids.filter((id) => cluster.disk(id).faults.has(KEY));
const isMending = (item: Pending): boolean =>
  (item.kind === 'store' && item.effect.mends === true) ||
  (item.kind === 'change' && item.effect.type === 'drop');

describe('a damaged record (R12)', () => {
  it.each([
    ['one of two', 2, [0]],
    ['one of three', 3, [1]],
    ['one of five', 5, [4]],
    ['two of five', 5, [0, 3]],
  ])('is mended from all the others, by itself: %s', (_, count, damaged) => {
    const { cluster, nodes } = spoiled(count, damaged);
    cluster.elapse(LONG_MS);
    expect([cluster.holders(KEY), damagedOn(cluster)]).toEqual([everywhere(KEY, X, nodes), []]);
    expect(cluster.totalSizes().damagedKeys).toBe(0);
    expect(cluster.facts.filter((fact) => fact === 'keyMended')).toHaveLength(damaged.length);
    cluster.takeSent();
    cluster.elapse(2 * TURN_MS);
    expect(new Set(cluster.takeSent().map((line) => line.split(' ')[1]))).toEqual(
      new Set(['compare', 'compared']),
    );
  });

  it('is not pulled turn after turn where it cannot be mended (I12)', () => {
    const { cluster, nodes } = spoiled(3, [0, 1]);
    cluster.elapse(3 * LONG_MS);
    expect(damagedOn(cluster)).toEqual(nodes.slice(0, 2));
    expect(cluster.facts).not.toContain('keyPulled');
  });

  it.each([
    ['found by reading everything again', 4000, []],
    ['not found where that is far away', 1e9, ['n1']],
  ])('that no request meets is %s, though trees were built before', (_, scrubMs, left) => {
    const cluster = comparing({ nodes: 3, replicas: 3, scrubMs });
    for (const id of cluster.ids) cluster.lay(id, KEY, X);
    cluster.elapse(LONG_MS);
    damage(cluster.disk(cluster.ids[0]!), KEY);
    cluster.elapse(4000 + LONG_MS);
    expect(damagedOn(cluster)).toEqual(left);
  });

  it('has all that the others have between them, and gives nothing before', () => {
    const { cluster, nodes } = spoiled(3, [0]);
    cluster.lay(nodes[2]!, KEY, Y);
    cluster.until(isMending);
    const held = cluster.disk(nodes[0]!).records.get(KEY);
    expect([damagedOn(cluster), held && everywhere(KEY, held, [nodes[0]!])]).toEqual([
      [nodes[0]],
      everywhere(KEY, XY, [nodes[0]!]),
    ]);
    const ticket = cluster.get(nodes[0]!, { key: KEY, minReads: 3 });
    cluster.elapseBut(4000, isMending);
    expect(getOutcome(cluster, ticket)).toMatchObject({ ok: false });
    cluster.elapse(LONG_MS);
    expect(cluster.holders(KEY)).toEqual(everywhere(KEY, XY, nodes));
  });

  it('is nothing where the others have nothing', () => {
    const { cluster, nodes } = spoiled(3, [0]);
    for (const node of nodes) cluster.disk(node).records.delete(KEY);
    cluster.elapse(LONG_MS);
    expect([cluster.holders(KEY), damagedOn(cluster)]).toEqual([[], []]);
  });

  it.each(['absent', 'silent'] as const)('waits for every other replica, also one that is %s', (how) => {
    // The four others would be one more than are needed.
    const { cluster, nodes } = spoiled(5, [0]);
    cluster[how].add(nodes[2]!);
    cluster.elapse(LONG_MS);
    expect(damagedOn(cluster)).toEqual([nodes[0]]);
    if (how === 'absent') cluster.restart(nodes[2]!);
    cluster.silent.clear();
    cluster.elapse(LONG_MS);
    expect(damagedOn(cluster)).toEqual([]);
  });

  it.each([
    ['the only copy', 1, [0]],
    ['both of two', 2, [0, 1]],
    ['two of three', 3, [0, 1]],
    ['three of five', 5, [0, 1, 2]],
  ])('stays, and is never served, where too few sound copies are left: %s', (_, count, damaged) => {
    const { cluster, nodes } = spoiled(count, damaged);
    const tickets = damaged.map((i) => cluster.get(nodes[i]!, { key: KEY, quorum: 'strict' }));
    cluster.elapse(LONG_MS);
    expect(damagedOn(cluster)).toEqual(damaged.map((i) => nodes[i]));
    for (const ticket of tickets) expect(getOutcome(cluster, ticket)).toMatchObject({ ok: false });
  });

  it('waits for one that is not complete, and does not believe it', () => {
    const cluster = comparing({ incomplete: ['n3'], votes: false });
    const [a, b, c] = cluster.ids as [NodeId, NodeId, NodeId];
    damage(cluster.disk(a), KEY);
    cluster.lay(b, KEY, X);
    cluster.lay(c, KEY, Y);
    cluster.elapse(LONG_MS);
    expect(damagedOn(cluster)).toEqual([a]);
  });

  it('is mended after its disk refused that, and after a message was lost', () => {
    const { cluster, nodes } = spoiled(3, [0]);
    expect(cluster.until(isMessage('pulled', nodes[0]))).toBeDefined();
    cluster.drop(isMessage('pulled', nodes[0]));
    const store = cluster.until(isMending)!;
    if (store.kind === 'store') cluster.failStore(store);
    cluster.elapse(500);
    expect(damagedOn(cluster)).toEqual([nodes[0]]);
    cluster.elapse(LONG_MS);
    expect([damagedOn(cluster), cluster.totalSizes().damagedKeys]).toEqual([[], 0]);
  });

  it('takes in what is written meanwhile', () => {
    const { cluster, nodes } = spoiled(3, [0]);
    cluster.until(isMending);
    const ticket = cluster.put(nodes[1]!, {
      ...{ key: KEY, value: bytes('new'), onConflict: 'sibling', minWrites: 2 },
    });
    cluster.elapse(LONG_MS);
    expect(cluster.replies(ticket)).toMatchObject([{ outcome: { ok: true } }]);
    const [first, ...others] = cluster.holders(KEY).map(([, hash]) => hash);
    expect([others, damagedOn(cluster)]).toEqual([[first, first], []]);
    const siblings = cluster.disk(nodes[0]!).records.get(KEY)!.siblings;
    expect(siblings).toHaveLength(2);
  });

  it('is found by a read, long before any comparison', () => {
    const cluster = comparing({ antiEntropyMs: 1e9 });
    const [a] = cluster.ids as [NodeId];
    write(cluster, a, { key: KEY, value: bytes('one'), minWrites: 3 });
    damage(cluster.disk(a), KEY);
    cluster.elapse(2000);
    expect(damagedOn(cluster)).toEqual([a]);
    cluster.get(a, { key: KEY });
    cluster.elapse(2000);
    expect(damagedOn(cluster)).toEqual([]);
  });
});
