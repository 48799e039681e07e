import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  recoveredDocument,
  recoveryLoss,
  recoveryRefusal,
} from '../../../services/node/core/membership/recovery.js';
import { foundDocument, validateDocument } from '../../../services/node/core/ring/document.js';
import type { ClusterDocument, NodeId } from '../../../services/node/core/types.js';
import { clusterNode } from '../support/clusterNode.js';

const ids = (text: string): NodeId[] => text.split('') as NodeId[];
const hexHash = (text: string): string => createHash('sha256').update(text).digest('hex');
const recovered = (document: ClusterDocument, lost: string): ClusterDocument =>
  recoveredDocument({ document, lost: ids(lost) }, hexHash);

/** Nodes of one letter each; those in `rebuilding` are so. */
const found = (nodes = 'abcde', rebuilding = '', epoch = 7): ClusterDocument => ({
  ...foundDocument({
    ...{ clusterId: 'cluster', partitions: 32, replicas: 3 },
    nodes: ids(nodes).map((id) =>
      clusterNode(id, { state: rebuilding.includes(id) ? 'rebuilding' : 'complete' }),
    ),
  }),
  epoch,
});

/** For each partition the ids of its set. */
const setsOf = ({ nodes, placement }: ClusterDocument): NodeId[][] =>
  placement.map(({ now }) => now.map((index) => nodes[index]!.id));

const stateOf = ({ nodes }: ClusterDocument, node: string) => nodes.find(({ id }) => id === node)!.state;

describe('the document of the survivors', () => {
  it('lists them as they were, in the sets without the lost, far beyond the old epoch (R9, R11)', () => {
    const before = found();
    const after = recovered(before, 'cde');
    expect(after.nodes).toEqual(before.nodes.slice(0, 2));
    expect([after.epoch, new Set(after.placement.map(({ since }) => since))]).toEqual([
      1007,
      new Set([1007]),
    ]);
    for (const [partition, set] of setsOf(before).entries()) {
      const left = set.filter((id) => 'ab'.includes(id));
      if (left.length > 0) expect(setsOf(after)[partition]).toEqual(left);
      else expect(setsOf(after)[partition]).toHaveLength(1);
    }
    expect([after.partitions, after.replicas]).toEqual([32, 3]);
  });

  it('is sound, and the same in whatever order the lost are named, however often', () => {
    const some = fc.shuffledSubarray(ids('bcdefg'), { minLength: 1 });
    fc.assert(
      fc.property(some, fc.nat(5000), (lost, epoch) => {
        const document = found('abcdefg', 'bd', epoch + 1);
        const after = recoveredDocument({ document, lost }, hexHash);
        expect(validateDocument(after)).toEqual(after);
        const again = [...lost, ...lost].reverse();
        expect(recoveredDocument({ document: structuredClone(document), lost: again }, hexHash)).toEqual(
          after,
        );
        expect(after.clusterId).toMatch(/^[0-9a-f]{16}$/);
        expect(after.nodes.map(({ id }) => id)).toEqual(ids('abcdefg').filter((id) => !lost.includes(id)));
      }),
    );
  });

  it('has another id of its cluster for others who are lost, another epoch, and another old cluster', () => {
    const document = found();
    const clusterIds = [
      document.clusterId,
      ...['cde', 'bde', 'bcde'].map((lost) => recovered(document, lost).clusterId),
      recovered({ ...document, epoch: 8 }, 'cde').clusterId,
      recovered({ ...document, clusterId: 'other' }, 'cde').clusterId,
      recovered(recovered(document, 'cde'), 'b').clusterId,
    ];
    expect(new Set(clusterIds).size).toBe(clusterIds.length);
  });

  it('calls a node complete that is being rebuilt where no complete copy is left of what it holds', () => {
    expect(stateOf(recovered(found('abcde', 'a'), 'bcde'), 'a')).toBe('complete');
    expect(stateOf(recovered(found('abc', 'a'), 'bc'), 'a')).toBe('complete');
    expect(stateOf(recovered(found('abc', 'ab'), 'c'), 'b')).toBe('complete');
  });

  it('leaves one rebuilding that finds a complete copy of all that it holds', () => {
    const shared = setsOf(recovered(found('abc', 'a'), 'c'));
    expect(shared.every((set) => set.includes('b' as NodeId))).toBe(true);
    expect(stateOf(recovered(found('abc', 'a'), 'c'), 'a')).toBe('rebuilding');
  });

  it('does not go past the last whole epoch', () => {
    expect(() => recovered(found('abc', '', Number.MAX_SAFE_INTEGER - 10), 'bc')).toThrow('epoch');
  });
});

describe('what would be lost', () => {
  it('counts sets that shrink, and those without a complete copy', () => {
    const document = found('abcde', 'a');
    const sets = setsOf(document);
    const loss = recoveryLoss({ document, lost: ids('cde') });
    expect(loss).toEqual({
      partitions: 32,
      fewer: sets.filter((set) => set.some((id) => 'cde'.includes(id))).length,
      lost: sets.filter((set) => !set.includes('b' as NodeId)).length,
    });
    expect(loss.lost).toBeGreaterThan(0);
    expect(recoveryLoss({ document, lost: [] })).toEqual({ partitions: 32, fewer: 0, lost: 0 });
  });
});

describe('a recovery is refused', () => {
  it.each([
    ['where nobody is lost', 'a', '', { code: 'none_named' }],
    ['where an unknown node is named', 'a', 'xbcd', { code: 'unknown_nodes', nodes: ['x'] }],
    ['where the node of the directory is named', 'a', 'abc', { code: 'owner_lost' }],
    ['where all are named', 'a', 'abcde', { code: 'owner_lost' }],
    ['on the directory of a node that is not listed', 'x', 'abc', { code: 'owner_unknown' }],
    ['as long as a majority is left', 'a', 'bc', { code: 'majority_survives', survivors: 3, nodes: 5 }],
    ['where one is named twice and a majority is left', 'a', 'bbb', { survivors: 4 }],
  ])('%s', (_, owner, lost, refusal) => {
    expect(recoveryRefusal({ document: found(), lost: ids(lost) }, owner as NodeId)).toMatchObject(refusal);
  });

  it('not where half of the nodes are lost, or more', () => {
    expect(recoveryRefusal({ document: found('abcd'), lost: ids('cd') }, 'a' as NodeId)).toBeUndefined();
    expect(recoveryRefusal({ document: found(), lost: ids('bcde') }, 'a' as NodeId)).toBeUndefined();
  });
});
