import { describe, expect, it } from '@jest/globals';
import type { Actor, VersionedRecord } from '../../../services/node/core/types.js';
import { encodeVersion } from '../../../services/node/core/versioning/version.js';
import { getOutcome, putOutcome, write, writeAnswers } from '../support/outcomes.js';
import {
  bytes,
  createStepCluster,
  isChange,
  isLoad,
  isMessage,
  key,
  SEAL,
  type StepCluster,
} from '../support/stepCluster.js';

const KEY = key('k');
const OTHER = key('other');

/** A record with a dot of this actor that its directory does not know of: written by a later state of the directory. */
function fromTheFuture(actor: Actor): VersionedRecord {
  const dot = { actor, counter: 50 };
  return { clock: [{ ...dot, timestamp: 1 }], siblings: [{ dot, value: bytes('future') }], marks: [] };
}

function sendFuture(cluster: StepCluster): void {
  const [a, b] = cluster.ids;
  const record = fromTheFuture(cluster.disk(a!).actor);
  const message = { type: 'write', request: 1, key: KEY, since: 1, record } as const;
  cluster.step(a!, { type: 'message', from: b!, message, remainingMs: 100 });
}

describe('a node whose directory was put back to an old copy (I4)', () => {
  it('stops minting and counting when it is sent a dot of its own that it does not know', () => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    sendFuture(cluster);
    expect(cluster.node(a!).view().complete).toBe(false);
    expect(cluster.facts).toEqual(['directoryRenounced']);

    cluster.runAll((item) => !isMessage('writeReply')(item));
    expect(writeAnswers(cluster)).toEqual(['incomplete']);
    write(cluster, a!, { key: OTHER });
    expect(cluster.disk(a!).counter).toBe(0);
  });

  it('has its new actor stored again where the disk refused it, so that no restart brings back the old one', () => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    cluster.put(a!, { key: OTHER });
    cluster.runAll(isLoad(a));
    sendFuture(cluster);
    const { actor } = cluster.node(a!).view();
    for (const left of [2, 1, 0]) {
      cluster.failStore(cluster.pending.find(isChange('renounce', a))!);
      expect([left, cluster.disk(a!).actor]).toEqual([left, 'actor-n1']);
      cluster.advance(50);
    }
    cluster.runAll();
    expect(cluster.disk(a!)).toMatchObject({ actor });
    expect(actor).not.toBe('actor-n1');
  });

  it('does not mint for a PUT that waited for its load when that dot came', () => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    const waiting = cluster.put(a!, { key: OTHER });
    sendFuture(cluster);
    cluster.runAll(isLoad(a));
    cluster.runAll();

    expect(cluster.disk(a!).counter).toBe(0);
    expect(putOutcome(cluster, waiting)).toMatchObject({ ok: true });
  });

  it('does not mint on a record of its own disk that has such a dot', () => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    cluster.disk(a!).records.set(KEY, fromTheFuture(cluster.disk(a!).actor));
    cluster.put(a!, { key: KEY, onConflict: 'sibling' });
    cluster.runAll(isLoad(a));

    expect(cluster.disk(a!).counter).toBe(0);
    expect(cluster.node(a!).view().complete).toBe(false);
  });

  it('notices such a dot in the version of a client', () => {
    const cluster = createStepCluster();
    const [a] = cluster.ids;
    const fromVersion = encodeVersion(SEAL, KEY, fromTheFuture(cluster.disk(a!).actor).clock);
    const ticket = cluster.put(a!, { key: KEY, fromVersion });
    cluster.runAll();

    expect(cluster.node(a!).view().complete).toBe(false);
    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true });
  });

  it('answers reads under way as incomplete', () => {
    const cluster = createStepCluster();
    const [a, b] = cluster.ids;
    const ticket = cluster.get(b!, { key: KEY, minReads: 3 });
    cluster.runAll(isMessage('read', a));
    sendFuture(cluster);
    cluster.runAll();

    expect(getOutcome(cluster, ticket)).toMatchObject({ code: 'quorum_not_met', wanted: 3 });
  });
});
