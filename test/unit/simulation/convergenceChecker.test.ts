import { describe, expect, it } from '@jest/globals';
import type { VersionedRecord } from '../../../services/node/core/types.js';
import { encodeRecord } from '../../../services/node/core/versioning/recordCodec.js';
import { checkConvergence, isForgetting } from '../../simulation/checkers/convergence.js';
import type { Machine } from '../../simulation/machine.js';
import { handMadeScene, KEY, NODES, record } from './support/scene.js';

const GRACE_MS = 4000;
/** By the clock of every node; entries are of the time 1. */
const [YOUNG, OLD] = [GRACE_MS, GRACE_MS + 1];
const ROOMY = 1000;

type Replica = VersionedRecord | 'damaged' | undefined;

function sceneWith(replicas: readonly Replica[], wallMs: number) {
  const { scene, broken, directories } = handMadeScene();
  const life = { node: { view: () => ({ complete: true, document: undefined }) } };
  const machines = NODES.map((id, index) => {
    const directory = directories.get(id)![0]!;
    const held = replicas[index];
    if (held === 'damaged') directory.quarantined.add(KEY);
    else if (held) directory.records.set(KEY, encodeRecord(held).slice());
    return { id, directory, life } as unknown as Machine;
  });
  return { scene: { ...scene, wallMs: () => wallMs }, broken, machines };
}

describe('the judge of replicas', () => {
  const long = record({ c1: 'w3' }, 'a1 b1 c1');
  const short = record({ c1: 'w3' }, 'b1 c1');
  const tombstone = record({ a2: '' }, 'a2');

  function judged(...replicas: readonly Replica[]) {
    const { scene, broken, machines } = sceneWith(replicas, OLD);
    checkConvergence(scene, machines, [KEY], ROOMY);
    return broken();
  }

  it('finds any difference between them, also one that they may have by what they forget (I12)', () => {
    expect(judged(long, long, long)).toEqual([]);
    expect(judged(undefined, undefined, undefined)).toEqual([]);
    expect(judged(short, long, short)).toEqual(['I12']);
    expect(judged(tombstone, undefined, tombstone)).toEqual(['I12']);
  });

  function forgetting(replicas: readonly Replica[], { wallMs = OLD, clockEntriesMax = 2, bytesMax = ROOMY }) {
    const { scene, machines } = sceneWith(replicas, wallMs);
    const rules = { graceMs: GRACE_MS, clockEntriesMax, cellBytesMax: bytesMax };
    return isForgetting(scene, machines, [KEY], rules);
  }

  it('is told to look again where one has forgotten what others may forget: of a long clock, or a tombstone', () => {
    expect(forgetting([short, long, short], {})).toBe(true);
    expect(forgetting([short, long, record({ c1: 'w3' })], { clockEntriesMax: 0 })).toBe(true);
    expect(forgetting([tombstone, undefined, tombstone], {})).toBe(true);
  });

  it('is not where that is too young to be forgotten, or the clock no longer than it may be', () => {
    expect(forgetting([short, long, short], { wallMs: YOUNG })).toBe(false);
    expect(forgetting([tombstone, undefined, tombstone], { wallMs: YOUNG })).toBe(false);
    expect(forgetting([short, long, short], { clockEntriesMax: 3 })).toBe(false);
  });

  it('is not where anything else differs, or nothing does', () => {
    expect(forgetting([short, short, short], {})).toBe(false);
    expect(forgetting([long, long, long], {})).toBe(false);
    expect(forgetting([undefined, long, short], {})).toBe(false);
    expect(forgetting([record({ c2: 'w4' }, 'b1 c2'), long, short], {})).toBe(false);
    expect(forgetting([record({ b1: 'w2', c1: 'w3' }, 'b1 c1'), long, short], {})).toBe(false);
    expect(forgetting([record({ c1: 'w3' }, 'a1 c1'), long, short], {})).toBe(false);
  });

  it('is not where replicas are not compared: one is damaged, or the record too large', () => {
    expect(forgetting([short, long, 'damaged'], {})).toBe(false);
    expect(forgetting([short, long, short], { bytesMax: 1 })).toBe(false);
  });
});
