import { describe, expect, it } from '@jest/globals';
import type { Actor, Hint, Key, NodeId } from '../../../services/node/core/types.js';
import type { StorageChange } from '../../../services/node/ports/storage.js';
import {
  copyDirectory,
  damageRecord,
  type Directory,
  makeDirectory,
  openDirectory,
  remakeDirectory,
} from '../../simulation/directory.js';
import { simulatedDigests } from '../../simulation/digests.js';
import { createGate } from '../../simulation/gate.js';
import { stream } from '../../simulation/random.js';
import { createSchedule } from '../../simulation/schedule.js';
import { openStorage } from '../../simulation/storage.js';
import { record } from './support/scene.js';

const KEY = 'k' as Key;
const SYNC_MS = 5;
const NEW_ACTOR = 'bbbbbbbbbbbbbbbb' as Actor;
const HEIGHTS = new Map([['n2' as NodeId, { actor: NEW_ACTOR, incarnation: 7, sequence: 8 }]]);

const hint = (order: number, target = 'n2'): Hint => ({ target: target as NodeId, key: KEY, order });
const put = (counter: number): StorageChange => {
  return { type: 'record', key: KEY, record: record({ [`a${String(counter)}`]: 'w' }), counter };
};
const drop: StorageChange = { type: 'drop', key: KEY };
const keep = (kept: Hint): StorageChange => ({ type: 'keepHint', hint: kept });
const forget = ({ target, key }: Hint): StorageChange => ({ type: 'forgetHint', target, key });
const renounce = (counter: number): StorageChange => ({ type: 'renounce', actor: NEW_ACTOR, counter });
const heights: StorageChange = { type: 'keepHeights', heights: HEIGHTS };

/** One of everything, over a directory that has a record and a hint already. */
const EVERYTHING = [drop, forget(hint(1)), keep(hint(5, 'n3')), keep(hint(4, 'n4')), renounce(3), heights];

function disk(directory: Directory) {
  const schedule = createSchedule();
  const state = { failing: false, failedReaches: false, slowMs: 0 };
  const dropped: Key[] = [];
  const storage = openStorage({
    directory,
    identity: openDirectory(directory, 100),
    disk: state,
    gate: createGate(),
    schedule,
    md5: (key) => simulatedDigests().md5(key),
    syncMs: () => SYNC_MS,
    readMs: () => 0,
    onDurable: () => undefined,
    onChanged: (change) => {
      if (change.type === 'drop') dropped.push(change.key);
    },
    onTorn: () => undefined,
    onFailed: () => undefined,
    onRefused: () => undefined,
  });
  const done: (string | undefined)[] = [];
  const change = (...wanted: StorageChange[]) => {
    for (const one of wanted) storage.write(one, (error) => done.push(error?.message));
  };
  return { schedule, state, storage, done, dropped, change };
}

async function used(): Promise<Directory> {
  const directory = makeDirectory('n1' as NodeId, true, stream('0', 'disk'));
  const { change, schedule } = disk(directory);
  change(put(60), keep(hint(1)));
  await schedule.run(100);
  return directory;
}

/** What a node that starts now would find. */
function found(directory: Directory) {
  const { actor, counter, complete, hints, heights: heard } = openDirectory(copyDirectory(directory), 0);
  return { actor, counter, complete, hints, heights: heard, records: [...directory.records.keys()] };
}

const CHANGED = {
  actor: NEW_ACTOR,
  counter: 3,
  complete: false,
  hints: [hint(4, 'n4'), hint(5, 'n3')],
  heights: HEIGHTS,
  records: [],
};

describe('the simulated disk, beside its records', () => {
  it('has every change when it says so and not before', async () => {
    const directory = await used();
    const before = found(directory);
    const { change, done, dropped, schedule } = disk(directory);
    change(...EVERYTHING);
    await schedule.run(SYNC_MS);
    expect([done, found(directory)]).toEqual([[], before]);
    await schedule.run(SYNC_MS + 1);
    expect([done, found(directory)]).toEqual([EVERYTHING.map(() => undefined), CHANGED]);
    expect(dropped).toEqual([KEY]);
    expect(directory.formerActors).toEqual([before.actor]);
  });

  it.each(['kept', 'torn'] as const)(
    '%s: a crash treats all changes of a batch as a whole',
    async (batch) => {
      const directory = await used();
      const before = found(directory);
      const { change, schedule, storage } = disk(directory);
      change(...EVERYTHING);
      await schedule.run(1);
      change(put(70), keep(hint(9)));
      storage.crash(batch);
      await schedule.run(100);
      expect(found(directory)).toEqual(batch === 'kept' ? CHANGED : before);
    },
  );

  it.each([false, true])('fails them as a whole; the batch reaches the disk later: %p', async (reaches) => {
    const directory = await used();
    const before = found(directory);
    const { change, done, schedule, state, storage } = disk(directory);
    Object.assign(state, { failing: true, failedReaches: reaches });
    change(...EVERYTHING);
    await schedule.run(1);
    change(keep(hint(9)));
    await schedule.run(100);
    expect(done.filter((message) => message !== undefined)).toHaveLength(EVERYTHING.length + 1);
    expect(found(directory)).toEqual(before);
    state.failing = false;
    await schedule.run(2000);
    expect(found(directory)).toEqual(reaches ? CHANGED : before);
    expect(storage.stats().healthy).toBe(true);
  });

  it('applies the changes of one turn in the order of the calls', async () => {
    const directory = await used();
    const { change, schedule } = disk(directory);
    change(put(61), renounce(3), drop, put(4), keep(hint(2)), forget(hint(2)), keep(hint(8)));
    await schedule.run(100);
    expect(found(directory)).toMatchObject({ counter: 4, hints: [hint(8)], records: [KEY] });
  });

  it('forgets with a dropped record that it was damaged', async () => {
    const directory = await used();
    damageRecord(directory, KEY, 0);
    const { change, schedule, storage } = disk(directory);
    change(drop);
    await schedule.run(100);
    const answers: unknown[] = [];
    storage.read(KEY, (result) => answers.push(result));
    expect(answers).toEqual([{ status: 'missing' }]);
  });

  it('an old copy has what it had then, whatever was changed since, and a wiped disk nothing', async () => {
    const directory = await used();
    const before = found(directory);
    const copy = copyDirectory(directory);
    const { change, schedule } = disk(directory);
    change(...EVERYTHING);
    await schedule.run(100);
    expect(found(directory)).toEqual(CHANGED);
    expect(found(copy)).toEqual(before);
    const wiped = found(remakeDirectory(directory, 'all', stream('0', 'again')));
    expect(wiped).toMatchObject({ counter: 0, complete: false, hints: [], heights: new Map(), records: [] });
    expect([before.actor, NEW_ACTOR]).not.toContain(wiped.actor);
  });
});
