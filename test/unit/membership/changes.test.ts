import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  nodeRemoved,
  readdressed,
  rebuildBegun,
  rebuildFinished,
  voterReplaced,
} from '../../../services/node/core/membership/changes.js';
import { foundDocument, validateDocument } from '../../../services/node/core/ring/document.js';
import type { Actor, ClusterDocument, NodeId } from '../../../services/node/core/types.js';
import { clusterNode, nameOf } from '../support/clusterNode.js';

const [A, B, E] = ['a', 'b', 'e'] as [NodeId, NodeId, NodeId];
const FRESH = { actor: 'fresh' as Actor, voter: nameOf('fresh') };

/** Four nodes, sets of three; `e` is not in it. */
const found = (ids: readonly string[] = ['a', 'b', 'c', 'd'], replicas = 3): ClusterDocument => ({
  ...foundDocument({
    ...{ clusterId: 'cluster', partitions: 16, replicas },
    nodes: ids.map((id) => clusterNode(id)),
  }),
  epoch: 7,
});

const nodeOf = (document: ClusterDocument | undefined, id: NodeId) =>
  document?.nodes.find((node) => node.id === id);

/** For each partition the ids of its set. */
const setsOf = ({ nodes, placement }: ClusterDocument): NodeId[][] =>
  placement.map(({ now }) => now.map((index) => nodes[index]!.id));

describe('a directory made anew', () => {
  it('counts from now on, is rebuilding, and bars older requests from its partitions (I4, R9)', () => {
    const before = found();
    const after = rebuildBegun(before, B, FRESH)!;
    expect(after.epoch).toBe(8);
    expect(nodeOf(after, B)).toEqual({ ...clusterNode('b'), ...FRESH, state: 'rebuilding' });
    expect(after.placement.map(({ since }) => since)).toEqual(
      setsOf(before).map((set) => (set.includes(B) ? 8 : 1)),
    );
    expect([setsOf(after), after.tokens]).toEqual([setsOf(before), before.tokens]);
  });

  it('with its vote file kept, goes on voting', () => {
    const { voter } = clusterNode('b');
    expect(nodeOf(rebuildBegun(found(), B, { ...FRESH, voter }), B)).toMatchObject({ ...FRESH, voter });
  });

  it('where only the vote file is new, nothing is rebuilt (R7)', () => {
    const { actor } = clusterNode('b');
    const after = rebuildBegun(found(), B, { ...FRESH, actor })!;
    expect(nodeOf(after, B)).toEqual({ ...clusterNode('b'), voter: FRESH.voter });
    expect(after).toEqual(voterReplaced(found(), B, FRESH.voter));
    expect(after.placement).toEqual(found().placement);
  });

  it('lost again while it is rebuilt, is rebuilt from the beginning', () => {
    const once = rebuildBegun(found(), B, FRESH)!;
    const again = rebuildBegun(once, B, { actor: 'fresher' as Actor, voter: nameOf('fresher') })!;
    expect(nodeOf(again, B)).toMatchObject({ actor: 'fresher', state: 'rebuilding' });
    expect(rebuildFinished(again, B, FRESH.actor)).toBeUndefined();
    expect(Math.max(...again.placement.map(({ since }) => since))).toBe(9);
  });

  it('is complete when its rebuild is finished, once', () => {
    const done = rebuildFinished(rebuildBegun(found(), B, FRESH)!, B, FRESH.actor)!;
    expect(nodeOf(done, B)).toEqual({ ...clusterNode('b'), ...FRESH, state: 'complete' });
    expect([done.epoch, rebuildFinished(done, B, FRESH.actor)]).toEqual([9, undefined]);
  });

  it.each<[string, NodeId, string, string]>([
    ['of a node that is not there', E, 'fresh', nameOf('fresh')],
    ['with nothing new', B, clusterNode('b').actor, clusterNode('b').voter],
    ["with another node's actor", B, clusterNode('a').actor, nameOf('fresh')],
    ["with another node's voter", B, 'fresh', clusterNode('a').voter],
    ["with its own actor, and another node's voter", B, clusterNode('b').actor, clusterNode('a').voter],
  ])('%s changes nothing', (_, node, actor, voter) => {
    expect(rebuildBegun(found(), node, { actor: actor as Actor, voter })).toBeUndefined();
  });
});

describe('a removed node', () => {
  it('leaves every set, which shrinks, and its tokens go to the next in the set', () => {
    const before = found();
    const after = nodeRemoved(before, B)!;
    expect(after.nodes).toEqual(['a', 'c', 'd'].map((id) => clusterNode(id)));
    expect(setsOf(after)).toEqual(setsOf(before).map((set) => set.filter((id) => id !== B)));
    expect(after.tokens).toEqual(after.placement.map(({ now }) => now[0]));
    expect(after.placement.map(({ since }) => since)).toEqual(
      setsOf(before).map((set) => (set.includes(B) ? 8 : 1)),
    );
  });

  it('that was alone in a set is followed by the next node clockwise', () => {
    const before = found(['a', 'b', 'c'], 1);
    const after = nodeRemoved(before, B)!;
    const owners = setsOf(before).map(([owner]) => owner!);
    expect(setsOf(after)).toEqual(
      owners.map((owner, i) => {
        const ahead = [...owners.slice(i), ...owners.slice(0, i)];
        return owner === B ? [ahead.find((id) => id !== B)] : [owner];
      }),
    );
  });

  it('that is not there, or is the last, changes nothing', () => {
    expect(nodeRemoved(found(), E)).toBeUndefined();
    expect(nodeRemoved(found(['a']), A)).toBeUndefined();
  });
});

describe('a node that has moved', () => {
  const addresses = { busAddress: 'there:1', httpAddress: 'there:2' };

  it('has new addresses and holds what it held', () => {
    const after = readdressed(found(), B, addresses)!;
    expect(nodeOf(after, B)).toEqual(clusterNode('b', addresses));
    expect(after).toEqual({ ...found(), epoch: 8, nodes: after.nodes });
  });

  it('to where it was, or is not there, changes nothing', () => {
    expect(readdressed(readdressed(found(), B, addresses)!, B, addresses)).toBeUndefined();
    expect(readdressed(found(), E, addresses)).toBeUndefined();
  });
});

describe('changes of the document', () => {
  type Change = (document: ClusterDocument) => ClusterDocument | undefined;
  const id = fc.constantFrom('a', 'b', 'c', 'd', 'x') as fc.Arbitrary<NodeId>;
  const name = fc.constantFrom('a', 'b', 'one', 'two', 'three');
  const change: fc.Arbitrary<Change> = fc.oneof(
    fc.tuple(id, name, name).map(
      ([node, a, v]): Change =>
        (d) =>
          rebuildBegun(d, node, { actor: nameOf('actor', a) as Actor, voter: nameOf('voter', v) }),
    ),
    fc.tuple(id, name).map(
      ([node, a]): Change =>
        (d) =>
          rebuildFinished(d, node, nameOf('actor', a) as Actor),
    ),
    id.map(
      (node): Change =>
        (d) =>
          nodeRemoved(d, node),
    ),
    fc.tuple(id, fc.string()).map(
      ([node, busAddress]): Change =>
        (d) =>
          readdressed(d, node, { busAddress, httpAddress: busAddress }),
    ),
  );

  it('each leaves a sound document of the next epoch, and none does anything twice', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        (changes, replicas) => {
          let document = found(undefined, replicas);
          for (const apply of changes) {
            const after = apply(document);
            if (!after) continue;
            expect(validateDocument(after)).toEqual(after);
            expect(after.epoch).toBe(document.epoch + 1);
            expect(apply(after)).toBeUndefined();
            document = after;
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
