import { describe, expect, it } from '@jest/globals';
import type { NodeId } from '../../../services/node/core/types.js';
import { getOutcome, onDisk, read, write } from '../support/outcomes.js';
import {
  bytes,
  createStepCluster,
  isLoad,
  isMessage,
  isStore,
  key,
  NO_SIZES,
  type StepCluster,
  type StepClusterOptions,
  TIMEOUT_MS,
} from '../support/stepCluster.js';

const KEY = key('k');

/** Three nodes, and a value that only some of them hold; no hint speaks of it. */
function written(holders: readonly number[], value = 'one', options: StepClusterOptions = {}) {
  const cluster = createStepCluster(options);
  const nodes = cluster.ids as [NodeId, NodeId, NodeId];
  const origin = createStepCluster();
  write(origin, origin.ids[0]!, { key: KEY, value: bytes(value) });
  for (const n of holders) copyRecord(origin, nodes[0], cluster, nodes[n]!);
  return { cluster, nodes, origin };
}

function copyRecord(from: StepCluster, source: NodeId, to: StepCluster, target: NodeId): void {
  to.disk(target).records.set(KEY, from.disk(source).records.get(KEY)!);
  Object.assign(to.disk(source), { counter: from.disk(source).counter });
  // The node that minted it knows its own counter again.
  to.restart(source);
}

const everywhere = (cluster: StepCluster) => cluster.ids.map((id) => onDisk(cluster, id, KEY));

describe('read repair: three nodes, N=3', () => {
  it('gives what was read to those who lacked it, after the reply', () => {
    const { cluster, nodes } = written([0, 1]);
    const ticket = cluster.get(nodes[0], { key: KEY, minReads: 3 });
    cluster.runAll((item) => !isMessage('write')(item));
    expect(getOutcome(cluster, ticket)).toMatchObject({ values: ['one'] });
    expect(cluster.pending.filter(isMessage()).map(({ to }) => to)).toEqual([nodes[2]]);

    cluster.runAll();
    expect(everywhere(cluster)).toEqual([['one'], ['one'], ['one']]);
    expect(cluster.facts).toContain('readRepaired');
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('repairs the node itself that coordinates the read', () => {
    const { cluster, nodes } = written([1, 2]);
    expect(read(cluster, nodes[0], KEY)).toMatchObject({ values: ['one'] });
    expect(everywhere(cluster)).toEqual([['one'], ['one'], ['one']]);
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('sends nothing where nobody is behind, nor to those who were not asked', () => {
    const { cluster, nodes } = written([0, 1]);
    read(cluster, nodes[0], KEY, 2);
    expect(everywhere(cluster)).toEqual([['one'], ['one'], []]);
    expect(cluster.facts).toEqual([]);
  });

  it('merges, so that what a replica was given meanwhile stays', () => {
    const { cluster, nodes } = written([0, 1]);
    const [a, , c] = nodes;
    const ticket = cluster.get(a, { key: KEY, minReads: 3 });
    cluster.runAll((item) => !isMessage('write')(item));
    cluster.put(c, { key: KEY, value: bytes('two'), minWrites: 1 });
    cluster.runAll((item) => isLoad(c)(item) || isStore(c)(item));
    cluster.runAll();

    expect(getOutcome(cluster, ticket)).toMatchObject({ values: ['one'] });
    expect(everywhere(cluster).map((values) => [...values].sort())).toEqual(Array(3).fill(['one', 'two']));
  });

  it('does not bring back what a replica overwrote meanwhile', () => {
    const { cluster, nodes } = written([0, 1, 2]);
    const [a, , c] = nodes;
    const stale = cluster.disk(c).records.get(KEY)!;
    const version = read(cluster, a, KEY, 3);
    write(cluster, a, { key: KEY, value: bytes('two'), fromVersion: version.ok ? version.version : '' });
    const message = { type: 'write', request: 1, key: KEY, since: 1, record: stale } as const;
    cluster.step(c, { type: 'message', from: a, message, remainingMs: 100 });
    cluster.runAll();
    expect(onDisk(cluster, c, KEY)).toEqual(['two']);
  });

  it('leaves out what goes over the bound (I14)', () => {
    const { cluster, nodes } = written([0], 'one', { limits: { repairsMax: 1 } });
    read(cluster, nodes[0], KEY, 3);
    expect(everywhere(cluster).filter((values) => values.length > 0)).toHaveLength(2);
    expect(cluster.facts).toEqual(['readRepaired', 'readRepairSkipped']);

    read(cluster, nodes[0], KEY, 3);
    expect(everywhere(cluster)).toEqual([['one'], ['one'], ['one']]);
  });

  it('is forgotten where it is lost, and the next read finds who is behind (I11)', () => {
    const { cluster, nodes } = written([0, 1]);
    cluster.get(nodes[0], { key: KEY, minReads: 3 });
    cluster.runAll((item) => !isMessage('write')(item));
    cluster.drop(isMessage('write'));
    expect(cluster.node(nodes[0]).sizes().repairs).toBe(1);
    cluster.advance(TIMEOUT_MS);
    expect(cluster.totalSizes()).toEqual(NO_SIZES);

    read(cluster, nodes[0], KEY, 3);
    expect(everywhere(cluster)).toEqual([['one'], ['one'], ['one']]);
  });

  it('ends at once where the node is unroutable', () => {
    const { cluster, nodes } = written([0, 1]);
    cluster.get(nodes[0], { key: KEY, minReads: 3 });
    cluster.runAll((item) => !isMessage('write')(item));
    cluster.bounce(cluster.pending.find(isMessage('write'))!);
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('gives no tombstone to a replica that holds nothing, which may have reaped it (R13)', () => {
    const { cluster, nodes } = written([0, 1], '');
    expect(read(cluster, nodes[0], KEY, 3)).toMatchObject({ ok: true, values: [] });
    expect(cluster.disk(nodes[2]).records.has(KEY)).toBe(false);
    expect(cluster.facts).toEqual([]);
  });

  it('gives nothing to a replica that is not complete: its answer said nothing of what it holds', () => {
    const { cluster, nodes } = written([0, 1], 'one', { incomplete: ['n3'] });
    cluster.get(nodes[0], { key: KEY, minReads: 3 });
    cluster.runAll();
    expect(everywhere(cluster)[2]).toEqual([]);
  });
});

describe('read repair: a fallback holds what no primary does, five nodes, N=3', () => {
  it('goes to the primaries, and the fallback keeps its own way to them', () => {
    const cluster = createStepCluster({ nodes: 5 });
    const [a, b, c] = cluster.primaries(KEY) as [NodeId, NodeId, NodeId];
    const [f] = cluster.fallbacks(KEY) as [NodeId];
    cluster.absent.add(b).add(c);
    write(cluster, a, { key: KEY, value: bytes('one') });
    cluster.disk(a).records.clear();
    cluster.restart(b);
    const ticket = cluster.get(b, { key: KEY, minReads: 3 });
    cluster.runAll();

    expect(getOutcome(cluster, ticket)).toMatchObject({ values: ['one'] });
    expect([a, b].map((node) => onDisk(cluster, node, KEY))).toEqual([['one'], ['one']]);
    expect(onDisk(cluster, f, KEY)).toEqual(['one']);
  });
});
