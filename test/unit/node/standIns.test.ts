import { describe, expect, it } from '@jest/globals';
import type { Key, NodeId } from '../../../services/node/core/types.js';
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
  type Pending,
  type PendingChange,
  type PendingMessage,
  type PendingStore,
  type StepCluster,
  type StepClusterOptions,
  SUSPECT_AFTER_MS,
  TIMEOUT_MS,
} from '../support/stepCluster.js';

const KEY = key('k');

/** Five nodes that keep three copies: the primaries of a key, and who stands in for them. */
function five(options: StepClusterOptions = {}) {
  const cluster = createStepCluster({ nodes: 5, ...options });
  const [a, b, c] = cluster.primaries(KEY) as [NodeId, NodeId, NodeId];
  const [f, g] = cluster.fallbacks(KEY) as [NodeId, NodeId];
  return { cluster, a, b, c, f, g };
}

function hintsOn(cluster: StepCluster, node: NodeId): readonly string[] {
  return [...cluster.disk(node).hints.values()].map(({ target, key }) => `${target} ${key}`);
}

function standInsAsked(cluster: StepCluster): readonly string[] {
  return cluster.pending.filter(isMessage('write')).flatMap(({ to, message }) => {
    return message.type === 'write' && message.hintFor ? [`${to} for ${message.hintFor}`] : [];
  });
}

/** A fallback that has taken a write for a primary that is away. */
function takenInFor() {
  const setting = five();
  const { cluster, a, c } = setting;
  cluster.absent.add(c);
  const version = write(cluster, a, { key: KEY, value: bytes('one'), minWrites: 3 });
  return { ...setting, version };
}

const versionsOf = (cluster: StepCluster, nodes: readonly NodeId[], which: Key = KEY) =>
  nodes.map((node) => onDisk(cluster, node, which));

describe('put: a primary is away, five nodes, N=3', () => {
  it('a fallback stands in, and hands over when it is back, which leaves nothing behind', () => {
    const { cluster, b, c, f, g } = takenInFor();
    expect(versionsOf(cluster, [b, c, f, g])).toEqual([['one'], [], ['one'], []]);
    expect(hintsOn(cluster, f)).toEqual([`${c} k`]);
    expect(cluster.node(f).view().hints).toEqual(new Map([[c, 1]]));

    cluster.restart(c);
    cluster.elapse(500);
    expect(versionsOf(cluster, [b, c, f, g])).toEqual([['one'], ['one'], [], []]);
    expect([hintsOn(cluster, f), cluster.totalSizes()]).toEqual([[], NO_SIZES]);
    expect(cluster.facts).toContain('hintDelivered');
  });

  it('the fallback answers when both the record and its hint are durable, and not before (R4)', () => {
    const { cluster, a, c, f } = five();
    cluster.absent.add(c);
    cluster.put(a, { key: KEY });
    cluster.runAll((item) => isLoad()(item) || isStore(a)(item) || isMessage('write', c)(item));
    cluster.runAll((item) => isMessage('write', f)(item) || isLoad(f)(item));
    expect(cluster.pending.filter(isChange('keepHint'))).toEqual([]);
    cluster.runAll(isStore(f));
    expect(writeAnswers(cluster)).toEqual([]);
    cluster.runAll(isChange('keepHint', f));
    expect(writeAnswers(cluster)).toEqual(['stored']);
  });

  it.each(['record', 'hint'])(
    'a fallback whose disk refuses the %s does not stand in, and the next does',
    (what) => {
      const { cluster, a, c, f, g } = five();
      cluster.absent.add(c);
      const ticket = cluster.put(a, { key: KEY, minWrites: 3 });
      const isDoomed = (item: Pending): item is PendingStore | PendingChange =>
        what === 'record' ? isStore(f)(item) : isChange('keepHint', f)(item);
      cluster.runAll((item) => !isDoomed(item));
      cluster.failStore(cluster.pending.find(isDoomed)!);
      cluster.runAll();

      expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true });
      expect(hintsOn(cluster, g)).toEqual([`${c} k`]);
    },
  );

  it('fallbacks over their bound refuse, then the coordinator keeps the hint itself, and then nobody (I14)', () => {
    const { cluster, a, c, f, g } = five({ limits: { hintsMax: 1 } });
    const keys = Array.from({ length: 200 }, (_, n) => key(`k${n}`)).filter(
      (other) => cluster.primaries(other).join() === cluster.primaries(KEY).join(),
    );
    cluster.absent.add(c);
    const [x, y, z, last] = keys as [Key, Key, Key, Key];
    for (const other of [x, y, z, last]) write(cluster, a, { key: other });

    expect([f, g, a].map((node) => hintsOn(cluster, node))).toEqual([
      [`${c} ${x}`],
      [`${c} ${y}`],
      [`${c} ${z}`],
    ]);
    // One fallback, then both, then the coordinator too.
    expect(cluster.facts.filter((fact) => fact === 'hintRefused')).toHaveLength(1 + 2 + 3);
    expect(versionsOf(cluster, [a, f, g], last)).toEqual([['value'], [], []]);
  });

  it('a fallback that is not complete refuses, and keeps nothing', () => {
    const { f: first } = five();
    const { cluster, a, c, f, g } = five({ incomplete: [first] });
    cluster.absent.add(c);
    write(cluster, a, { key: KEY, minWrites: 3 });
    expect([onDisk(cluster, f, KEY), hintsOn(cluster, f)]).toEqual([[], []]);
    expect(hintsOn(cluster, g)).toEqual([`${c} k`]);
  });

  it('with nobody left to stand in the coordinator keeps the hint, which is not a second copy', () => {
    const { cluster, a, b, c, f, g } = five();
    for (const node of [b, c, f, g]) cluster.absent.add(node);
    const ticket = cluster.put(a, { key: KEY });
    cluster.runAll();

    expect(putOutcome(cluster, ticket)).toMatchObject({ code: 'quorum_not_met', outcome: 'unknown', got: 1 });
    expect(hintsOn(cluster, a)).toEqual([`${b} k`, `${c} k`]);
    for (const node of [b, c]) cluster.restart(node);
    cluster.elapse(500);
    expect(versionsOf(cluster, [a, b, c])).toEqual([['value'], ['value'], ['value']]);
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });
});

describe('put: a primary is silent, five nodes, N=3 (R4)', () => {
  it('is replaced at once where it was suspect before', () => {
    const { cluster, a, c, f } = five();
    cluster.silent.add(c);
    cluster.elapse(SUSPECT_AFTER_MS);
    expect(cluster.node(a).view().liveness.get(c)).toBe('suspect');
    const ticket = cluster.put(a, { key: KEY, minWrites: 3 });
    cluster.runAll();

    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true });
    expect(hintsOn(cluster, f)).toEqual([`${c} k`]);
  });

  it('is replaced when it becomes suspect while the write waits for it', () => {
    const { cluster, a, c, f } = five();
    cluster.silent.add(c);
    const ticket = cluster.put(a, { key: KEY, minWrites: 3 });
    cluster.runAll();
    expect(cluster.replies(ticket)).toEqual([]);
    cluster.elapse(SUSPECT_AFTER_MS);

    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true });
    expect(hintsOn(cluster, f)).toEqual([`${c} k`]);
  });

  it('after the answer the coordinator itself keeps the hint, before the deadline of the write (R5)', () => {
    const { cluster, a, c } = five();
    cluster.silent.add(c);
    write(cluster, a, { key: KEY, minWrites: 2 });
    cluster.elapse(SUSPECT_AFTER_MS);
    expect(hintsOn(cluster, a)).toEqual([`${c} k`]);
    expect(cluster.node(a).sizes().settling).toBe(0);

    cluster.silent.clear();
    cluster.elapse(500);
    expect(versionsOf(cluster, [a, c])).toEqual([['value'], ['value']]);
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('a fallback that is suspect itself is passed over', () => {
    const { cluster, a, c, f, g } = five();
    for (const node of [c, f]) cluster.silent.add(node);
    cluster.elapse(SUSPECT_AFTER_MS);
    write(cluster, a, { key: KEY, minWrites: 3 });
    expect(hintsOn(cluster, g)).toEqual([`${c} k`]);
  });
});

describe('put: strict quorum, five nodes, N=3 (I7)', () => {
  it('asks no fallback, and keeps the hint here', () => {
    const { cluster, a, c } = five();
    cluster.absent.add(c);
    const ticket = cluster.put(a, { key: KEY, minWrites: 2, quorum: 'strict' });
    cluster.runAll(isLoad(a));
    cluster.runAll(isStore(a));
    cluster.runAll(isMessage('write', c));
    expect(standInsAsked(cluster)).toEqual([]);
    cluster.runAll();

    expect(putOutcome(cluster, ticket)).toMatchObject({ ok: true });
    expect(hintsOn(cluster, a)).toEqual([`${c} k`]);
  });

  it('fails at once where too few primaries are there', () => {
    const { cluster, a, b, c } = five();
    for (const node of [b, c]) cluster.absent.add(node);
    const ticket = cluster.put(a, { key: KEY, quorum: 'strict' });
    cluster.runAll();
    expect(putOutcome(cluster, ticket)).toMatchObject({ code: 'quorum_not_met', outcome: 'unknown', got: 1 });
  });
});

describe('get: primaries are away, five nodes, N=3', () => {
  it('what a fallback took in for them is found, and counts (R3)', () => {
    const { cluster, a, b, c, f, version } = takenInFor();
    cluster.absent.add(a).add(b).add(c);
    const ticket = cluster.get(f, { key: KEY, minReads: 1 });
    cluster.runAll();
    expect(getOutcome(cluster, ticket)).toEqual({ ok: true, version, values: ['one'] });
  });

  it('is found with two silent primaries past the others that are silent too', () => {
    const { cluster, a, b, c, version } = takenInFor();
    cluster.absent.clear();
    cluster.silent.add(b).add(c);
    cluster.elapse(SUSPECT_AFTER_MS);
    const ticket = cluster.get(a, { key: KEY });
    cluster.runAll();
    expect(getOutcome(cluster, ticket)).toEqual({ ok: true, version, values: ['one'] });
  });

  it('is never "not found" from fallbacks that hold nothing (R3)', () => {
    const { cluster, a, b, c, f } = five();
    for (const node of [a, b, c]) cluster.absent.add(node);
    const ticket = cluster.get(f, { key: KEY, minReads: 1 });
    cluster.runAll();
    expect(getOutcome(cluster, ticket)).toMatchObject({ code: 'quorum_not_met', got: 0, wanted: 1 });
  });

  it('strict: no fallback is asked, though it holds the value (I7)', () => {
    const { cluster, a, b, c, f } = takenInFor();
    cluster.absent.add(a).add(b).add(c);
    const ticket = cluster.get(f, { key: KEY, minReads: 1, quorum: 'strict' });
    cluster.runAll();
    expect(getOutcome(cluster, ticket)).toMatchObject({ code: 'quorum_not_met', got: 0, wanted: 1 });
  });
});

describe('hints on the way', () => {
  it('are found again after a restart of their keeper', () => {
    const { cluster, c, f } = takenInFor();
    cluster.restart(f);
    expect(cluster.node(f).view().hints).toEqual(new Map([[c, 1]]));
    cluster.restart(c);
    cluster.elapse(1000);
    expect(versionsOf(cluster, [c, f])).toEqual([['one'], []]);
    expect(hintsOn(cluster, f)).toEqual([]);
  });

  it('survive the target that takes the record and crashes before it is durable', () => {
    const { cluster, c, f } = takenInFor();
    cluster.restart(c);
    for (let ticks = 0; ticks < 50 && !cluster.pending.some(isStore(c)); ticks++) {
      cluster.advance(20);
      cluster.runAll((item) => !isStore(c)(item));
    }
    expect(cluster.pending.some(isStore(c))).toBe(true);
    cluster.restart(c);
    expect(hintsOn(cluster, f)).toEqual([`${c} k`]);
    cluster.elapse(TIMEOUT_MS + 1000);
    expect(versionsOf(cluster, [c, f])).toEqual([['one'], []]);
  });

  it('carry the newest record, and are repeated where a newer one came while they were delivered', () => {
    const { cluster, a, c, f, version } = takenInFor();
    cluster.restart(c);
    const delivery = untilDelivered(cluster, c);
    // The target is away again, so that a second write comes to the fallback before the answer to the first.
    cluster.absent.add(c);
    write(cluster, a, { key: KEY, value: bytes('two'), fromVersion: version, minWrites: 3 });
    cluster.absent.delete(c);
    cluster.run(delivery);
    cluster.elapse(1000);

    expect(versionsOf(cluster, [c, f])).toEqual([['two'], []]);
    expect([hintsOn(cluster, f), cluster.totalSizes()]).toEqual([[], NO_SIZES]);
  });

  it('leave the record of a primary where it is', () => {
    const cluster = createStepCluster();
    const [a, b, c] = cluster.ids as [NodeId, NodeId, NodeId];
    cluster.absent.add(c);
    write(cluster, a, { key: KEY });
    expect(hintsOn(cluster, a)).toEqual([`${c} k`]);
    cluster.restart(c);
    cluster.elapse(500);
    expect(versionsOf(cluster, [a, b, c])).toEqual([['value'], ['value'], ['value']]);
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  it('leave the record of a fallback where it is as long as it is owed to another', () => {
    const { cluster, a, b, c, f, g } = five();
    for (const node of [b, c, g]) cluster.absent.add(node);
    cluster.put(a, { key: KEY });
    cluster.runAll();
    const targets = hintsOn(cluster, f);
    expect(targets).toHaveLength(1);
    const [target, other] = targets[0] === `${b} k` ? [b, c] : [c, b];
    // The second write finds the other one away only, and the same fallback stands in for it.
    cluster.restart(target);
    cluster.put(a, { key: KEY, onConflict: 'sibling' });
    cluster.runAll((item) => !isMessage('write', target)(item));
    expect([...hintsOn(cluster, f)].sort()).toEqual([`${b} k`, `${c} k`]);
    cluster.elapse(500);
    expect(hintsOn(cluster, f)).toEqual([`${other} k`]);
    expect(onDisk(cluster, f, KEY)).not.toEqual([]);

    cluster.restart(other);
    cluster.elapse(1000);
    expect([hintsOn(cluster, f), onDisk(cluster, f, KEY)]).toEqual([[], []]);
  });

  it('are kept while the target does not answer, and what is on its way is bounded', () => {
    const cluster = createStepCluster();
    const [a, , c] = cluster.ids as [NodeId, NodeId, NodeId];
    cluster.absent.add(c);
    for (let n = 0; n < 100; n++) write(cluster, a, { key: key(`k${n}`) });
    expect(cluster.node(a).sizes().hints).toBe(100);
    cluster.absent.delete(c);
    let underWay = 0;
    for (let ticks = 0; ticks < 20; ticks++) {
      cluster.advance(20);
      cluster.runAll((item) => !isMessage('writeReply', a)(item));
      underWay = Math.max(underWay, cluster.pending.filter(isMessage('writeReply', a)).length);
    }
    expect(underWay).toBe(32);
    expect(cluster.node(a).sizes().hints).toBe(100);
    cluster.elapse(1000);
    expect(cluster.totalSizes()).toEqual(NO_SIZES);
  });

  function untilDelivered(cluster: StepCluster, target: NodeId): PendingMessage {
    for (let ticks = 0; ticks < 50; ticks++) {
      cluster.advance(20);
      cluster.runAll((item) => !isMessage('write', target)(item));
      const [delivery] = cluster.drop(isMessage('write', target)) as readonly PendingMessage[];
      if (delivery) return delivery;
    }
    throw new Error('nothing was delivered');
  }
});
