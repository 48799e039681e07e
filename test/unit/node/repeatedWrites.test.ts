import { describe, expect, it } from '@jest/globals';
import { onDisk, putOutcome, read } from '../support/outcomes.js';
import { KEY, persisting, storesOf } from '../support/persisting.js';
import { bytes, isLoad, isMessage, isStore, TIMEOUT_MS } from '../support/stepCluster.js';

describe('put: a request that is repeated under its requestId', () => {
  it('succeeds with the same version, without a second write, once a quorum holds the record', () => {
    const { cluster, a, b, c, ticket } = persisting({ requestId: 'r1' });
    cluster.runAll(isStore(a));
    cluster.drop(isMessage());
    cluster.advance(TIMEOUT_MS);
    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: false, outcome: 'unknown' });

    const again = cluster.put(a, { key: KEY, value: bytes('one'), requestId: 'r1' });
    cluster.runAll(isLoad());
    expect(cluster.replies(again)).toEqual([]);
    expect(cluster.pending.filter(isMessage('write')).map(({ to }) => to)).toEqual([b, c]);
    cluster.runAll();

    expect(putOutcome(cluster, again)).toMatchObject({ ok: true, siblings: 1 });
    expect(cluster.ids.map((id) => onDisk(cluster, id, KEY))).toEqual(Array(3).fill(['one']));
    expect(cluster.disk(a).counter).toBe(1);
  });

  it('is not answered before the first attempt, still on its way to the disk, is durable (I1)', () => {
    const { cluster, a, ticket } = persisting({ requestId: 'r1', minWrites: 1 });
    const again = cluster.put(a, { key: KEY, value: bytes('one'), requestId: 'r1', minWrites: 1 });
    expect(cluster.replies(again)).toEqual([]);
    expect(storesOf(cluster, a)).toHaveLength(1);

    cluster.runAll();
    expect(putOutcome(cluster, again)).toEqual(putOutcome(cluster, ticket));
  });

  it('is recognised at another coordinator that has the record, also after a restart', () => {
    const { cluster, b } = persisting({ requestId: 'r1' });
    cluster.runAll();
    cluster.restart(b);
    const again = cluster.put(b, { key: KEY, value: bytes('one'), requestId: 'r1' });
    cluster.runAll();

    expect(putOutcome(cluster, again)).toMatchObject({ ok: true, siblings: 1 });
    expect(cluster.disk(b).counter).toBe(0);
  });

  it('shows one value where it was minted at two coordinators', () => {
    const { cluster, a, b } = persisting({ requestId: 'r1' });
    cluster.put(b, { key: KEY, value: bytes('one'), requestId: 'r1' });
    cluster.runAll();

    expect(onDisk(cluster, a, KEY)).toEqual(['one', 'one']);
    expect(read(cluster, a, KEY, 3)).toMatchObject({ values: ['one'] });
  });
});
