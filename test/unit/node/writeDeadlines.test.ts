import { describe, expect, it } from '@jest/globals';
import { putOutcome } from '../support/outcomes.js';
import { expectHandedOver, KEY, persisting, storesOf } from '../support/persisting.js';
import { createStepCluster, isMessage, isStore, NO_SIZES, TIMEOUT_MS } from '../support/stepCluster.js';

describe('put: deadlines (I11)', () => {
  it('has no effect at all when the load comes after the deadline', () => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    const ticket = cluster.put(a!, { key: KEY });
    cluster.advance(TIMEOUT_MS);
    expect(putOutcome(cluster, ticket)).toMatchObject({ code: 'deadline_exceeded', outcome: 'none' });

    cluster.runAll();
    expect(cluster.disk(a!)).toMatchObject({ counter: 0, records: new Map() });
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('ends as unknown while the record is on its way to the disk, and the others get it as a hint', () => {
    const { cluster, a, ticket } = persisting();
    cluster.advance(TIMEOUT_MS);
    expect(putOutcome(cluster, ticket)).toMatchObject({ code: 'deadline_exceeded', outcome: 'unknown' });

    cluster.run(storesOf(cluster, a)[0]!);
    expect(cluster.pending.filter(isMessage())).toEqual([]);
    expectHandedOver(cluster);
  });

  it('ends as unknown, with what it got, while it waits for the other replicas', () => {
    const { cluster, a, ticket } = persisting();
    cluster.runAll(isStore(a));
    cluster.advance(TIMEOUT_MS - 1);
    expect(cluster.replies(ticket)).toEqual([]);
    cluster.advance(1);

    expect(putOutcome(cluster, ticket)).toMatchObject({
      code: 'quorum_not_met',
      outcome: 'unknown',
      got: 1,
      wanted: 2,
    });
    expect(cluster.facts).toEqual(['hintKept', 'hintKept']);
    expectHandedOver(cluster);
  });

  it('keeps no more than the missing replicas after the answer, and only until the deadline (R5)', () => {
    const { cluster, a, ticket } = persisting({ minWrites: 1 });
    cluster.runAll(isStore(a));
    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true });
    expect(cluster.node(a).sizes()).toEqual({ ...NO_SIZES, settling: 1 });

    cluster.drop(isMessage());
    cluster.advance(TIMEOUT_MS);
    expect(cluster.facts).toEqual(['hintKept', 'hintKept']);
    expectHandedOver(cluster);
  });

  it('forgets a settling write as soon as all replicas have confirmed', () => {
    const { cluster, a } = persisting({ minWrites: 1 });
    cluster.runAll(isStore(a));
    cluster.runAll();
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
    expect(cluster.facts).toEqual([]);
  });
});
