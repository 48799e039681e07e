import { describe, expect, it } from '@jest/globals';
import type { Actor, Key, NodeId } from '../../../services/node/core/types.js';
import { getOutcome, read, write } from '../support/outcomes.js';
import { bytes, isChange, isMessage, NO_SIZES, type Pending } from '../support/stepCluster.js';
import { damage } from '../support/stepDisk.js';
import {
  comparing,
  type Comparing,
  everywhere,
  isFrom,
  keysOf,
  recordOf,
  tombstoneOf,
  WALL_MS,
} from './clusterSupport.js';

const GRACE_MS = 20_000;
/** Longer than a round: both questions, and the pause between them. */
const ROUND_MS = 16_000;
/** Long enough for every replica to have had its turn. */
const ALL_TURNS_MS = GRACE_MS + 2 * ROUND_MS;
const [KEY] = keysOf(3, 1) as [Key];
const OLD = tombstoneOf(WALL_MS - GRACE_MS - 1);

/** Five nodes of which three hold an expired tombstone; nothing but reaping goes on. */
function deleted() {
  const cluster = comparing({ nodes: 5, antiEntropyMs: 1e9, tombstoneGraceMs: GRACE_MS, votes: false });
  const [a, b, c] = cluster.primaries(KEY) as [NodeId, NodeId, NodeId];
  const [f, g] = cluster.fallbacks(KEY) as [NodeId, NodeId];
  for (const node of [a, b, c]) cluster.lay(node, KEY, OLD);
  const inOrder = (...nodes: NodeId[]) => cluster.ids.filter((id) => nodes.includes(id));
  const all = everywhere(KEY, OLD, inOrder(a, b, c));
  return { cluster, a, b, c, f, g, all, inOrder };
}

type Setting = ReturnType<typeof deleted>;

const isAsk = (item: Pending): boolean =>
  isMessage('reap')(item) && item.message.type === 'reap' && item.message.phase === 'ask';
const isDrop = (item: Pending): boolean => isMessage('reap')(item) && !isAsk(item);

/** To where the first, or the second, question is about to be asked of everybody. */
function toQuestion(cluster: Comparing, which: 1 | 2): void {
  expect(cluster.until(isAsk)).toBeDefined();
  if (which === 1) return;
  cluster.runAll();
  expect(cluster.until(isAsk)).toBeDefined();
}

describe('an expired tombstone (R13)', () => {
  it('is forgotten by all replicas when every node has agreed twice, and not before', () => {
    const { cluster, a, all } = deleted();
    toQuestion(cluster, 1);
    const asked = cluster.pending.filter(isAsk);
    expect(asked).toHaveLength(4);
    expect(asked.every((item) => item.kind === 'message' && item.from === a)).toBe(true);
    cluster.runAll();
    expect(cluster.until(isAsk)).toBeDefined();
    expect([cluster.holders(KEY), cluster.pending.filter(isAsk).length]).toEqual([all, 4]);
    cluster.elapse(ROUND_MS);
    expect(cluster.holders(KEY)).toEqual([]);
    expect(cluster.facts.filter((fact) => fact === 'tombstoneReaped')).toHaveLength(1);
    cluster.takeSent();
    cluster.elapse(ROUND_MS);
    expect([cluster.takeSent(), cluster.totalSizes()]).toEqual([[], NO_SIZES]);
  });

  it('is forgotten where some replicas hold nothing, whoever they are', () => {
    for (const name of ['a', 'b', 'c'] as const) {
      const setting = deleted();
      setting.cluster.disk(setting[name]).records.delete(KEY);
      setting.cluster.elapse(ALL_TURNS_MS);
      expect([name, setting.cluster.holders(KEY)]).toEqual([name, []]);
    }
  });

  it('stays until it has expired', () => {
    const { cluster, a, b, c } = deleted();
    const fresh = tombstoneOf(WALL_MS);
    for (const node of [a, b, c]) cluster.lay(node, KEY, fresh);
    cluster.elapse(GRACE_MS - 1000);
    expect([cluster.holders(KEY).length, cluster.takeSent()]).toEqual([3, []]);
    cluster.elapse(ROUND_MS + 2000);
    expect(cluster.holders(KEY)).toEqual([]);
  });

  it('is among many, of all partitions', () => {
    const { cluster } = deleted();
    const keys = Array.from({ length: 8 }, (_, partition) => keysOf(partition, 20)).flat();
    for (const key of keys) for (const node of cluster.primaries(key)) cluster.lay(node, key, OLD);
    cluster.elapse(8 * ROUND_MS);
    expect(keys.filter((key) => cluster.holders(key).length > 0)).toEqual([]);
  });
});

type Disagreement = (setting: Setting) => void;
const X = recordOf('x');

describe('a tombstone stays everywhere', () => {
  const REASONS: readonly (readonly [string, Disagreement])[] = [
    ['a replica has another record', ({ cluster, b }) => { cluster.lay(b, KEY, X); }], // prettier-ignore
    ['a replica has another tombstone', ({ cluster, c }) => { cluster.lay(c, KEY, tombstoneOf(WALL_MS - GRACE_MS - 2)); }], // prettier-ignore
    ['a replica is not complete', ({ cluster, b }) => { cluster.disk(b).actor = 'another' as Actor; cluster.restart(b); }], // prettier-ignore
    ['another node has a stray copy', ({ cluster, f }) => { cluster.lay(f, KEY, X); }], // prettier-ignore
    ['another node has a stray copy of it', ({ cluster, f }) => { cluster.lay(f, KEY, OLD); }], // prettier-ignore
    ['a node is away', ({ cluster, g }) => { cluster.absent.add(g); }], // prettier-ignore
    ['a node is silent', ({ cluster, g }) => { cluster.silent.add(g); }], // prettier-ignore
  ];

  it.each(REASONS)('where %s at the first question', (_, disagree) => {
    const setting = deleted();
    disagree(setting);
    const before = setting.cluster.holders(KEY);
    setting.cluster.elapse(ALL_TURNS_MS);
    expect(setting.cluster.holders(KEY)).toEqual(before);
    expect(setting.cluster.facts).not.toContain('tombstoneReaped');
  });

  it.each(REASONS)('where %s at the second question only', (_, disagree) => {
    const setting = deleted();
    toQuestion(setting.cluster, 2);
    disagree(setting);
    const before = setting.cluster.holders(KEY);
    setting.cluster.elapse(ALL_TURNS_MS);
    expect(setting.cluster.holders(KEY)).toEqual(before);
    expect(setting.cluster.facts).not.toContain('tombstoneReaped');
  });

  it.each([1, 2] as const)(
    'where a record is damaged at question %i; and goes when that is mended',
    (which) => {
      const { cluster, b, all } = deleted();
      toQuestion(cluster, which);
      damage(cluster.disk(b), KEY);
      const isMending = (item: Pending) => item.kind === 'store' && item.effect.mends === true;
      expect(cluster.until(isMending)).toBeDefined();
      expect([cluster.holders(KEY).length, cluster.node(b).sizes().damagedKeys]).toEqual([3, 1]);
      cluster.runAll();
      expect([cluster.holders(KEY), cluster.node(b).sizes().damagedKeys]).toEqual([all, 0]);
      cluster.elapse(ALL_TURNS_MS);
      expect(cluster.holders(KEY)).toEqual([]);
    },
  );

  it.each([1, 2] as const)('while a node owes it to another, at question %i', (which) => {
    const { cluster, all, b, f } = deleted();
    toQuestion(cluster, which);
    cluster.disk(f).hints.set('owed', { target: b, key: KEY, order: 1 });
    cluster.restart(f);
    // Its delivery does not come to an end.
    cluster.elapseBut(ROUND_MS, (item) => item.kind === 'load' && item.effect.purpose.for === 'hint');
    expect(cluster.holders(KEY)).toEqual(all);
    cluster.elapse(ALL_TURNS_MS);
    expect(cluster.holders(KEY)).toEqual([]);
  });

  it.each([1, 2] as const)(
    'where the answer of one node to question %i is lost, and goes with the next round',
    (which) => {
      const { cluster, all, g } = deleted();
      toQuestion(cluster, which);
      cluster.drop((item) => isAsk(item) && item.kind === 'message' && item.to === g);
      cluster.elapseBut(4000, isAsk);
      expect(cluster.holders(KEY)).toEqual(all);
      cluster.elapse(ALL_TURNS_MS);
      expect(cluster.holders(KEY)).toEqual([]);
    },
  );
});

describe('the forgetting of a tombstone that all agreed to', () => {
  it.each(['lost', 'met by a crash before it is stored', 'refused by the disk'])(
    'is made good where it is %s on one replica: its turn comes',
    (how) => {
      const { cluster, b, inOrder } = deleted();
      const drops = (): Pending | undefined =>
        cluster.until((item) => isDrop(item) && item.kind === 'message' && item.to === b);
      const item = drops()!;
      if (how === 'lost') cluster.drop((other) => other === item);
      else {
        const drop = cluster.until(isChange('drop', b))!;
        if (how === 'refused by the disk' && isChange('drop', b)(drop)) cluster.failStore(drop);
        else cluster.restart(b);
      }
      cluster.runAll();
      expect(cluster.holders(KEY)).toEqual(everywhere(KEY, OLD, inOrder(b)));
      cluster.elapse(ALL_TURNS_MS);
      expect(cluster.holders(KEY)).toEqual([]);
    },
  );

  it('leaves a record that was written since the second question', () => {
    const { cluster, b, inOrder } = deleted();
    expect(cluster.until(isDrop)).toBeDefined();
    cluster.lay(b, KEY, X);
    cluster.elapse(1000);
    expect(cluster.holders(KEY)).toEqual(everywhere(KEY, X, inOrder(b)));
  });

  it('leaves what is being written when it comes', () => {
    const { cluster, a } = deleted();
    expect(cluster.until(isDrop)).toBeDefined();
    const ticket = cluster.put(a, { key: KEY, value: bytes('new'), minWrites: 3 });
    cluster.runAll();
    expect(cluster.replies(ticket)).toMatchObject([{ outcome: { ok: true } }]);
    expect(read(cluster, a, KEY)).toMatchObject({ values: ['new'] });
    cluster.elapse(ALL_TURNS_MS);
    expect(read(cluster, a, KEY)).toMatchObject({ values: ['new'] });
  });

  it('changes nothing where it comes again, however late, also when the key was deleted again', () => {
    const { cluster, a, b } = deleted();
    const drop = cluster.until(isDrop)!;
    cluster.elapse(1000);
    expect(cluster.holders(KEY)).toEqual([]);
    const again = () => {
      cluster.run(drop);
      cluster.runAll();
    };
    again();
    const version = write(cluster, a, { key: KEY, value: bytes('new') });
    again();
    expect(read(cluster, b, KEY)).toMatchObject({ values: ['new'] });
    write(cluster, a, { key: KEY, value: bytes(''), fromVersion: version });
    const held = cluster.holders(KEY);
    again();
    expect([held.length, cluster.holders(KEY)]).toEqual([3, held]);
  });

  it('takes every message of it twice without harm', () => {
    const { cluster } = deleted();
    for (let passed = 0; passed < 2 * ROUND_MS; passed += 20) {
      cluster.elapseBut(20, () => true);
      for (let n = 0; n < 500 && cluster.pending.length > 0; n++) {
        const [item] = cluster.pending as [Pending];
        cluster.run(item);
        if (item.kind === 'message') cluster.run(item);
      }
    }
    expect(cluster.holders(KEY)).toEqual([]);
    expect(cluster.facts.filter((fact) => fact === 'tombstoneReaped')).toHaveLength(1);
  });
});

describe('a key whose tombstone was reaped', () => {
  /** Written, deleted, and forgotten; its versions are still around. */
  function reaped() {
    const setting = deleted();
    const { cluster, a, b, c } = setting;
    for (const node of [a, b, c]) cluster.disk(node).records.delete(KEY);
    const first = write(cluster, a, { key: KEY, value: bytes('first') });
    const second = write(cluster, a, { key: KEY, value: bytes(''), fromVersion: first });
    cluster.elapse(GRACE_MS + 2 * ROUND_MS);
    expect(cluster.holders(KEY)).toEqual([]);
    return { ...setting, first, second };
  }

  it('begins anew, with a clock of its own', () => {
    const { cluster, a, b } = reaped();
    write(cluster, b, { key: KEY, value: bytes('new') });
    const clock = cluster.disk(a).records.get(KEY)!.clock;
    expect(clock).toMatchObject([{ actor: cluster.disk(b).actor }]);
    expect(read(cluster, a, KEY)).toMatchObject({ values: ['new'] });
  });

  it('never gets a dot again that it had (I4)', () => {
    const { cluster, a } = reaped();
    write(cluster, a, { key: KEY, value: bytes('new') });
    expect(cluster.disk(a).records.get(KEY)!.clock).toMatchObject([{ counter: 3 }]);
  });

  it.each(['first', 'second'] as const)('takes a write under the %s of its old versions', (which) => {
    const { cluster, a, ...versions } = reaped();
    write(cluster, a, { key: KEY, value: bytes('new'), fromVersion: versions[which] });
    expect(read(cluster, a, KEY)).toMatchObject({ values: ['new'] });
  });

  it('is missing, with no version, to all who read it', () => {
    const { cluster, b } = reaped();
    const ticket = cluster.get(b, { key: KEY, minReads: 3 });
    cluster.runAll();
    expect(getOutcome(cluster, ticket)).toMatchObject({ ok: true, version: '', values: [] });
    expect(cluster.pending.filter(isFrom(b, 'write'))).toEqual([]);
  });
});
