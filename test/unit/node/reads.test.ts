import { describe, expect, it } from '@jest/globals';
import { HEDGE_AFTER_MS } from '../../../services/node/core/coordinator/gets.js';
import { getOutcome, read, write } from '../support/outcomes.js';
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

const KEY = key('k');

describe('get: three nodes, N=3', () => {
  it('says "nothing" with an empty version where a quorum of complete replicas holds nothing', () => {
    const cluster = createStepCluster();
    expect(read(cluster, cluster.ids[0]!, KEY)).toEqual({ ok: true, version: '', values: [] });
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('asks R primaries, itself among them, and answers at R answers', () => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    const version = write(cluster, a!, { key: KEY, value: bytes('one') });
    const ticket = cluster.get(a!, { key: KEY });
    expect(cluster.pending).toMatchObject([
      { kind: 'load', node: a },
      { kind: 'message', message: { type: 'read' } },
    ]);
    cluster.runAll(isLoad(a));
    expect(cluster.replies(ticket)).toEqual([]);
    cluster.runAll();

    expect(getOutcome(cluster, ticket)).toEqual({ ok: true, version, values: ['one'] });
    expect(cluster.facts).not.toContain('readHedged');
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('asks the other primaries when those take long, and ignores who answers after the reply', () => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    const version = write(cluster, a!, { key: KEY, value: bytes('one') });
    const ticket = cluster.get(a!, { key: KEY });
    cluster.runAll(isLoad(a));
    const [slow] = cluster.drop(isMessage('read'));
    cluster.advance(HEDGE_AFTER_MS - 1);
    expect(cluster.pending).toEqual([]);
    cluster.advance(1);
    expect(cluster.facts.filter((fact) => fact === 'readHedged')).toHaveLength(1);
    cluster.runAll();
    expect(getOutcome(cluster, ticket)).toEqual({ ok: true, version, values: ['one'] });

    cluster.run(slow!);
    cluster.runAll();
    expect(getOutcome(cluster, ticket)).toMatchObject({ values: ['one'] });
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('does not ask again whom it has asked in place of another', () => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    cluster.get(a!, { key: KEY });
    const [read] = cluster.pending.filter(isMessage('read'));
    cluster.bounce(read!);
    const others = cluster.pending.filter(isMessage('read'));
    expect(others.map(({ to }) => to)).toEqual(cluster.ids.filter((id) => id !== a && id !== read!.to));
    cluster.advance(HEDGE_AFTER_MS);

    expect(cluster.pending.filter(isMessage('read'))).toEqual(others);
    expect(cluster.facts).not.toContain('readHedged');
  });

  it('counts a node once, however often it answers', () => {
    const cluster = createStepCluster();
    const [a, b] = cluster.ids;
    const ticket = cluster.get(a!, { key: KEY, minReads: 3 });
    cluster.runAll((item) => isLoad(a)(item) || isMessage('read', b)(item) || isLoad(b)(item));
    const reply = cluster.pending.find(isMessage('readReply'))!;
    for (let times = 0; times < 3; times++) cluster.run(reply);
    expect(cluster.replies(ticket)).toEqual([]);

    cluster.runAll();
    expect(getOutcome(cluster, ticket)).toMatchObject({ ok: true });
  });

  it('merges what replicas hold, under a version that covers exactly that (I3)', () => {
    const cluster = createStepCluster();
    const [a, b, c] = cluster.ids;
    cluster.put(a!, { key: KEY, value: bytes('one'), minWrites: 1 });
    cluster.put(b!, { key: KEY, value: bytes('two'), minWrites: 1 });
    cluster.runAll((item) => isLoad()(item) || isStore()(item));
    cluster.drop(isMessage());

    const outcome = read(cluster, c!, KEY, 3);
    expect(outcome).toMatchObject({ values: ['one', 'two'] });
    const fromVersion = outcome.ok ? outcome.version : '';
    write(cluster, c!, { key: KEY, value: bytes('both'), fromVersion });
    expect(read(cluster, a!, KEY, 3)).toMatchObject({ values: ['both'] });
  });

  it('reads only what is durable', () => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    cluster.put(a!, { key: KEY });
    cluster.runAll(isLoad());
    const ticket = cluster.get(a!, { key: KEY, minReads: 1 });
    cluster.runAll(isLoad());

    expect(getOutcome(cluster, ticket)).toEqual({ ok: true, version: '', values: [] });
  });

  it.each([
    { incomplete: ['n1', 'n2', 'n3'], code: 'no_complete_replica', got: 0 },
    { incomplete: ['n2', 'n3'], code: 'quorum_not_met', got: 1 },
  ])('never says "nothing" while $incomplete are not complete (R3)', ({ incomplete, code, got }) => {
    const cluster = createStepCluster({ incomplete });
    const ticket = cluster.get(cluster.ids[0]!, { key: KEY });
    cluster.runAll();

    expect(getOutcome(cluster, ticket)).toEqual({ ok: false, code, outcome: 'none', got, wanted: 2 });
  });

  it('does without a replica that is not complete while enough others are (R3)', () => {
    const cluster = createStepCluster({ incomplete: ['n1'] });
    expect(read(cluster, cluster.ids[0]!, KEY)).toMatchObject({ ok: true, values: [] });
  });

  it.each([
    { fault: { status: 'damaged' }, code: 'no_complete_replica' },
    { fault: { status: 'failed' }, code: 'quorum_not_met' },
  ] as const)('never serves a record that is $fault.status, nor takes it for a miss', ({ fault, code }) => {
    const cluster = createStepCluster();
    for (const id of cluster.ids) cluster.disk(id).faults.set(KEY, fault);
    const ticket = cluster.get(cluster.ids[0]!, { key: KEY });
    cluster.runAll();

    expect(getOutcome(cluster, ticket)).toMatchObject({ code, got: 0 });
  });

  it('fails at once where too many replicas cannot be reached', () => {
    const cluster = createStepCluster();
    const ticket = cluster.get(cluster.ids[0]!, { key: KEY, minReads: 3 });
    cluster.bounce(cluster.pending.find(isMessage('read'))!);

    expect(getOutcome(cluster, ticket)).toMatchObject({ code: 'quorum_not_met', outcome: 'none' });
    expect(cluster.node(cluster.ids[0]!).sizes()).toEqual(NO_SIZES);
  });

  it('ends at its deadline and takes no late answer (I11)', () => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    const ticket = cluster.get(a!, { key: KEY });
    cluster.advance(TIMEOUT_MS);
    expect(getOutcome(cluster, ticket)).toEqual({
      ok: false,
      code: 'quorum_not_met',
      outcome: 'none',
      got: 0,
      wanted: 2,
    });

    cluster.runAll();
    expect(getOutcome(cluster, ticket)).toMatchObject({ ok: false });
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('does not take an answer to a request from before a restart', () => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    write(cluster, a!, { key: key('old'), value: bytes('old') });
    cluster.get(a!, { key: key('old') });
    cluster.runAll(isMessage('read'));
    cluster.runAll((item) => isLoad()(item) && !isLoad(a)(item));
    cluster.restart(a!);
    const ticket = cluster.get(a!, { key: KEY });
    cluster.runAll(isMessage('readReply'));
    expect(cluster.replies(ticket)).toEqual([]);

    cluster.runAll();
    expect(getOutcome(cluster, ticket)).toMatchObject({ values: [] });
  });
});

describe('get: five nodes, N=3', () => {
  it('is coordinated by a node that holds nothing of the key', () => {
    const cluster = createStepCluster({ nodes: 5 });
    const primaries = cluster.primaries(KEY);
    const outsider = cluster.ids.find((id) => !primaries.includes(id))!;
    write(cluster, primaries[0]!, { key: KEY, value: bytes('one') });
    const ticket = cluster.get(outsider, { key: KEY, minReads: 3 });
    expect(cluster.pending.filter(isMessage('read')).map(({ to }) => to)).toEqual(primaries);
    cluster.runAll();

    expect(getOutcome(cluster, ticket)).toMatchObject({ values: ['one'] });
  });

  it.each([
    { strict: true, status: 'refused' },
    { strict: false, status: 'missing' },
  ])('a node that does not hold the key answers "$status" where strict is $strict', ({ strict, status }) => {
    const cluster = createStepCluster({ nodes: 5 });
    const primaries = cluster.primaries(KEY);
    const outsider = cluster.ids.find((id) => !primaries.includes(id))!;
    const message = { type: 'read', request: 1, key: KEY, since: 1, strict } as const;
    cluster.step(outsider, { type: 'message', from: primaries[0]!, message, remainingMs: 9 });
    cluster.runAll(isLoad());

    expect(cluster.pending.filter(isMessage('readReply'))).toMatchObject([
      { message: { answer: { status } } },
    ]);
  });
});

describe('probe', () => {
  it.each([
    ['reaches a node that answers', true],
    ['does not reach one that is unroutable', false],
    ['does not reach one that is silent', false],
  ])('%s', (name, reachable) => {
    const cluster = createStepCluster();
    const [a, b] = cluster.ids;
    const ticket = cluster.probe(a!, b!, 100);
    if (name.includes('unroutable')) cluster.bounce(cluster.pending.find(isMessage('ping'))!);
    else if (name.includes('silent')) cluster.advance(100);
    else cluster.runAll();

    expect(cluster.replies(ticket)).toEqual([{ to: 'probe', reachable }]);
    cluster.runAll();
    expect(cluster.replies(ticket)).toHaveLength(1);
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('reaches the node itself', () => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    expect(cluster.replies(cluster.probe(a!, a!, 100))).toEqual([{ to: 'probe', reachable: true }]);
  });
});
