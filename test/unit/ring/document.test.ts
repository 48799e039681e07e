import { describe, expect, it } from '@jest/globals';
import { foundDocument, type Founding, validateDocument } from '../../../services/node/core/ring/document.js';
import type { ClusterDocument } from '../../../services/node/core/types.js';
import { clusterNode } from '../support/clusterNode.js';

const founding: Founding = {
  clusterId: 'cluster',
  partitions: 8,
  replicas: 3,
  nodes: ['a', 'b', 'c', 'd'].map((id) => clusterNode(id)),
};

const copy = (): Record<string, unknown> =>
  JSON.parse(JSON.stringify(foundDocument(founding))) as Record<string, unknown>;

/** A sound document in which one thing is replaced. */
const broken = (path: readonly (string | number)[], value: unknown): unknown => {
  const document = copy();
  const last = path.at(-1)!;
  const owner = path
    .slice(0, -1)
    .reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], document);
  (owner as Record<string, unknown>)[last] = value;
  return document;
};

describe('cluster document: founding', () => {
  it('founding: epoch 1, and sound by its own rules, also after a way through JSON', () => {
    const document = foundDocument(founding);
    expect(document).toMatchObject({
      epoch: 1,
      clusterId: 'cluster',
      partitions: 8,
      replicas: 3,
    });
    expect(document.placement.every(({ since }) => since === 1)).toBe(true);
    expect(document.nodes).toEqual(founding.nodes);
    expect(validateDocument(copy())).toEqual(document);
  });

  it('founding: more replicas than nodes: every node holds everything, and the wish is kept', () => {
    const document = foundDocument({ ...founding, replicas: 7 });
    expect(document.replicas).toBe(7);
    expect(document.placement.every(({ now }) => now.length === 4)).toBe(true);
  });

  it('founding: all faults of the input are listed at once', () => {
    const nodes = [clusterNode('a'), clusterNode('a'), { ...clusterNode('b'), weight: 0.5 }];
    expect(() => foundDocument({ clusterId: '', partitions: 100, replicas: 0, nodes })).toThrow(
      /clusterId.*partitions must be a power of two.*replicas.*nodes\[2\]\.weight.*"a" is used more than once/s,
    );
  });
});

describe('cluster document: validation', () => {
  it.each([
    ['null', null, 'not an object'],
    ['a list', [], 'not an object'],
    ['a text', 'document', 'not an object'],
    ['no epoch', broken(['epoch'], undefined), 'epoch must be'],
    ['epoch 0', broken(['epoch'], 0), 'epoch must be'],
    ['empty cluster id', broken(['clusterId'], ''), 'clusterId must be'],
    ['4 partitions', broken(['partitions'], 4), 'partitions must be'],
    ['8192 partitions', broken(['partitions'], 8192), 'partitions must be'],
    ['partitions as text', broken(['partitions'], '8'), 'partitions must be'],
    ['other partitions than sets', broken(['partitions'], 16), 'tokens must be a list of 16'],
    ['replicas not whole', broken(['replicas'], 1.5), 'replicas must be'],
    ['other replicas than in the sets', broken(['replicas'], 2), 'placement[0].now must have 1 to 2 nodes'],
    ['no nodes', broken(['nodes'], []), 'at least one node'],
    ['a node that is null', broken(['nodes', 1], null), 'nodes[1] must be an object'],
    ['a node without id', broken(['nodes', 1, 'id'], ''), 'nodes[1].id must be'],
    ['a node id twice', broken(['nodes', 1, 'id'], 'a'), '"a" is used more than once'],
    ['an address that is no text', broken(['nodes', 1, 'busAddress'], 9001), 'nodes[1].busAddress must be'],
    ['weight 0', broken(['nodes', 1, 'weight'], 0), 'nodes[1].weight must be'],
    ['weight NaN', broken(['nodes', 1, 'weight'], NaN), 'nodes[1].weight must be'],
    ['a zone that is no text', broken(['nodes', 1, 'zone'], null), 'nodes[1].zone must be'],
    ['no tokens', broken(['tokens'], undefined), 'tokens must be a list'],
    ['a token of nobody', broken(['tokens', 2], 4), 'tokens[2] names no node'],
    [
      'a token of a stranger to the set',
      broken(['placement', 0, 'now'], [3, 1, 2]),
      'placement[0].now must begin',
    ],
    ['no placement', broken(['placement'], {}), 'placement must be a list'],
    ['a set that is null', broken(['placement', 5], null), 'placement[5].now must be a list'],
    ['a replica twice', broken(['placement', 0, 'now'], [0, 1, 1]), 'placement[0].now names a node twice'],
    ['a replica nowhere', broken(['placement', 0, 'now'], [0, 1, 9]), 'names a node that is not there'],
    ['a replica between two', broken(['placement', 0, 'now'], [0, 1, 1.5]), 'names a node that is not there'],
    ['a set of nobody', broken(['placement', 0, 'now'], []), 'placement[0].now must have 1 to 3 nodes'],
    ['an actor without a name', broken(['nodes', 1, 'actor'], ''), 'nodes[1].actor must be'],
    ['an actor that is too long', broken(['nodes', 1, 'actor'], 'a'.repeat(33)), 'nodes[1].actor must be'],
    ['an actor beyond latin1', broken(['nodes', 1, 'actor'], 'a\u0100'), 'nodes[1].actor must be'],
    ['an actor twice', broken(['nodes', 1, 'actor'], clusterNode('a').actor), 'is used more than once'],
    ['no voter', broken(['nodes', 1, 'voter'], undefined), 'nodes[1].voter must be'],
    ['a voter that is no hex', broken(['nodes', 1, 'voter'], 'x'.repeat(16)), 'nodes[1].voter must be'],
    ['a voter twice', broken(['nodes', 1, 'voter'], clusterNode('a').voter), 'is used more than once'],
    ['a state that there is not', broken(['nodes', 1, 'state'], 'joining'), 'nodes[1].state must be'],
    ['a set since ever', broken(['placement', 3, 'since'], 0), 'placement[3].since must be'],
    ['a set since later', broken(['placement', 3, 'since'], 2), 'placement[3].since must be'],
    ['a set without since', broken(['placement', 3, 'since'], undefined), 'placement[3].since must be'],
  ])('validation: %s is refused', (_, value, fault) => {
    expect(() => validateDocument(value)).toThrow(fault);
  });

  it('validation: a set may be smaller than the replicas, as after a removal', () => {
    expect(validateDocument(broken(['placement', 0, 'now'], [0, 1])).placement[0]).toEqual({
      now: [0, 1],
      since: 1,
    });
  });

  it('validation: many faults are listed up to a bound and counted beyond it', () => {
    const tokens = [9, 9, 9, 9, 9, 9, 9, 9];
    const placement = tokens.map(() => ({ now: [8, 8], since: 1 }));
    expect(() => validateDocument({ ...copy(), tokens, placement })).toThrow(/tokens\[7\].*; and 12 more$/s);
  });

  it('validation: fields that it does not know are left out', () => {
    const document = { ...copy(), colour: 'red' };
    expect(Object.keys(validateDocument(document)).sort()).toEqual(
      Object.keys(foundDocument(founding)).sort(),
    );
  });

  it('validation: the result shares nothing with its input', () => {
    const input = copy() as unknown as ClusterDocument & { tokens: number[] };
    const document = validateDocument(input);
    input.tokens[0] = 3;
    expect(document).toEqual(foundDocument(founding));
  });
});
