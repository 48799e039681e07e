import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Actor, Height, Hint, Key, NodeId } from '../../services/node/core/types.js';
import type { Storage, StorageChange } from '../../services/node/ports/storage.js';
import {
  change,
  changeAll,
  hintOf,
  keyOf,
  read,
  recordOf,
  scanned,
  turns,
  write,
  writeAll,
} from './support/records.js';

/** The storage under test; another one after a reopen. */
interface Opened {
  storage(): Storage;
  /** Closes it, lets `between` happen to the directory, and opens it again. */
  reopen(between?: () => Promise<void>): Promise<void>;
  damage(key: Key): Promise<void>;
}

const HOSTILE_TARGETS = ['', '\0', 'a', 'ab', 'a\0', 'é', '\u{10ffff}', 'h', '__proto__', 'z'.repeat(255)];
const HOSTILE_KEYS = ['', '\0', '\xff', '\xff'.repeat(4096), 'a', 'b', 'ba', 'a\0', '\xc3\xa9', '__proto__'];
const SECOND_ACTOR = 'bbbbbbbbbbbbbbbb' as Actor;
const THIRD_ACTOR = 'cccccccccccccccc' as Actor;

const record = (key: string, counter: number): StorageChange => {
  return { type: 'record', key: keyOf(key), record: recordOf(counter), counter };
};
const drop = (key: string): StorageChange => ({ type: 'drop', key: keyOf(key) });
const keep = (hint: Hint): StorageChange => ({ type: 'keepHint', hint });
const forget = ({ target, key }: Hint): StorageChange => ({ type: 'forgetHint', target, key });
const renounce = (actor: Actor, counter: number): StorageChange => ({ type: 'renounce', actor, counter });
const height = (sequence: number): Height => ({ actor: SECOND_ACTOR, incarnation: 1_700_000_000, sequence });

/** What every storage keeps beside plain records, and how it lets go of things. */
export function describeKept(opened: Opened): void {
  const reopen = (between?: () => Promise<void>): Promise<void> => opened.reopen(between);
  const apply = (...wanted: StorageChange[]): Promise<void> => changeAll(opened.storage(), wanted);
  const hints = (): readonly Hint[] => opened.storage().identity.hints;

  describe('hints', () => {
    it('are there after a reopen, in their order and not in that of calls or names', async () => {
      const [first, second, third] = [hintOf('n3', 'b', 5), hintOf('n1', 'z', 70), hintOf('n2', 'a', 3000)];
      await apply(keep(second), keep(third));
      await apply(keep(first));
      for (let round = 0; round < 2; round++) {
        await reopen();
        expect(hints()).toEqual([first, second, third]);
      }
    });

    it('are told as they were at the opening', async () => {
      await apply(keep(hintOf('n2', 'k', 1)));
      expect(hints()).toEqual([]);
    });

    it('keep hostile targets and keys apart', async () => {
      const all = HOSTILE_TARGETS.flatMap((target, i) =>
        HOSTILE_KEYS.map((key, j) => hintOf(target, key, i * 100 + j)),
      );
      await apply(...all.map(keep));
      await reopen();
      expect(hints()).toEqual(all);
      const [forgotten, kept] = [all.filter((_, i) => i % 2 === 0), all.filter((_, i) => i % 2 === 1)];
      await apply(...forgotten.map(forget));
      await reopen();
      expect(hints()).toEqual(kept);
    });

    it('are replaced by a second one for the same target and key, and by no other', async () => {
      await apply(keep(hintOf('n2', 'k', 9)), keep(hintOf('n3', 'k', 2)), keep(hintOf('n2', 'l', 3)));
      await apply(keep(hintOf('n2', 'k', 1)));
      await reopen();
      expect(hints()).toEqual([hintOf('n2', 'k', 1), hintOf('n3', 'k', 2), hintOf('n2', 'l', 3)]);
    });

    it('may be forgotten before they were kept', async () => {
      await apply(forget(hintOf('n2', 'k', 0)));
      await reopen();
      expect(hints()).toEqual([]);
    });

    it('are no records, and neither goes with the other', async () => {
      await apply(keep(hintOf('n2', 'k', 1)), record('k', 1), keep(hintOf('n2', 'l', 2)), record('l', 2));
      await apply(drop('k'), forget(hintOf('n2', 'l', 2)));
      expect((await scanned(opened.storage())).map(({ key }) => key)).toEqual(['l']);
      await reopen();
      expect(hints()).toEqual([hintOf('n2', 'k', 1)]);
      expect(await read(opened.storage(), keyOf('k'))).toEqual({ status: 'missing' });
    });
  });

  describe('a dropped record', () => {
    it('is missing from then on, to reads and scans, also after a reopen; the others stay', async () => {
      await writeAll(opened.storage(), ['a', 'a\0', 'b'].map(keyOf));
      await apply(drop('a'));
      for (const again of [false, true]) {
        if (again) await reopen();
        expect(await read(opened.storage(), keyOf('a'))).toEqual({ status: 'missing' });
        expect((await scanned(opened.storage())).map(({ key }) => key).sort()).toEqual(['a\0', 'b']);
      }
    });

    it('is there until the drop is durable', async () => {
      await write(opened.storage(), keyOf('k'), recordOf(1));
      const done = apply(drop('k'));
      expect(await read(opened.storage(), keyOf('k'))).toEqual({ status: 'found', record: recordOf(1) });
      await done;
      expect(await read(opened.storage(), keyOf('k'))).toEqual({ status: 'missing' });
    });

    it('may be one that never was', async () => {
      await apply(drop('nothing'));
      expect(await read(opened.storage(), keyOf('nothing'))).toEqual({ status: 'missing' });
    });

    it('leaves the highest counter as it is', async () => {
      await apply(record('k', 7), drop('k'));
      await reopen();
      expect(opened.storage().identity.counter).toBe(7);
    });
  });

  describe('a dropped record that was damaged', () => {
    beforeEach(async () => {
      await writeAll(opened.storage(), ['spoiled', 'sound'].map(keyOf));
      await reopen(() => opened.damage(keyOf('spoiled')));
    });

    it.each(['found before', 'not found yet', 'found while it is dropped'])(
      'is missing, for good, and may be written anew: damage %s',
      async (when) => {
        const find = (): Promise<unknown> => read(opened.storage(), keyOf('spoiled'));
        if (when === 'found before') {
          await find();
          await write(opened.storage(), keyOf('sound'), recordOf(5));
        }
        const done = apply(drop('spoiled'));
        if (when === 'found while it is dropped') {
          await turns(1);
          await find();
        }
        await done;
        expect(await read(opened.storage(), keyOf('spoiled'))).toEqual({ status: 'missing' });
        await turns(5);
        await reopen();
        expect(await read(opened.storage(), keyOf('spoiled'))).toEqual({ status: 'missing' });
        await apply(record('spoiled', 9));
        await reopen();
        expect(await read(opened.storage(), keyOf('spoiled'))).toEqual({
          status: 'found',
          record: recordOf(9),
        });
      },
    );

    it('may be written anew in the same turn', async () => {
      await read(opened.storage(), keyOf('spoiled'));
      await apply(drop('spoiled'), record('spoiled', 9));
      for (const again of [false, true]) {
        if (again) await reopen();
        expect(await read(opened.storage(), keyOf('spoiled'))).toEqual({
          status: 'found',
          record: recordOf(9),
        });
      }
    });
  });

  describe('changes of one turn', () => {
    it('take effect in the order of the calls', async () => {
      const hint = hintOf('n2', 'k', 1);
      const other = hintOf('n2', 'l', 2);
      await apply(
        ...[record('a', 1), drop('a'), record('a', 2)],
        ...[drop('b'), record('b', 3), drop('b')],
        ...[keep(hint), forget(hint), keep({ ...hint, order: 8 })],
        ...[keep(other), forget(other)],
      );
      for (const again of [false, true]) {
        if (again) await reopen();
        expect(await read(opened.storage(), keyOf('a'))).toEqual({ status: 'found', record: recordOf(2) });
        expect(await read(opened.storage(), keyOf('b'))).toEqual({ status: 'missing' });
      }
      expect(hints()).toEqual([{ ...hint, order: 8 }]);
    });

    it('do so whatever they are, and over many turns', async () => {
      const name = fc.constantFrom('', 'a', 'b', 'ab');
      const counter = fc.integer({ min: 1, max: 1000 });
      const changes = fc.oneof(
        fc.tuple(name, counter).map(([key, number]) => record(key, number)),
        name.map(drop),
        fc.tuple(name, name, counter).map(([target, key, order]) => keep(hintOf(target, key, order))),
        fc.tuple(name, name).map(([target, key]) => forget(hintOf(target, key, 0))),
      );
      const schedule = fc.array(fc.array(changes, { maxLength: 12 }), { maxLength: 8 });
      const wanted = { records: new Map<Key, number>(), hints: new Map<string, Hint>() };
      const holds = async (rounds: StorageChange[][]): Promise<void> => {
        const done: Promise<void>[] = [];
        for (const round of rounds) {
          for (const one of round) note(wanted, one);
          done.push(apply(...round));
          await turns(1);
        }
        await Promise.all(done);
        await reopen();
        const found = (await scanned(opened.storage())).map((entry) => [
          entry.key,
          entry.record.clock[0]!.counter,
        ]);
        expect(new Map(found as [Key, number][])).toEqual(wanted.records);
        const expected = [...wanted.hints.values()].sort((a, b) => a.order - b.order);
        expect(hints().map(({ order }) => order)).toEqual(expected.map(({ order }) => order));
        expect(new Set(hints())).toEqual(new Set(expected));
      };
      await fc.assert(fc.asyncProperty(schedule, holds), { numRuns: 25 });
    });
  });

  describe('heights', () => {
    it('are kept as they were handed over last, whatever the caller does with them', async () => {
      const heights = new Map([
        ['n2' as NodeId, height(7)],
        ['é'.repeat(100) as NodeId, height(Number.MAX_SAFE_INTEGER)],
      ]);
      await apply({ type: 'keepHeights', heights: new Map([['n9' as NodeId, height(1)]]) });
      const done = apply({ type: 'keepHeights', heights });
      const expected = new Map(heights);
      heights.clear();
      await done;
      expect(opened.storage().identity.heights).toEqual(new Map());
      await reopen();
      expect(opened.storage().identity.heights).toEqual(expected);
      await apply({ type: 'keepHeights', heights: new Map() });
      await reopen();
      expect(opened.storage().identity.heights).toEqual(new Map());
    });
  });

  describe('a renounced identity', () => {
    it('is replaced: the new actor, exactly its counter, not complete; and all else stays (I4)', async () => {
      const { sequence } = opened.storage().stats();
      await apply(record('k', 60), keep(hintOf('n2', 'k', 1)));
      await change(opened.storage(), renounce(SECOND_ACTOR, 3));
      expect(opened.storage().identity).toMatchObject({ counter: 0, complete: true });
      await reopen();
      expect(opened.storage().identity).toEqual({
        actor: SECOND_ACTOR,
        counter: 3,
        sequence: sequence + 3,
        incarnation: 2,
        complete: false,
        hints: [hintOf('n2', 'k', 1)],
        heights: new Map(),
      });
      expect(await read(opened.storage(), keyOf('k'))).toEqual({ status: 'found', record: recordOf(60) });
    });

    it('lets the counter grow from the given one on, by what comes behind it in the same turn too', async () => {
      await apply(record('a', 60), renounce(SECOND_ACTOR, 3), record('b', 5), record('c', 4));
      await reopen();
      expect(opened.storage().identity).toMatchObject({ actor: SECOND_ACTOR, counter: 5, complete: false });
      await apply(record('a', 2));
      await reopen();
      expect(opened.storage().identity).toMatchObject({ counter: 5 });
      await apply(record('a', 9));
      await reopen();
      expect(opened.storage().identity).toMatchObject({ counter: 9, complete: false });
    });

    it('may be renounced again; the last of a turn holds', async () => {
      await apply(renounce(SECOND_ACTOR, 30), record('a', 31), renounce(THIRD_ACTOR, 0), record('b', 2));
      await reopen();
      expect(opened.storage().identity).toMatchObject({ actor: THIRD_ACTOR, counter: 2, complete: false });
      await apply(renounce(SECOND_ACTOR, 32));
      await reopen();
      expect(opened.storage().identity).toMatchObject({ actor: SECOND_ACTOR, counter: 32, complete: false });
    });

    it('never gets a lower counter by being told its own actor again', async () => {
      await apply(renounce(SECOND_ACTOR, 0), record('a', 8));
      await apply(renounce(SECOND_ACTOR, 5));
      await reopen();
      expect(opened.storage().identity).toMatchObject({ actor: SECOND_ACTOR, counter: 8 });
    });
  });
}

function note(
  wanted: { readonly records: Map<Key, number>; readonly hints: Map<string, Hint> },
  one: StorageChange,
): void {
  const name = ({ target, key }: Pick<Hint, 'target' | 'key'>): string => JSON.stringify([target, key]);
  if (one.type === 'record') wanted.records.set(one.key, one.counter);
  if (one.type === 'drop') wanted.records.delete(one.key);
  if (one.type === 'keepHint') wanted.hints.set(name(one.hint), one.hint);
  if (one.type === 'forgetHint') wanted.hints.delete(name(one));
}
