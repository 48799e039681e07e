import { describe, expect, it } from '@jest/globals';
import { decodeVersion } from '../../../services/node/core/versioning/version.js';
import { onDisk, putOutcome, read, write } from '../support/outcomes.js';
import {
  bytes,
  createStepCluster,
  isLoad,
  isMessage,
  isStore,
  key,
  NO_SIZES,
  SEAL,
  TIMEOUT_MS,
} from '../support/stepCluster.js';

const KEY = key('k');

/** Two PUTs on one key, the second stale against the first, whose store is still under way. */
function staleBehindStore() {
  const cluster = createStepCluster();
  const [first] = cluster.ids;
  const winner = cluster.put(first!, { key: KEY, value: bytes('one') });
  cluster.runAll(isLoad());
  const loser = cluster.put(first!, { key: KEY, value: bytes('two') });
  return { cluster, node: first!, winner, loser };
}

describe('a stale write (I5)', () => {
  it('is refused with the stored version and changes nothing', () => {
    const cluster = createStepCluster();
    const [a, b] = cluster.ids;
    const version = write(cluster, a!, { key: KEY, value: bytes('one') });

    const stale = cluster.put(b!, { key: KEY, value: bytes('two') });
    cluster.runAll();

    expect(putOutcome(cluster, stale)).toEqual({
      ok: false,
      code: 'stale_version',
      outcome: 'none',
      version,
    });
    expect(read(cluster, b!, KEY, 3)).toEqual({ ok: true, version, values: ['one'] });
  });

  it('is told no version before what the version stands for is durable (I4)', () => {
    const { cluster, winner, loser } = staleBehindStore();
    expect(cluster.replies(loser)).toEqual([]);

    cluster.runAll();

    expect(putOutcome(cluster, winner)).toMatchObject({ ok: true });
    expect(putOutcome(cluster, loser)).toMatchObject({ ok: false, code: 'stale_version' });
  });

  it('gives no version of a write that a crash undoes, so that its dot can be used again (I4)', () => {
    const { cluster, node, loser } = staleBehindStore();
    cluster.restart(node);

    const [reply] = cluster.replies(loser);
    const version = reply?.to === 'put' && !reply.outcome.ok ? (reply.outcome.version ?? '') : '';
    const claimed = decodeVersion(SEAL, KEY, version) ?? [];
    write(cluster, node, { key: KEY, value: bytes('other') });
    const [sibling] = cluster.disk(node).records.get(KEY)!.siblings;

    expect(claimed).not.toContainEqual(expect.objectContaining(sibling!.dot));
  });

  it('learns that the storage failed where the write that beat it could not be stored', () => {
    const { cluster, winner, loser } = staleBehindStore();
    cluster.failStore(cluster.pending.find(isStore())!);

    expect(putOutcome(cluster, winner)).toMatchObject({ code: 'storage_unavailable', outcome: 'unknown' });
    expect(putOutcome(cluster, loser)).toMatchObject({ code: 'storage_unavailable', outcome: 'none' });
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('ends at its deadline where the store does not end', () => {
    const { cluster, loser } = staleBehindStore();
    cluster.advance(TIMEOUT_MS);

    expect(putOutcome(cluster, loser)).toMatchObject({ code: 'deadline_exceeded', outcome: 'none' });
    cluster.elapse(200);
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('becomes a sibling where its client asks for that, under a version that is not given away (I3)', () => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    write(cluster, a!, { key: KEY, value: bytes('one') });
    const ticket = cluster.put(a!, { key: KEY, value: bytes('two'), onConflict: 'sibling' });
    cluster.runAll();

    expect(putOutcome(cluster, ticket)).toEqual({ ok: true, version: null, siblings: 2 });
    expect(onDisk(cluster, a!, KEY)).toEqual(['one', 'two']);
  });

  it('succeeds with an empty version over a tombstone, and continues its clock', () => {
    const cluster = createStepCluster();
    const [a, b] = cluster.ids;
    const first = write(cluster, a!, { key: KEY, value: bytes('one') });
    const deleted = write(cluster, a!, { key: KEY, value: bytes(''), fromVersion: first });
    expect(read(cluster, b!, KEY)).toEqual({ ok: true, version: deleted, values: [] });

    const version = write(cluster, b!, { key: KEY, value: bytes('back') });

    expect(read(cluster, a!, KEY, 3)).toEqual({ ok: true, version, values: ['back'] });
    expect(cluster.pending.filter(isMessage())).toEqual([]);
  });
});
