import { describe, expect, it } from '@jest/globals';
import type { Effect } from '../../../services/node/core/protocol/events.js';
import type { Key, NodeId, VersionedRecord } from '../../../services/node/core/types.js';
import { encodeRecord } from '../../../services/node/core/versioning/recordCodec.js';
import { checkReaped, createTombstoneChecker } from '../../simulation/checkers/tombstones.js';
import { hintName } from '../../simulation/directory.js';
import { expandPlan } from '../../simulation/expand.js';
import type { Machine } from '../../simulation/machine.js';
import { seedAt } from '../../simulation/random.js';
import { runPlan } from '../../simulation/run.js';
import { createTraps } from '../../simulation/traps.js';
import { handMadeScene, KEY, NODES, record } from './support/scene.js';

const [N1, N2, N3] = NODES as [NodeId, NodeId, NodeId];
const PLANS = Array.from({ length: 300 }, (_, i) => expandPlan(seedAt(0n, i)));
const PLAN = PLANS[0]!;
const DROP: Effect = { type: 'drop', store: 1, key: KEY };
const TICK = { type: 'tick', sequence: 1 } as const;
const TOMBSTONE = record({ a2: '' }, 'a2');

describe('the judge of tombstones', () => {
  function forget(theirs: VersionedRecord | undefined, own = TOMBSTONE) {
    const { scene, dots, broken, directories } = handMadeScene();
    const [directory, other] = [directories.get(N1)![0]!, directories.get(N2)![0]!];
    directory.records.set(KEY, encodeRecord(own));
    if (theirs) other.records.set(KEY, encodeRecord(theirs));
    createTombstoneChecker(scene, dots, PLAN).stepped({
      node: N1,
      directory,
      event: TICK,
      effects: [DROP],
    });
    return broken();
  }

  it('finds one that is forgotten while a node has what it supersedes (R13)', () => {
    expect(forget(record({ a1: 'w1' }))).toEqual(['R13']);
    expect(forget(record({ a1: 'w1', b1: 'w2' }))).toEqual(['R13']);
  });

  it('takes the same tombstone, nothing, and what was written since', () => {
    expect(forget(TOMBSTONE)).toEqual([]);
    expect(forget(undefined)).toEqual([]);
    expect(forget(record({ b1: 'w3' }, 'a2 b1'))).toEqual([]);
    expect(forget(record({ b1: 'w3' }))).toEqual([]);
  });

  it('finds values that are forgotten by one that holds them, whatever it thinks of the others (I13)', () => {
    expect(forget(undefined, record({ a2: 'w1' }))).toEqual(['I13']);
  });

  function trim(primaries: readonly NodeId[], theirs: VersionedRecord) {
    const { scene, dots, broken, directories } = handMadeScene();
    const [directory, other] = [directories.get(N1)![0]!, directories.get(N2)![0]!];
    directory.records.set(KEY, encodeRecord(record({ b1: 'w2' }, 'a1 b1')));
    other.records.set(KEY, encodeRecord(theirs));
    const store: Effect = { type: 'store', store: 1, key: KEY, record: record({ b1: 'w2' }), counter: 1 };
    const checker = createTombstoneChecker({ ...scene, primaries: () => primaries }, dots, PLAN);
    checker.stepped({ node: N1, directory, event: TICK, effects: [store] });
    return broken();
  }

  it('finds an entry of a clock that a replica forgets while a node has a value of it (R14)', () => {
    expect(trim(NODES, record({ a1: 'w1' }))).toEqual(['R14']);
    expect(trim(NODES, record({ b1: 'w2' }, 'a1 b1'))).toEqual([]);
  });

  it('takes what a stand-in keeps after it has handed over what it had', () => {
    expect(trim([N2, N3], record({ a1: 'w1' }))).toEqual([]);
  });

  function keep(wallMs: number, hinted: boolean) {
    const { scene, broken, directories } = handMadeScene();
    const machines = NODES.map((id) => {
      const directory = directories.get(id)![0]!;
      const life = { node: { view: () => ({ complete: true }) } };
      return { id, directory, life } as unknown as Machine;
    });
    const [{ directory }] = machines as [Machine];
    directory.records.set(KEY, encodeRecord(TOMBSTONE));
    const hint = { target: N2, key: KEY, order: 1 };
    if (hinted) directory.hints.set(hintName(hint), hint);
    checkReaped({ ...scene, wallMs: () => wallMs }, machines, [KEY], 4000);
    return broken();
  }

  it('finds one that is left when it has expired for everybody, unless somebody is owed it (R13)', () => {
    expect(keep(1_000_000, false)).toEqual(['R13']);
    expect(keep(1_000_000, true)).toEqual([]);
    expect(keep(5000, false)).toEqual([]);
  });
});

describe('a trap', () => {
  const other = 'key1' as Key;

  function trapsOf(during: 'standIn' | 'reaping', passing: number) {
    const { directories } = handMadeScene();
    const caught: NodeId[] = [];
    const traps = createTraps((node) => node !== N3);
    const takeAway = traps.set({ key: KEY, during, passing, spring: (node) => caught.push(node) });
    return { traps, caught, takeAway, directoryOf: (node: NodeId) => directories.get(node)![0]! };
  }

  it('catches one that stands in, between its record and its hint, once', () => {
    const { traps, caught, directoryOf } = trapsOf('standIn', 0);
    traps.durable(directoryOf(N1), KEY);
    traps.durable(directoryOf(N3), other);
    directoryOf(N3).hints.set('', { target: N1, key: KEY, order: 1 });
    traps.durable(directoryOf(N3), KEY);
    expect(caught).toEqual([]);
    directoryOf(N3).hints.clear();
    traps.durable(directoryOf(N3), KEY);
    traps.durable(directoryOf(N3), KEY);
    expect(caught).toEqual([N3]);
  });

  it('lets so many replicas forget the tombstone, and catches the next', () => {
    const { traps, caught } = trapsOf('reaping', 1);
    traps.stepped(N3, [DROP]);
    traps.stepped(N1, [DROP]);
    traps.stepped(N1, [DROP]);
    expect(caught).toEqual([]);
    traps.stepped(N2, [DROP]);
    expect(caught).toEqual([N2]);
  });

  it('catches nothing when it was taken away', () => {
    const { traps, caught, takeAway } = trapsOf('reaping', 0);
    takeAway();
    traps.stepped(N1, [DROP]);
    expect(caught).toEqual([]);
  });
});

describe('keys that are deleted and left alone', () => {
  const withTraps = PLANS.filter(({ faults }) => faults.some(({ kind }) => kind === 'crashIn'));

  it('are in a good part of all plans, whose grace is short enough to end in them', () => {
    expect(withTraps.length).toBeGreaterThan(50);
    expect(withTraps.length).toBeLessThan(150);
    for (const plan of withTraps) expect(3 * plan.tombstoneGraceMs).toBeLessThan(plan.chaosMs);
  });

  it('are forgotten, whatever crashes in the midst of it', async () => {
    const { faults, violations } = await runPlan(withTraps[0]!);
    expect(violations).toEqual([]);
    expect(new Map(faults).get('fact:tombstoneReaped')).toBeGreaterThan(0);
  }, 60_000);
});
