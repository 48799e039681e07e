import { describe, expect, it } from '@jest/globals';
import { GET_BYTES } from '../../../services/node/core/coordinator/gets.js';
import { putBytes } from '../../../services/node/core/coordinator/puts.js';
import type { PutRequest } from '../../../services/node/core/protocol/messages.js';
import type { Actor, VersionedRecord } from '../../../services/node/core/types.js';
import { getOutcome, onDisk, putOutcome, write, writeAnswers } from '../support/outcomes.js';
import {
  bytes,
  createStepCluster,
  isChange,
  isLoad,
  isMessage,
  isStore,
  key,
  NO_SIZES,
  TIMEOUT_MS,
} from '../support/stepCluster.js';

const KEY = key('k');
const VALUE = new Uint8Array(1000);
const COST = putBytes({ value: VALUE } as PutRequest);

describe('overload (I14)', () => {
  it('refuses one request more than the bound, without effect, and takes it when one has ended', () => {
    const cluster = createStepCluster({ limits: { requestsMax: 2 } });
    const [a] = cluster.ids;
    cluster.put(a!, { key: KEY });
    cluster.get(a!, { key: KEY });
    const put = cluster.put(a!, { key: KEY });
    const get = cluster.get(a!, { key: KEY });
    const probe = cluster.probe(a!, cluster.ids[1]!, 100);

    expect(putOutcome(cluster, put)).toMatchObject({ code: 'overloaded', outcome: 'none' });
    expect(getOutcome(cluster, get)).toMatchObject({ code: 'overloaded', outcome: 'none' });
    expect(cluster.replies(probe)).toEqual([{ to: 'probe', reachable: false }]);

    cluster.runAll();
    expect(write(cluster, a!, { key: key('other') })).not.toBe('');
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('refuses requests over the bound of bytes', () => {
    const cluster = createStepCluster({ limits: { requestBytesMax: 2 * COST } });
    const [a] = cluster.ids;
    const tickets = [1, 2, 3].map((n) => cluster.put(a!, { key: key(`k${n}`), value: VALUE }));
    expect(cluster.node(a!).sizes().liveBytes).toBe(2 * COST);
    cluster.runAll();

    expect(tickets.map((ticket) => putOutcome(cluster, ticket).ok)).toEqual([true, true, false]);
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('counts the values that a read holds while it waits, and sheds it where there is no room', () => {
    const cluster = createStepCluster({ limits: { requestBytesMax: COST + GET_BYTES } });
    const [a] = cluster.ids;
    write(cluster, a!, { key: KEY, value: VALUE });
    const [first, second] = [1, 2].map(() => cluster.get(a!, { key: KEY }));
    cluster.runAll(isLoad(a));

    expect(cluster.node(a!).sizes().liveBytes).toBeLessThanOrEqual(COST + GET_BYTES);
    expect(cluster.node(a!).sizes().liveBytes).toBeGreaterThan(VALUE.length);
    cluster.runAll();
    expect(getOutcome(cluster, first!)).toMatchObject({ ok: true });
    expect(getOutcome(cluster, second!)).toMatchObject({ code: 'overloaded', outcome: 'none' });
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('counts the record that a write is merged into, and refuses it where there is no room', () => {
    const cluster = createStepCluster({ limits: { requestBytesMax: 4 * COST } });
    const [a] = cluster.ids;
    const large = new Uint8Array(4 * COST);
    const version = write(cluster, cluster.ids[1]!, { key: KEY, value: large.subarray(0, COST) });
    cluster.elapse(100);
    const fits = cluster.put(a!, { key: KEY, value: bytes('s'), fromVersion: version });
    cluster.runAll();
    expect(putOutcome(cluster, fits)).toMatchObject({ ok: true });

    const record = {
      clock: [],
      siblings: [{ dot: { actor: 'x' as Actor, counter: 1 }, value: large }],
      marks: [],
    };
    cluster
      .disk(a!)
      .records.set(KEY, { ...record, clock: [{ actor: 'x' as Actor, counter: 1, timestamp: 1 }] });
    const refused = cluster.put(a!, { key: KEY, onConflict: 'sibling' });
    cluster.runAll();
    expect(putOutcome(cluster, refused)).toMatchObject({ code: 'overloaded', outcome: 'none' });
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('declines a PUT that is passed on to it, so that another primary is asked', () => {
    const cluster = createStepCluster({ nodes: 5, limits: { requestsMax: 1 } });
    const primaries = cluster.primaries(KEY);
    const outsider = cluster.ids.find((id) => !primaries.includes(id))!;
    cluster.get(primaries[0]!, { key: KEY });
    const ticket = cluster.put(outsider, { key: KEY });
    cluster.runAll(isMessage('forward'));
    cluster.runAll();

    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true });
    expect(cluster.disk(primaries[1]!).counter).toBe(1);
  });

  it('refuses writes of other nodes over the bound of bytes on their way to the disk', () => {
    const cluster = createStepCluster({ limits: { cellBytesMax: 1500 } });
    const [a, b] = cluster.ids;
    for (const name of ['x', 'y']) cluster.put(a!, { key: key(name), value: VALUE });
    cluster.runAll((item) => isLoad(a)(item) || isStore(a)(item) || isMessage('write', b)(item));
    expect(writeAnswers(cluster)).toEqual(['refused']);

    cluster.runAll();
    write(cluster, a!, { key: key('z'), value: VALUE });
    expect(cluster.disk(b!).records.has(key('z'))).toBe(true);
  });

  it('takes the writes of a key that is written without a pause, however long that lasts', () => {
    const cluster = createStepCluster({ limits: { cellBytesMax: 5000 } });
    const [a, b] = cluster.ids;
    const sendWrite = (counter: number): void => {
      const dot = { actor: 'someone' as Actor, counter };
      const clock = [{ ...dot, timestamp: 1 }];
      const record: VersionedRecord = { clock, siblings: [{ dot, value: VALUE }], marks: [] };
      const message = { type: 'write', request: counter, key: KEY, since: 1, record } as const;
      cluster.step(a!, { type: 'message', from: b!, message, remainingMs: 9 });
    };
    sendWrite(1);
    cluster.runAll(isLoad());
    for (let counter = 2; counter < 50; counter++) {
      sendWrite(counter);
      cluster.run(cluster.pending.find(isStore())!);
    }
    expect(cluster.node(a!).sizes().cells).toBe(1);
    expect(new Set(writeAnswers(cluster))).toEqual(new Set(['stored']));
  });

  it('waits for at most as many answered writes as are allowed, and keeps hints for the others at once', () => {
    const cluster = createStepCluster({ limits: { settlingMax: 1 } });
    const [a, b, c] = cluster.ids;
    for (const name of ['x', 'y']) cluster.put(a!, { key: key(name), minWrites: 1 });
    cluster.runAll((item) => isLoad(a)(item) || isStore(a)(item));

    expect(cluster.node(a!).sizes()).toMatchObject({ settling: 1, hints: 2 });
    expect(cluster.pending.filter(isChange('keepHint')).map(({ effect }) => effect)).toMatchObject([
      { hint: { target: b, key: 'y' } },
      { hint: { target: c, key: 'y' } },
    ]);
    cluster.drop(isMessage());
    cluster.elapse(100);
    for (const node of [b!, c!]) expect(onDisk(cluster, node, key('y'))).toEqual(['value']);
    expect(cluster.node(a!).sizes()).toMatchObject({ settling: 1, hints: 0 });
  });
});

describe('a quorum that cannot be', () => {
  it.each([0, -1, 4, 1.5, NaN, 1e99])('is refused: %s of 3 replicas', (wanted) => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    const put = cluster.put(a!, { key: KEY, minWrites: wanted });
    const get = cluster.get(a!, { key: KEY, minReads: wanted });

    expect(putOutcome(cluster, put)).toMatchObject({ code: 'invalid_quorum', outcome: 'none' });
    expect(getOutcome(cluster, get)).toMatchObject({ code: 'invalid_quorum', outcome: 'none' });
    expect(cluster.pending).toEqual([]);
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });
});

describe('a version that this cluster did not give for this key', () => {
  it.each(['nonsense', '****', 'other'])('is refused: %s', (kind) => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    const fromVersion = kind === 'other' ? write(cluster, a!, { key: key('other') }) : kind;
    const ticket = cluster.put(a!, { key: KEY, fromVersion });

    expect(putOutcome(cluster, ticket)).toMatchObject({ code: 'invalid_version', outcome: 'none' });
    expect(cluster.totalSizes()).toMatchObject({ liveRequests: 0, cells: 0 });
  });
});

describe('stop', () => {
  it('refuses new requests, declines those passed on, and lets live ones finish', () => {
    const cluster = createStepCluster();
    const [a, b] = cluster.ids;
    const live = cluster.put(a!, { key: KEY, value: bytes('one') });
    cluster.step(a!, { type: 'stop' });
    const put = cluster.put(a!, { key: KEY });
    const get = cluster.get(a!, { key: KEY });
    const request: PutRequest = {
      key: KEY,
      value: VALUE,
      fromVersion: '',
      quorum: 'sloppy',
      onConflict: 'refuse',
    };
    const message = { type: 'forward', request: 1, put: request } as const;
    cluster.step(a!, { type: 'message', from: b!, message, remainingMs: 9 });

    expect(putOutcome(cluster, put)).toMatchObject({ code: 'shutting_down', outcome: 'none' });
    expect(getOutcome(cluster, get)).toMatchObject({ code: 'shutting_down', outcome: 'none' });
    expect(cluster.pending.filter(isMessage('forwardReply'))).toMatchObject([
      { message: { answer: { status: 'declined' } } },
    ]);
    cluster.runAll();
    expect(putOutcome(cluster, live)).toMatchObject({ ok: true });
  });

  it('keeps hints for what answered writes still wait for, without another tick (R4)', () => {
    const cluster = createStepCluster();
    const [a, b, c] = cluster.ids;
    cluster.put(a!, { key: KEY, minWrites: 1 });
    cluster.runAll((item) => isLoad(a)(item) || isStore(a)(item));
    cluster.drop(isMessage());
    cluster.step(a!, { type: 'stop' });
    cluster.runAll(isChange('keepHint'));

    expect([...cluster.disk(a!).hints.values()].map(({ target }) => target)).toEqual([b, c]);
    expect(cluster.node(a!).sizes().settling).toBe(0);
  });

  it('goes on as a replica of other nodes', () => {
    const cluster = createStepCluster();
    const [a, b, c] = cluster.ids;
    cluster.step(b!, { type: 'stop' });
    cluster.step(c!, { type: 'stop' });
    expect(write(cluster, a!, { key: KEY, minWrites: 3 })).not.toBe('');
    cluster.advance(TIMEOUT_MS);
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });
});
