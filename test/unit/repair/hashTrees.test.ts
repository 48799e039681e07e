import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { differingLeaves } from '../../../services/node/core/repair/hashTrees.js';
import { leafOf } from '../../../services/node/core/ring/position.js';
import type { Key, Partition } from '../../../services/node/core/types.js';
import { isTombstone } from '../../../services/node/core/versioning/record.js';
import { hashRecord } from '../../../services/node/core/versioning/recordHash.js';
import { scanFrom } from '../support/stepDisk.js';
import {
  digests,
  ELSEWHERE,
  type Growing,
  growing,
  HERE,
  keysOf,
  PARTITIONS,
  partitionOfKey,
  recordOf,
} from './treeSupport.js';

/** The leaves as they follow from what is on the disk. */
function fromScratch({ disk }: Growing, partition: Partition): Uint8Array {
  const leaves = new BigUint64Array(256);
  for (const [key, record] of disk.records) {
    if (partitionOfKey(key) !== partition || disk.faults.has(key)) continue;
    leaves[leafOf(digests.md5(key), PARTITIONS)]! ^= BigInt(hashRecord(key, record));
  }
  const bytes = Buffer.alloc(8 * 256);
  leaves.forEach((hash, leaf) => bytes.writeBigUInt64BE(hash, 8 * leaf));
  return new Uint8Array(bytes);
}

function expectTrue(fixture: Growing, partition = HERE): void {
  const { trees, disk } = fixture;
  const leaves = trees.leaves(partition);
  expect(leaves && Buffer.from(leaves)).toEqual(Buffer.from(fromScratch(fixture, partition)));
  const mine = [...disk.records].filter(
    ([key]) => partitionOfKey(key) === partition && !disk.faults.has(key),
  );
  expect(trees.reapable(partition)).toBe(mine.filter(([, record]) => isTombstone(record)).length);
}

const KEYS = keysOf(HERE, 6);

function filled(): Growing {
  const fixture = growing();
  KEYS.forEach((key, i) => fixture.disk.records.set(key, recordOf(i + 1, i % 3 === 0)));
  return fixture;
}

function built(): Growing {
  const fixture = filled();
  fixture.want();
  fixture.finish();
  return fixture;
}

describe('a hash tree', () => {
  it('is built when it is wanted, and tells nothing before it is whole', () => {
    const fixture = filled();
    const { trees } = fixture;
    const told = () => [trees.root(HERE), trees.leaves(HERE), trees.reapable(HERE), trees.ready];
    const nothing = [undefined, undefined, 0, 0];
    expect(told()).toEqual(nothing);
    expect(fixture.want()).toBe(false);
    fixture.begin();
    for (let left = KEYS.length; left > 0; left--) {
      fixture.read();
      expect([...told(), fixture.want()]).toEqual([...nothing, false]);
    }
    fixture.read();
    expect([fixture.want(), trees.ready, fixture.facts]).toEqual([true, 1, ['treeBuilt']]);
    expectTrue(fixture);
  });

  it('is built once, however often it is wanted meanwhile', () => {
    const fixture = filled();
    for (let times = 0; times < 3; times++) fixture.want();
    fixture.begin();
    fixture.want();
    fixture.finish();
    expect([fixture.facts, fixture.want(), fixture.waiting]).toEqual([['treeBuilt'], true, []]);
  });

  it('is built after that of another partition, not beside it', () => {
    const fixture = filled();
    const partitions = [HERE, ELSEWHERE, 0 as Partition];
    for (const partition of partitions) fixture.want(partition);
    expect(fixture.waiting).toHaveLength(1);
    fixture.finish();
    expect(partitions.map((partition) => fixture.want(partition))).toEqual([true, true, true]);
    partitions.forEach((partition) => {
      expectTrue(fixture, partition);
    });
  });

  it.each([
    'before it begins',
    'while it begins',
    'before its key was read',
    'after its key was read',
    'at the end',
  ])('has a change of a key that comes %s', (when) => {
    const fixture = filled();
    const order = scanFrom(fixture.disk, (key) => digests.md5(key), {
      from: new Uint8Array(8) as never,
      through: new Uint8Array(8).fill(0xff) as never,
    }).entries.map(({ key }) => key);
    const at = ['before its key was read', 'after its key was read', 'at the end'].indexOf(when);
    if (at < 0) fixture.want();
    if (when === 'while it begins') fixture.begin();
    if (at >= 0) {
      fixture.want();
      fixture.begin();
      for (let i = 0; i < [1, 4, 6][at]!; i++) fixture.read();
    }
    fixture.put(order[2]!, recordOf(100, true));
    fixture.put(order[3]!, undefined);
    fixture.put(keysOf(HERE, 7)[6]!, recordOf(101));
    fixture.finish();
    expectTrue(fixture);
  });

  it('has no part of a change in another partition', () => {
    const fixture = built();
    const root = fixture.trees.root(HERE);
    fixture.put(keysOf(ELSEWHERE, 1)[0]!, recordOf(9));
    expect(fixture.trees.root(HERE)).toBe(root);
  });

  it('has another root with every change, and the old one again when it is taken back', () => {
    const fixture = built();
    const root = fixture.trees.root(HERE);
    const [key] = KEYS as [Key];
    const before = fixture.disk.records.get(key);
    fixture.put(key, recordOf(77));
    expect(fixture.trees.root(HERE)).not.toBe(root);
    fixture.put(key, before);
    expect(fixture.trees.root(HERE)).toBe(root);
  });

  it('differs from another in the leaves of the keys that differ', () => {
    const [one, other] = [built(), built()];
    const changed = [KEYS[1]!, KEYS[4]!];
    for (const key of changed) other.put(key, recordOf(50));
    const leaves = [one, other].map(({ trees }) => trees.leaves(HERE)!);
    const expected = [...new Set(changed.map((key) => leafOf(digests.md5(key), PARTITIONS)))];
    expect(differingLeaves(leaves[0]!, leaves[1]!)).toEqual(expected.sort((a, b) => a - b));
    expect(differingLeaves(leaves[0]!, leaves[0]!)).toEqual([]);
  });
});

describe('a hash tree of which something is not known', () => {
  it('is given up, and built anew when it is wanted again', () => {
    const fixture = built();
    fixture.disk.records.set(KEYS[0]!, recordOf(88));
    fixture.doubt(KEYS[0]!);
    expect([fixture.trees.root(HERE), fixture.facts.at(-1)]).toEqual([undefined, 'treeGivenUp']);
    expect(fixture.want()).toBe(false);
    fixture.finish();
    expectTrue(fixture);
  });

  it('is begun anew where that comes while it is built, without being asked again', () => {
    const fixture = filled();
    fixture.want();
    fixture.begin();
    fixture.read();
    fixture.disk.records.set(KEYS[0]!, recordOf(88));
    fixture.doubt(KEYS[0]!);
    fixture.tick();
    fixture.finish();
    expectTrue(fixture);
  });

  it('is left alone where the doubt is about another partition, or there is no tree', () => {
    const fixture = built();
    fixture.doubt(keysOf(ELSEWHERE, 1)[0]!);
    expect([fixture.trees.ready, fixture.facts]).toEqual([1, ['treeBuilt']]);
  });

  it('is without a damaged record, which is told once', () => {
    const fixture = filled();
    fixture.disk.faults.set(KEYS[0]!, { status: 'damaged' });
    fixture.want();
    fixture.finish();
    fixture.tick();
    fixture.finish();
    expect([fixture.damaged, fixture.want()]).toEqual([[KEYS[0]], true]);
    expectTrue(fixture);
  });
});

describe('a hash tree whose scan fails', () => {
  it.each(['before it begins', 'in the midst of it'])('is tried again after a pause: %s', (when) => {
    const fixture = filled();
    fixture.want();
    if (when !== 'before it begins') {
      fixture.begin();
      fixture.read();
    }
    fixture.fail();
    fixture.tick(999);
    expect([fixture.want(), fixture.waiting]).toEqual([false, []]);
    fixture.tick(1);
    expect(fixture.waiting).toHaveLength(1);
    fixture.put(KEYS[2]!, recordOf(60));
    fixture.finish();
    expectTrue(fixture);
  });

  it('lets others go first', () => {
    const fixture = filled();
    fixture.want();
    fixture.want(ELSEWHERE);
    fixture.fail();
    fixture.tick(1000);
    fixture.begin();
    fixture.read();
    expect(fixture.want(ELSEWHERE)).toBe(true);
  });
});

describe('a hash tree, whatever happens while it is built', () => {
  const change = fc.record({
    what: fc.constantFrom('put', 'put', 'delete', 'drop'),
    key: fc.nat(9),
    counter: fc.nat(1000),
  });
  const others = fc.constantFrom(
    'want',
    'want',
    'begin',
    'read',
    'read',
    'read',
    'fail',
    'doubt',
    'giveUp',
    'tick',
  );
  const schedule = fc.array(fc.oneof(change, others), { maxLength: 80, size: 'max' });

  it('is what follows from the disk, as soon as it is ready and ever after', () => {
    fc.assert(
      fc.property(schedule, (steps) => {
        const fixture = filled();
        const keys = [...keysOf(HERE, 8), ...keysOf(ELSEWHERE, 2)];
        const acts: Record<string, () => unknown> = {
          want: () => fixture.want(),
          begin: fixture.begin,
          read: fixture.read,
          fail: () => {
            fixture.fail();
          },
          doubt: () => {
            fixture.doubt(keys[0]!);
          },
          giveUp: () => {
            fixture.giveUp();
          },
          tick: () => {
            fixture.tick(400);
          },
        };
        for (const step of steps) {
          if (typeof step === 'string') acts[step]!();
          else if (step.what === 'drop') fixture.put(keys[step.key]!, undefined);
          else fixture.put(keys[step.key]!, recordOf(step.counter, step.what === 'delete'));
          if (fixture.trees.root(HERE) !== undefined) expectTrue(fixture);
        }
        for (let tries = 0; tries < 5 && !fixture.want(); tries++) {
          fixture.finish();
          fixture.tick(1000);
        }
        expectTrue(fixture);
      }),
    );
  });
});
