import { describe, expect, it } from '@jest/globals';
import type { Key, NodeId, VersionedRecord } from '../../../services/node/core/types.js';
import { mergeRecords } from '../../../services/node/core/versioning/record.js';
import { leafOf } from '../../../services/node/core/ring/position.js';
import { bytes, type Pending, type PendingScan } from '../support/stepCluster.js';
import {
  comparing,
  type Comparing,
  EVERY_MS,
  everywhere,
  isFrom,
  keysOf,
  partitionIndex,
  placeOf,
  recordOf,
  TICK_MS,
  tombstoneOf,
  TURN_MS,
  WALL_MS,
} from './clusterSupport.js';

const [KEY, OTHER] = keysOf(3, 2) as [Key, Key];
const [X, Y] = [recordOf('x'), recordOf('y')];
const XY = mergeRecords(X, Y);
const NEWER: VersionedRecord = { ...Y, clock: [...X.clock, ...Y.clock] };
const GRACE_MS = 1_000_000;
const EXPIRED = tombstoneOf(WALL_MS - GRACE_MS - 1);

/** Nodes that all hold everything, with this on their disks from the beginning. */
function laid(records: readonly (readonly [Key, VersionedRecord] | undefined)[][], options = {}) {
  const count = records.length;
  const cluster = comparing({ nodes: count, replicas: count, tombstoneGraceMs: GRACE_MS, ...options });
  records.forEach((held, i) => {
    for (const one of held) if (one) cluster.lay(cluster.ids[i]!, ...one);
  });
  return { cluster, nodes: cluster.ids as [NodeId, NodeId, NodeId] };
}

const pulls = (cluster: Comparing) => cluster.sent.filter(({ message }) => message.type === 'pull').length;

/** Comparisons go on, and find nothing. */
function expectSilence(cluster: Comparing): void {
  cluster.elapse(TURN_MS);
  cluster.takeSent();
  cluster.facts.length = 0;
  cluster.elapse(2 * TURN_MS);
  const types = new Set(cluster.sent.map(({ message }) => message.type));
  expect([...types].sort()).toEqual(['compare', 'compared']);
  expect(new Set(cluster.facts)).toEqual(new Set(['exchangeSame']));
}

describe('a comparison of replicas', () => {
  const many = Array.from({ length: 8 }, (_, partition) => keysOf(partition, 5)).flat();
  it.each<[string, readonly (readonly [Key, VersionedRecord])[][], VersionedRecord]>([
    ['lacks a key', [[], [[KEY, X]], [[KEY, X]]], X],
    ['alone has a key', [[[KEY, X]], [], []], X],
    ['has an older record', [[[KEY, X]], [[KEY, NEWER]], [[KEY, NEWER]]], NEWER],
    ['has a concurrent sibling', [[[KEY, X]], [[KEY, Y]], [[KEY, Y]]], XY],
    ['has another than each of the others', [[[KEY, X]], [[KEY, Y]], []], XY],
    ['lacks what was deleted', [[], [[KEY, tombstoneOf(WALL_MS)]], []], tombstoneOf(WALL_MS)],
    [
      'does not know that it was deleted',
      [[[KEY, X]], [[KEY, tombstoneOf(WALL_MS, X)]], []],
      tombstoneOf(WALL_MS, X),
    ],
    ['has all that is missing elsewhere', [many.map((key) => [key, X] as const), [], [[KEY, X]]], X],
    [
      'misses everything',
      [[], many.map((key) => [key, X] as const), many.map((key) => [key, X] as const)],
      X,
    ],
  ])(
    'makes them the same in one turn, by pulls alone, and is silent then: one %s',
    (_, records, expected) => {
      const { cluster, nodes } = laid([...records]);
      cluster.elapse(EVERY_MS + TURN_MS);
      const keys = [...new Set(records.flat().map(([key]) => key))];
      for (const key of keys) expect(cluster.holders(key)).toEqual(everywhere(key, expected, nodes));
      expect(cluster.sent.some(({ message }) => message.type === 'write')).toBe(false);
      expect(cluster.facts.filter((fact) => fact === 'keyPulled')).not.toEqual([]);
      expectSilence(cluster);
    },
  );

  it('asks for every key once, of one that has it, and for nothing that is the same', () => {
    const { cluster, nodes } = laid([[[OTHER, X]], [[KEY, X], [OTHER, X]]]); // prettier-ignore
    cluster.elapse(EVERY_MS + TURN_MS);
    expect(cluster.sent.filter(({ message }) => message.type === 'pull')).toMatchObject([
      { from: nodes[0], to: nodes[1], message: { key: KEY } },
    ]);
  });

  it('compares five nodes that keep three copies, each with those with which it shares partitions', () => {
    const cluster = comparing({ nodes: 5 });
    const keys = Array.from({ length: 8 }, (_, partition) => keysOf(partition, 3)).flat();
    keys.forEach((key, i) => {
      cluster.lay(cluster.primaries(key)[i % 3]!, key, X);
    });
    cluster.elapse(EVERY_MS + 2 * TURN_MS);
    const ofNodes = (nodes: readonly NodeId[]) => cluster.ids.filter((id) => nodes.includes(id));
    for (const key of keys) {
      expect(cluster.holders(key)).toEqual(everywhere(key, X, ofNodes(cluster.primaries(key))));
    }
  });

  it('has the second look before it pulls: what was only under way at the first is no difference', () => {
    for (const arrives of [true, false]) {
      const { cluster, nodes } = laid([[], []]);
      cluster.elapse(EVERY_MS + TURN_MS);
      const isWrite = (item: Pending): boolean => isFrom(nodes[1], 'write')(item);
      cluster.put(nodes[1], { key: KEY, value: bytes('new'), minWrites: 1 });
      cluster.runAll((item) => !isWrite(item));
      const leaves = cluster.until(isFrom(nodes[0], 'leaves'), isWrite)!;
      expect(cluster.pending.filter(isWrite)).toHaveLength(1);
      cluster.run(leaves);
      cluster.runAll((item) => !isWrite(item));
      if (arrives) cluster.runAll();
      cluster.elapseBut(1000, isWrite);
      expect(pulls(cluster)).toBe(arrives ? 0 : 1);
    }
  });

  it('takes what differs only at the second look for under way as well', () => {
    const { cluster, nodes } = laid([[], [[OTHER, X]]]);
    const isWrite = (item: Pending): boolean => isFrom(nodes[1], 'write')(item);
    cluster.run(cluster.until(isFrom(nodes[0], 'leaves'))!);
    cluster.runAll();
    cluster.put(nodes[1], { key: KEY, value: bytes('new'), minWrites: 1 });
    cluster.elapseBut(1000, isWrite);
    const asked = cluster.sent.flatMap(({ message }) => (message.type === 'pull' ? [message.key] : []));
    expect(asked).toEqual([OTHER]);
  });

  it('lists more keys than go into a page, one page after the other', () => {
    const keys = keysOf(3, 200);
    const { cluster, nodes } = laid([[], keys.map((key) => [key, X] as const)]);
    cluster.elapse(EVERY_MS + TURN_MS);
    for (const key of keys) expect(cluster.holders(key)).toEqual(everywhere(key, X, nodes.slice(0, 2)));
    const lists = cluster.sent.flatMap(({ message }) => (message.type === 'list' ? [message] : []));
    expect(lists.filter(({ after }) => after !== undefined)).not.toEqual([]);
    // Neighbouring leaves are listed together.
    const leaves = new Set(keys.map((key) => leafOf(placeOf(key), 8)));
    expect(lists.filter(({ after }) => after === undefined).length).toBeLessThan(leaves.size);
    expect(pulls(cluster)).toBe(200);
  });
});

describe('a node that is not complete', () => {
  it('tells nothing, is not pulled from, and pulls what it lacks itself (R3)', () => {
    const options = { incomplete: ['n2'], votes: false };
    const { cluster, nodes } = laid([[[KEY, X]], [[OTHER, Y]]], options);
    cluster.elapse(2 * TURN_MS + 8000);
    expect(cluster.holders(KEY)).toEqual(everywhere(KEY, X, nodes.slice(0, 2)));
    expect(cluster.holders(OTHER)).toEqual(everywhere(OTHER, Y, [nodes[1]]));
    expect(cluster.takeSent()).not.toContain('n1>n2 pull');
    expect(cluster.node(nodes[1]).view().complete).toBe(false);
  });

  it('is complete again when it has pulled from all others, and is then pulled from (R10)', () => {
    const { cluster, nodes } = laid([[[KEY, X]], [[OTHER, Y]], []], { nodes: 3, incomplete: ['n2'] });
    cluster.elapse(2 * TURN_MS + 8000);
    const [, rebuilt] = nodes;
    expect(cluster.node(rebuilt).view()).toMatchObject({ complete: true, document: { epoch: 2 } });
    expect(cluster.facts).toContain('rebuildFinished');
    for (const [key, record] of [[KEY, X] as const, [OTHER, Y] as const]) {
      expect(cluster.holders(key)).toEqual(everywhere(key, record, nodes));
    }
  });
});

describe('a tombstone that the other lacks (R13)', () => {
  const inTime = (cluster: Comparing, node: NodeId, options = {}) => {
    cluster.elapse(EVERY_MS + TURN_MS);
    return { held: cluster.disk(node).records.get(KEY), ...options };
  };

  it('is not pulled to a replica that holds nothing, once it has expired', () => {
    const { cluster, nodes } = laid([[], [[KEY, EXPIRED]]]);
    expect(inTime(cluster, nodes[0])).toEqual({ held: undefined });
    expect(pulls(cluster)).toBe(0);
  });

  it('is pulled there while it has not', () => {
    const fresh = tombstoneOf(WALL_MS - GRACE_MS + 60_000);
    const { cluster, nodes } = laid([[], [[KEY, fresh]]]);
    expect(inTime(cluster, nodes[0])).toEqual({ held: fresh });
  });

  it('is pulled all the same to one that holds anything else, or that is not complete', () => {
    const over = tombstoneOf(WALL_MS - GRACE_MS - 1, X);
    const older = laid([[[KEY, X]], [[KEY, over]]]);
    expect(inTime(older.cluster, older.nodes[0])).toEqual({ held: over });
    const rebuilt = laid([[], [[KEY, EXPIRED]]], { incomplete: ['n1'] });
    expect(inTime(rebuilt.cluster, rebuilt.nodes[0])).toEqual({ held: EXPIRED });
  });
});

describe('a hash tree that is wrong', () => {
  it('is given up by both, since neither knows which it is, and built anew', () => {
    const { cluster, nodes } = laid([[[KEY, X], [OTHER, X]], [[KEY, X], [OTHER, X]]]); // prettier-ignore
    cluster.elapse(EVERY_MS + TURN_MS);
    for (const node of nodes.slice(0, 2)) cluster.disk(node).records.delete(KEY);
    cluster.restart(nodes[1]);
    cluster.facts.length = 0;
    cluster.elapse(2 * TURN_MS);
    expect(cluster.facts.filter((fact) => fact === 'treeGivenUp').length).toBeGreaterThanOrEqual(2);
    expectSilence(cluster);
  });
});

describe('what cannot be had or kept', () => {
  it('stops nothing else: a record that is too large for this node', () => {
    const keys = keysOf(3, 30).sort((a, b) => Buffer.compare(placeOf(a), placeOf(b)));
    const large = recordOf('large', { value: 'v'.repeat(20_000) });
    const records = keys.map((key, i) => [key, i === 0 ? large : X] as const);
    const { cluster, nodes } = laid([[], records], { limits: { cellBytesMax: 10_000 } });
    cluster.elapse(EVERY_MS + TURN_MS);
    for (const key of keys.slice(1))
      expect(cluster.holders(key)).toEqual(everywhere(key, X, nodes.slice(0, 2)));
    expect(cluster.holders(keys[0]!)).toEqual(everywhere(keys[0]!, large, [nodes[1]]));
    expect(cluster.facts).toContain('exchangeFailed');
  });

  it('stops nothing else: a partition whose records cannot be read through', () => {
    const blocked = new Set<string>();
    const keys = [KEY, ...keysOf(5, 2), ...keysOf(6, 2)];
    const { cluster, nodes } = laid([[], keys.map((key) => [key, X] as const)], {
      onEffect: (node: NodeId, effect: { type: string; scan?: number; range?: { from: Uint8Array } }) => {
        const isBlocked = effect.type === 'scan' && effect.range!.from[0]! >> 5 === partitionIndex(KEY);
        if (node === 'n2' && isBlocked) blocked.add(`${node} ${effect.scan}`);
      },
    });
    const isBlocked = (item: Pending): item is PendingScan =>
      item.kind === 'scan' && blocked.has(`${item.node} ${item.scan}`);
    for (let passed = 0; passed < EVERY_MS + TURN_MS + 10_000; passed += TICK_MS) {
      cluster.elapseBut(TICK_MS, isBlocked);
      for (const item of cluster.drop(isBlocked)) {
        if (isBlocked(item)) cluster.step(item.node, { type: 'scanFailed', scan: item.scan });
      }
    }
    const isBehind = (key: Key) => cluster.holders(key).length === 1;
    expect(keys.filter(isBehind)).toEqual([KEY]);
    expect(cluster.holders(keys[1]!)).toEqual(everywhere(keys[1]!, X, nodes.slice(0, 2)));
  });
});
