import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import { createRing } from '../../../services/node/core/ring/replicaSets.js';
import type { ClusterDocument, ClusterNode, Partition, Position } from '../../../services/node/core/types.js';
import { nodesArbitrary, partitionsArbitrary } from './support.js';
import { clusterNode } from '../support/clusterNode.js';

const found = (nodes: readonly ClusterNode[], partitions: number, replicas: number): ClusterDocument =>
  foundDocument({ clusterId: 'cluster', partitions, replicas, nodes });

const partitionsOf = (document: ClusterDocument): Partition[] =>
  document.tokens.map((_, partition) => partition as Partition);

describe('replica sets', () => {
  it('replica set: primaries are the placement, fallbacks the others by their next token clockwise', () => {
    const nodes = ['a', 'b', 'c', 'd', 'e'].map((id) => clusterNode(id));
    const document: ClusterDocument = {
      ...found(nodes, 8, 2),
      tokens: [0, 1, 2, 0, 1, 2, 3, 1],
      placement: [
        [0, 1],
        [1, 2],
        [2, 4],
        [0, 3],
        [1, 2],
        [2, 3],
        [3, 1],
        [1, 0],
      ].map((now) => ({ now, since: 1 })),
    };
    const ring = createRing(document);
    const setOf = (partition: number) => ring.replicaSet(partition as Partition);
    expect(setOf(0)).toEqual({ primaries: ['a', 'b'], fallbacks: ['c', 'd', 'e'], since: 1 });
    expect(setOf(2)).toEqual({ primaries: ['c', 'e'], fallbacks: ['a', 'b', 'd'], since: 1 });
    // Past the last partition the tokens go on at the first.
    expect(setOf(5)).toEqual({ primaries: ['c', 'd'], fallbacks: ['b', 'a', 'e'], since: 1 });
    expect(setOf(7)).toEqual({ primaries: ['b', 'a'], fallbacks: ['c', 'd', 'e'], since: 1 });
  });

  it('replica set: every node is a primary or a fallback of every partition, once', () => {
    fc.assert(
      fc.property(
        partitionsArbitrary(6),
        fc.integer({ min: 1, max: 5 }),
        nodesArbitrary,
        (partitions, replicas, list) => {
          const nodes = list.map(({ id, weight, zone }) => clusterNode(id, { weight, zone }));
          const document = found(nodes, partitions, replicas);
          const ring = createRing(document);
          expect(ring.replicasEffective).toBe(Math.min(replicas, nodes.length));
          const ids = nodes.map(({ id }) => id).sort();
          for (const partition of partitionsOf(document)) {
            const { primaries, fallbacks } = ring.replicaSet(partition);
            expect(primaries).toHaveLength(ring.replicasEffective);
            expect(primaries[0]).toBe(nodes[document.tokens[partition]!]!.id);
            expect([...primaries, ...fallbacks].sort()).toEqual(ids);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('replica set: the same whatever the order in which the document lists its nodes (I8)', () => {
    // c owns no token: its place among the fallbacks must not come from its place in the list.
    const nodes = [
      clusterNode('e', { weight: 400 }),
      clusterNode('d'),
      clusterNode('c'),
      clusterNode('b', { weight: 400 }),
      clusterNode('a'),
    ];
    const document = found(nodes, 8, 2);
    const reversed = found([...nodes].reverse(), 8, 2);
    for (const partition of partitionsOf(document)) {
      expect(createRing(reversed).replicaSet(partition)).toEqual(createRing(document).replicaSet(partition));
    }
  });

  it('replica set: a look-up makes nothing new', () => {
    const ring = createRing(found([clusterNode('a'), clusterNode('b')], 8, 1));
    expect(ring.replicaSet(3 as Partition)).toBe(ring.replicaSet(3 as Partition));
  });

  it('ring: a position lies in the partition of its top bits', () => {
    const ring = createRing(found([clusterNode('a')], 16, 3));
    expect(ring.partitionOf(Uint8Array.of(0x9f, 0xff, 0, 0, 0, 0, 0, 0) as Position)).toBe(9);
  });
});
