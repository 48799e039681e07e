import { describe, expect, it } from '@jest/globals';
import type { Actor, Key, NodeId, VersionedRecord } from '../../../services/node/core/types.js';
import { applyWrite } from '../../../services/node/core/versioning/record.js';
import { read, write } from '../support/outcomes.js';
import { bytes, isMessage, type Pending } from '../support/stepCluster.js';
import { comparing, type Comparing, keysOf, WALL_MS } from './clusterSupport.js';

const GRACE_MS = 20_000;
/** Longer than a round: both questions, and the pause between them. */
const ROUND_MS = 16_000;
const ALL_TURNS_MS = GRACE_MS + 2 * ROUND_MS;
const [KEY] = keysOf(3, 1) as [Key];
const OLD_MS = WALL_MS - GRACE_MS - 1000;

/** Written once by each of so many actors that are gone, each over what the one before wrote. */
function written(count: number, atMs: number): VersionedRecord {
  let record: VersionedRecord = { clock: [], siblings: [], marks: [] };
  for (let i = 0; i < count; i++) {
    const actor = `gone-${String(i).padStart(2, '0')}` as Actor;
    const value = bytes(String(i));
    record = applyWrite(record, {
      entry: { actor, counter: 1, timestamp: atMs + i },
      context: record.clock,
      value,
    });
  }
  return record;
}

/** Five nodes of which three hold the record; nothing but reaping goes on. */
function holding(record: VersionedRecord, antiEntropyMs = 1e9) {
  const cluster = comparing({ nodes: 5, antiEntropyMs, tombstoneGraceMs: GRACE_MS, votes: false });
  const holders = cluster.primaries(KEY);
  for (const node of holders) cluster.lay(node, KEY, record);
  return { cluster, holders, elsewhere: cluster.fallbacks(KEY) };
}

const clocks = (cluster: Comparing, nodes: readonly NodeId[]) =>
  nodes.map((node) => cluster.disk(node).records.get(KEY)?.clock.length);
const isAsk = (item: Pending): boolean =>
  isMessage('reap')(item) && item.message.type === 'reap' && item.message.phase === 'ask';
const TRIMMED = [10, 10, 10];
const WHOLE = [14, 14, 14];

describe('a clock of more than ten entries (R14)', () => {
  it('loses those that were not renewed for longest, on all replicas', () => {
    const { cluster, holders } = holding(written(14, OLD_MS));
    cluster.elapse(ROUND_MS);
    expect(clocks(cluster, holders)).toEqual(TRIMMED);
    const { clock, siblings } = cluster.disk(holders[0]!).records.get(KEY)!;
    expect([clock[0]?.actor, siblings.length]).toEqual(['gone-04', 1]);
    expect(cluster.facts.filter((fact) => fact === 'clockTrimmed')).toHaveLength(4);
    expect(read(cluster, holders[0]!, KEY)).toMatchObject({ values: ['13'] });
  });

  it('keeps what is not old enough yet, for as long', () => {
    const { cluster, holders } = holding(written(14, WALL_MS - 1000));
    cluster.elapse(GRACE_MS / 2);
    expect(clocks(cluster, holders)).toEqual(WHOLE);
    cluster.elapse(GRACE_MS + ROUND_MS);
    expect(clocks(cluster, holders)).toEqual(TRIMMED);
  });

  it('keeps entries of ten', () => {
    const { cluster, holders } = holding(written(10, OLD_MS));
    cluster.elapse(ALL_TURNS_MS);
    expect(clocks(cluster, holders)).toEqual(TRIMMED);
    expect(cluster.sent).toEqual([]);
  });

  it('keeps entries whose values are among the siblings, above ten if need be', () => {
    const whole = written(14, OLD_MS);
    const siblings = whole.clock.map(({ actor, counter }) => ({
      dot: { actor, counter },
      value: bytes(actor),
    }));
    const { cluster, holders } = holding({ ...whole, siblings });
    cluster.elapse(ALL_TURNS_MS);
    expect(clocks(cluster, holders)).toEqual(WHOLE);
  });

  it('is trimmed also while the key is written', () => {
    const { cluster, holders } = holding(written(14, OLD_MS));
    let { version: fromVersion } = read(cluster, holders[0]!, KEY) as { version: string };
    for (let passed = 0; passed < ROUND_MS; passed += 500) {
      cluster.elapse(500);
      fromVersion = write(cluster, holders[0]!, { key: KEY, value: bytes(`at ${passed}`), fromVersion });
    }
    for (const length of clocks(cluster, holders)) expect(length).toBeLessThanOrEqual(11);
    expect(read(cluster, holders[1]!, KEY)).toMatchObject({ values: [`at ${ROUND_MS - 500}`] });
  });
});

type Setting = ReturnType<typeof holding>;
const OLDER = written(1, OLD_MS);

describe('the entries of a long clock stay', () => {
  const REASONS: readonly (readonly [string, (setting: Setting) => void])[] = [
    ['a replica has a value that one stands for', ({ cluster, holders }) => { cluster.lay(holders[1]!, KEY, OLDER); }], // prettier-ignore
    ['a replica has nothing', ({ cluster, holders }) => { cluster.disk(holders[2]!).records.delete(KEY); }], // prettier-ignore
    ['a replica is not complete', ({ cluster, holders }) => { cluster.disk(holders[1]!).actor = 'another' as Actor; cluster.restart(holders[1]!); }], // prettier-ignore
    ['another node has a stray value that one stands for', ({ cluster, elsewhere }) => { cluster.lay(elsewhere[0]!, KEY, OLDER); }], // prettier-ignore
    ['a node is away', ({ cluster, elsewhere }) => { cluster.absent.add(elsewhere[1]!); }], // prettier-ignore
    ['a node is silent', ({ cluster, elsewhere }) => { cluster.silent.add(elsewhere[1]!); }], // prettier-ignore
  ];

  it.each(REASONS)('where %s', (_, disagree) => {
    const setting = holding(written(14, OLD_MS));
    disagree(setting);
    setting.cluster.elapse(ALL_TURNS_MS);
    expect(clocks(setting.cluster, setting.holders.slice(0, 1))).toEqual([14]);
    expect(setting.cluster.facts).not.toContain('clockTrimmed');
  });

  it.each(REASONS)('where %s at the second question only', (_, disagree) => {
    const setting = holding(written(14, OLD_MS));
    expect(setting.cluster.until(isAsk)).toBeDefined();
    setting.cluster.runAll();
    expect(setting.cluster.until(isAsk)).toBeDefined();
    disagree(setting);
    setting.cluster.elapse(1000);
    expect(clocks(setting.cluster, setting.holders.slice(0, 1))).toEqual([14]);
  });
});

describe('a clock that has got its trimmed entries back', () => {
  it('takes writes under the versions that are read of it', () => {
    const whole = written(14, OLD_MS);
    const { cluster, holders } = holding(whole);
    cluster.elapse(ROUND_MS);
    expect(clocks(cluster, holders)).toEqual(TRIMMED);
    for (const holder of holders) cluster.lay(holder, KEY, whole);
    const { version: fromVersion } = read(cluster, holders[1]!, KEY) as { version: string };
    write(cluster, holders[1]!, { key: KEY, value: bytes('next'), fromVersion });
    expect(read(cluster, holders[0]!, KEY)).toMatchObject({ values: ['next'] });
  });
});

describe('a replica that did not hear that it should trim a clock', () => {
  it('gives the entries back to the others, until all trim it together', () => {
    const { cluster, holders } = holding(written(14, OLD_MS), 5000);
    const last = holders[2]!;
    const isLost = (item: Pending): boolean => isMessage('reap')(item) && !isAsk(item) && item.to === last;
    expect(cluster.until(isLost)).toBeDefined();
    cluster.drop(isLost);
    cluster.runAll();
    expect(clocks(cluster, holders)).toEqual([10, 10, 14]);
    for (const holder of holders) expect(read(cluster, holder, KEY)).toMatchObject({ values: ['13'] });
    cluster.elapse(ALL_TURNS_MS);
    expect(clocks(cluster, holders)).toEqual(TRIMMED);
  });
});
