import { describe, expect, it } from '@jest/globals';
import type { NodeId } from '../../../services/node/core/types.js';
import { onDisk, putOutcome, read } from '../support/outcomes.js';
import {
  bytes,
  createStepCluster,
  isLoad,
  isMessage,
  key,
  NO_SIZES,
  type PendingMessage,
  type StepCluster,
  TIMEOUT_MS,
} from '../support/stepCluster.js';

const KEY = key('k');

/** Five nodes that keep three copies, and a PUT at a node that holds none of the key. */
function forwarded(options: { readonly requestId?: string; readonly incomplete?: readonly string[] } = {}) {
  const { incomplete = [], ...request } = options;
  const cluster = createStepCluster({ nodes: 5, replicas: 3, incomplete });
  const primaries = cluster.primaries(KEY);
  const outsider = cluster.ids.find((id) => !primaries.includes(id))!;
  const ticket = cluster.put(outsider, { key: KEY, value: bytes('one'), ...request });
  return { cluster, primaries, outsider, ticket };
}

function nextForward(cluster: StepCluster): PendingMessage {
  const [next] = cluster.pending.filter(isMessage('forward'));
  return next!;
}

function askedNodes(cluster: StepCluster): readonly NodeId[] {
  return cluster.pending.filter(isMessage('forward')).map(({ to }) => to);
}

describe('a PUT at a node that does not hold the key', () => {
  it('is passed on to the first primary, stored on all of them and not at the forwarder', () => {
    const { cluster, primaries, outsider, ticket } = forwarded();
    expect(askedNodes(cluster)).toEqual([primaries[0]]);

    cluster.runAll();

    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true, siblings: 1 });
    expect(primaries.map((id) => onDisk(cluster, id, KEY))).toEqual([['one'], ['one'], ['one']]);
    expect(onDisk(cluster, outsider, KEY)).toEqual([]);
    expect(read(cluster, outsider, KEY)).toMatchObject({ values: ['one'] });
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('goes to the next primary after unroutable (R6)', () => {
    const { cluster, primaries, ticket } = forwarded();
    cluster.bounce(nextForward(cluster));
    expect(askedNodes(cluster)).toEqual([primaries[1]]);

    cluster.runAll();
    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true });
  });

  it('goes to the next primary after a refusal (R2, R6)', () => {
    const { cluster: probe } = forwarded();
    const [first] = probe.primaries(KEY);
    const { cluster, primaries, ticket } = forwarded({ incomplete: [first!] });
    cluster.runAll(isMessage('forward', first));
    expect(cluster.disk(first!).counter).toBe(0);
    cluster.runAll(isMessage('forwardReply'));
    expect(askedNodes(cluster)).toEqual([primaries[1]]);

    cluster.runAll();
    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true });
  });

  it('is never tried again after silence, and ends as unknown (R6)', () => {
    const { cluster, outsider, ticket } = forwarded();
    cluster.drop(isMessage());
    cluster.advance(TIMEOUT_MS - 1);
    expect(cluster.pending).toEqual([]);
    cluster.advance(1);

    expect(cluster.pending).toEqual([]);
    expect(putOutcome(cluster, ticket)).toMatchObject({ code: 'deadline_exceeded', outcome: 'unknown' });
    expect(cluster.node(outsider).sizes()).toEqual(NO_SIZES);
  });

  it('is definitely without effect where no primary can be reached', () => {
    const { cluster, ticket } = forwarded();
    while (cluster.pending.length > 0) cluster.bounce(nextForward(cluster));

    expect(putOutcome(cluster, ticket)).toMatchObject({ code: 'no_coordinator', outcome: 'none' });
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('is carried out once where the message comes twice, however late the second', () => {
    const { cluster, primaries, ticket } = forwarded();
    const forward = nextForward(cluster);
    cluster.run(forward);
    cluster.run(forward);
    cluster.runAll(isLoad());
    cluster.runAll();
    cluster.run(forward);
    cluster.runAll();

    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true });
    expect(cluster.disk(primaries[0]!).counter).toBe(1);
    expect(cluster.facts).not.toContain('staleWriteRefused');
  });

  it('is not told "stale" by the second copy of its own message (I5)', () => {
    const { cluster, primaries, ticket } = forwarded();
    const forward = nextForward(cluster);
    cluster.run(forward);
    cluster.run(forward);
    const isCoordinators = (item: { kind: string; node?: NodeId }): boolean => item.node === primaries[0];
    cluster.runAll((item) => item.kind !== 'message' && isCoordinators(item));
    cluster.runAll(isMessage('forwardReply'));
    cluster.runAll();

    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true });
  });

  it('is not carried out by a primary that declined it before and gets it again', () => {
    const { cluster, primaries, ticket } = forwarded();
    const forward = nextForward(cluster);
    const damaged = cluster.disk(primaries[0]!).faults;
    damaged.set(KEY, { status: 'failed' });
    cluster.run(forward);
    cluster.runAll();
    damaged.clear();
    cluster.run(forward);
    cluster.runAll();

    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true });
    expect(cluster.ids.map((id) => cluster.disk(id).counter).filter((n) => n > 0)).toEqual([1]);
    expect(cluster.disk(primaries[0]!).counter).toBe(0);
  });

  it('takes an answer only from the node that it asked last', () => {
    const { cluster, primaries, outsider, ticket } = forwarded();
    const { message } = nextForward(cluster);
    cluster.bounce(nextForward(cluster));
    const answer = { status: 'done', outcome: { ok: true, version: '', siblings: 1 } } as const;
    const late = { type: 'forwardReply', request: message.request, answer } as const;
    cluster.step(outsider, { type: 'message', from: primaries[0]!, message: late, remainingMs: 1 });
    expect(cluster.replies(ticket)).toEqual([]);

    cluster.runAll();
    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true, siblings: 1 });
  });

  it('hands on the refusal of its coordinator', () => {
    const { cluster, outsider } = forwarded();
    cluster.runAll();
    const stale = cluster.put(outsider, { key: KEY, value: bytes('two') });
    cluster.runAll();

    expect(putOutcome(cluster, stale)).toMatchObject({ code: 'stale_version', outcome: 'none' });
  });
});

describe('a PUT at a primary that must not mint', () => {
  it('is passed on where the node is not complete (R2)', () => {
    const cluster = createStepCluster({ incomplete: ['n1'] });
    const [a] = cluster.ids;
    const ticket = cluster.put(a!, { key: KEY });
    cluster.runAll();

    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true });
    expect(cluster.disk(a!).counter).toBe(0);
    expect(onDisk(cluster, a!, KEY)).toEqual(['value']);
  });

  it.each([{ status: 'damaged' }, { status: 'failed' }] as const)(
    'is passed on where its record is $status (R2)',
    (fault) => {
      const cluster = createStepCluster();
      const [a] = cluster.ids;
      cluster.disk(a!).faults.set(KEY, fault);
      const ticket = cluster.put(a!, { key: KEY });
      cluster.runAll();

      expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true });
      expect(cluster.disk(a!).counter).toBe(0);
      expect(cluster.totalSizes()).toMatchObject({ liveRequests: 0, cells: 0 });
    },
  );

  it('ends without a coordinator where nobody is complete', () => {
    const cluster = createStepCluster({ incomplete: ['n1', 'n2', 'n3'] });
    const ticket = cluster.put(cluster.ids[0]!, { key: KEY });
    cluster.runAll();

    expect(putOutcome(cluster, ticket)).toMatchObject({ code: 'no_coordinator', outcome: 'none' });
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });
});
