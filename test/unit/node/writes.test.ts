import { describe, expect, it } from '@jest/globals';
import type { VersionedRecord } from '../../../services/node/core/types.js';
import { onDisk, putOutcome, read, write, writeAnswers } from '../support/outcomes.js';
import { expectHandedOver, KEY, persisting, storesOf } from '../support/persisting.js';
import {
  bytes,
  createStepCluster,
  isLoad,
  isMessage,
  isStore,
  key,
  NO_SIZES,
  TIMEOUT_MS,
} from '../support/stepCluster.js';

describe('put: three nodes, N=3', () => {
  it('sends nothing and answers nobody before the record is durable here (R1)', () => {
    const { cluster, a, ticket } = persisting({ minWrites: 1 });
    expect(cluster.pending).toEqual([expect.objectContaining({ kind: 'store', node: a })]);
    expect(cluster.replies(ticket)).toEqual([]);

    cluster.runAll(isStore(a));
    expect(cluster.pending.filter(isMessage('write'))).toHaveLength(2);
    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true, siblings: 1 });
  });

  it('answers at W durable copies and not before, its own being one (I1)', () => {
    const { cluster, a, b, c, ticket } = persisting({ minWrites: 3 });
    cluster.runAll(isStore(a));
    for (const node of [b, c]) {
      cluster.runAll((item) => isMessage('write', node)(item) || isLoad(node)(item));
      expect(writeAnswers(cluster)).toEqual([]);
      cluster.runAll(isStore(node));
      expect(writeAnswers(cluster)).toEqual(['stored']);
      expect(cluster.replies(ticket)).toEqual([]);
      cluster.runAll(isMessage('writeReply'));
    }
    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true });
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('counts a node once, however often it answers (I1)', () => {
    const { cluster, a, b, ticket } = persisting({ minWrites: 3 });
    cluster.runAll(isStore(a));
    cluster.runAll((item) => isMessage('write', b)(item) || isLoad(b)(item) || isStore(b)(item));
    const reply = cluster.pending.find(isMessage('writeReply'))!;
    for (let times = 0; times < 3; times++) cluster.run(reply);

    expect(cluster.replies(ticket)).toEqual([]);
    cluster.drop(() => true);
    cluster.advance(TIMEOUT_MS);
    expect(putOutcome(cluster, ticket)).toMatchObject({
      code: 'quorum_not_met',
      outcome: 'unknown',
      got: 2,
      wanted: 3,
    });
  });

  it('does not count the copy of a replica that is not complete, though it keeps it (R3)', () => {
    const cluster = createStepCluster({ incomplete: ['n2', 'n3'] });
    const [a, b, c] = cluster.ids;
    const ticket = cluster.put(a!, { key: KEY });
    cluster.runAll();

    expect(putOutcome(cluster, ticket)).toMatchObject({ code: 'quorum_not_met', got: 1, wanted: 2 });
    expect([b, c].map((id) => onDisk(cluster, id!, KEY))).toEqual([['value'], ['value']]);
  });

  it('resolves a second PUT against the first that is not durable yet', () => {
    const { cluster, a, ticket } = persisting();
    const second = cluster.put(a, { key: KEY, value: bytes('two'), onConflict: 'sibling' });
    expect(storesOf(cluster, a).map(({ effect }) => effect.record.siblings.length)).toEqual([1, 2]);

    cluster.runAll();
    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true, siblings: 1 });
    expect(putOutcome(cluster, second)).toMatchObject({ ok: true, version: null, siblings: 2 });
    expect(read(cluster, a, KEY, 3)).toMatchObject({ values: ['one', 'two'] });
  });

  it('resolves a write from elsewhere and a PUT of its own against each other, in the order in which they came', () => {
    const { cluster, a, b } = persisting();
    const other = cluster.put(b, { key: KEY, value: bytes('two') });
    cluster.runAll((item) => isLoad(b)(item) || isStore(b)(item) || isMessage('write', a)(item));
    expect(storesOf(cluster, a).map(({ effect }) => effect.record.siblings.length)).toEqual([1, 2]);

    cluster.runAll();
    expect(putOutcome(cluster, other)).toMatchObject({ ok: true });
    expect(cluster.ids.map((id) => onDisk(cluster, id, KEY))).toEqual(Array(3).fill(['one', 'two']));
  });

  it('fails with its store, as do later writes of the key, and leaves no cell', () => {
    const { cluster, a, b, ticket } = persisting();
    const second = cluster.put(a, { key: KEY, value: bytes('two'), onConflict: 'sibling' });
    const other = cluster.put(b, { key: KEY, value: bytes('three') });
    cluster.runAll((item) => isLoad(b)(item) || isStore(b)(item) || isMessage('write', a)(item));
    cluster.failStore(storesOf(cluster, a)[0]!);

    expect(putOutcome(cluster, ticket)).toMatchObject({ code: 'storage_unavailable', outcome: 'unknown' });
    expect(putOutcome(cluster, second)).toMatchObject({ code: 'storage_unavailable', outcome: 'unknown' });
    expect(writeAnswers(cluster)).toEqual(['refused']);
    for (const later of storesOf(cluster, a)) cluster.failStore(later);
    expect(cluster.node(a).sizes()).toEqual(NO_SIZES);

    cluster.runAll();
    expect(putOutcome(cluster, other)).toMatchObject({ ok: true });
    expect(onDisk(cluster, a, KEY)).toEqual([]);
    expect(cluster.totalSizes()).toMatchObject({ liveRequests: 0, cells: 0 });
  });

  it('never uses a dot again that a failed store took (I4)', () => {
    const { cluster, a } = persisting();
    const [failed] = storesOf(cluster, a);
    cluster.failStore(failed!);
    write(cluster, a, { key: KEY, value: bytes('two') });

    const dotOf = (record: VersionedRecord) => record.siblings[0]!.dot.counter;
    expect(dotOf(cluster.disk(a).records.get(KEY)!)).toBeGreaterThan(dotOf(failed!.effect.record));
  });

  it('keeps the highest counter in each store, so that a restart does not use a dot again (R2, I4)', () => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    for (const name of ['x', 'y', 'x']) {
      write(cluster, a!, { key: key(name), onConflict: 'sibling' });
      cluster.restart(a!);
    }
    expect(cluster.disk(a!).counter).toBe(3);
    expect(
      cluster
        .disk(a!)
        .records.get(key('x'))!
        .siblings.map(({ dot }) => dot.counter),
    ).toEqual([1, 3]);
  });

  it('answers "unknown" where too many replicas cannot be reached after it is durable here', () => {
    const { cluster, a, b, c, ticket } = persisting({ minWrites: 2 });
    cluster.runAll(isStore(a));
    cluster.bounce(cluster.pending.find(isMessage('write', b))!);
    expect(cluster.replies(ticket)).toEqual([]);
    cluster.bounce(cluster.pending.find(isMessage('write', c))!);

    expect(putOutcome(cluster, ticket)).toMatchObject({
      code: 'quorum_not_met',
      outcome: 'unknown',
      got: 1,
      wanted: 2,
    });
    expect(cluster.node(a).view().hints).toEqual(new Map([b, c].map((node) => [node, 1])));
    expectHandedOver(cluster);
  });

  it('still merges a write that arrives after its request has ended', () => {
    const { cluster, a, b } = persisting();
    cluster.runAll(isStore(a));
    const late = cluster.drop(isMessage('write', b))[0]!;
    cluster.advance(TIMEOUT_MS);
    cluster.run(late);
    cluster.runAll();

    expect(onDisk(cluster, b, KEY)).toEqual(['one']);
    expectHandedOver(cluster);
  });

  it('takes every message twice without harm', () => {
    const { cluster, ticket } = persisting({ minWrites: 3 });
    for (let item = cluster.pending[0]; item; item = cluster.pending[0]) {
      cluster.run(item);
      if (item.kind === 'message') cluster.run(item);
    }
    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true, siblings: 1 });
    expect(cluster.ids.map((id) => onDisk(cluster, id, KEY))).toEqual(Array(3).fill(['one']));
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('refuses a write for a key that it does not hold', () => {
    const cluster = createStepCluster({ nodes: 5 });
    const primaries = cluster.primaries(KEY);
    const outsider = cluster.ids.find((id) => !primaries.includes(id))!;
    const record: VersionedRecord = { clock: [], siblings: [], marks: [] };
    const message = { type: 'write', request: 1, key: KEY, since: 1, record } as const;
    cluster.step(outsider, { type: 'message', from: primaries[0]!, message, remainingMs: 9 });

    expect(writeAnswers(cluster)).toEqual(['refused']);
    expect(cluster.node(outsider).sizes()).toEqual(NO_SIZES);
  });
});
