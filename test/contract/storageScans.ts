import { beforeEach, describe, expect, it } from '@jest/globals';
import { nodeDigests } from '../../services/node/adapters/system.js';
import type { ScanPage, ScanRange } from '../../services/node/core/protocol/events.js';
import { partitionOf, positionOf, rangeOf } from '../../services/node/core/ring/position.js';
import type { Key, Partition, Position } from '../../services/node/core/types.js';
import type { RecordScan, Storage } from '../../services/node/ports/storage.js';
import { change, changeAll, keyOf, read, recordOf, turns, write } from './support/records.js';

/** The storage under test, which has 256 partitions; another one after a reopen. */
interface Opened {
  storage(): Storage;
  /** Closes it, lets `between` happen to the directory, and opens it again. */
  reopen(between?: () => Promise<void>): Promise<void>;
  damage(key: Key): Promise<void>;
}

const PARTITIONS = 256;
const AT_ONCE = 10;
const EVERYTHING: ScanRange = {
  from: new Uint8Array(8) as Position,
  through: new Uint8Array(8).fill(0xff) as Position,
};
const digests = nodeDigests();
const position = (key: Key): Position => positionOf(digests.md5(key));
const names = (count: number, from = 0): readonly Key[] =>
  Array.from({ length: count }, (_, i) => keyOf(`k${from + i}`));

function inRingOrder(keys: readonly Key[]): readonly Key[] {
  const place = (key: Key) => Buffer.concat([position(key), Buffer.from(key, 'latin1')]);
  return [...keys].sort((a, b) => Buffer.compare(place(a), place(b)));
}

/** So many positions further on. */
function moved(from: Position, by: bigint): Position {
  const bytes = Buffer.from(from);
  bytes.writeBigUInt64BE(bytes.readBigUInt64BE() + by);
  return new Uint8Array(bytes) as Position;
}

function begin(storage: Storage, range: ScanRange): Promise<RecordScan | undefined> {
  let begun = 0;
  return new Promise((resolve) => {
    storage.openScan(range, (scan) => {
      if (++begun > 1) throw new Error('a scan was begun twice');
      resolve(scan);
    });
  });
}

function nextOf(scan: RecordScan): Promise<ScanPage | undefined> {
  let pages = 0;
  return new Promise((resolve) => {
    scan.next((page) => {
      if (++pages > 1) throw new Error('a page was given twice');
      resolve(page);
    });
  });
}

/** The pages of a scan, which has to come to its end. */
async function pagesOf(scan: RecordScan | undefined): Promise<readonly ScanPage[]> {
  const pages: ScanPage[] = [];
  for (let isLast = false; !isLast;) {
    const page = scan && (await nextOf(scan));
    if (!page) throw new Error('the scan came to nothing');
    pages.push(page);
    ({ isLast } = page);
  }
  scan?.close();
  return pages;
}

const entriesOf = (pages: readonly ScanPage[]) => pages.flatMap(({ entries }) => entries);
const keysOf = (pages: readonly ScanPage[]) => entriesOf(pages).map(({ key }) => key);
const damagedIn = (pages: readonly ScanPage[]) => pages.flatMap(({ damaged }) => damaged);

/** How every storage reads part of its records, page by page, in one view. */
export function describeScans(opened: Opened): void {
  const scan = async (range = EVERYTHING) => pagesOf(await begin(opened.storage(), range));
  const keep = async (keys: readonly Key[], from = 0): Promise<void> => {
    for (let i = 0; i < keys.length; i += AT_ONCE) {
      const some = keys.slice(i, i + AT_ONCE);
      await Promise.all(some.map((key, n) => write(opened.storage(), key, recordOf(from + i + n + 1))));
    }
  };
  const ofPartition = (partition: number) => rangeOf(partition as Partition, PARTITIONS);

  describe('a scan of a range', () => {
    it('gives all of it, in order of position and key, page after page; only the last says so', async () => {
      const keys = names(600);
      await keep(keys);
      const pages = await scan();
      expect(keysOf(pages)).toEqual(inRingOrder(keys));
      expect(pages.length).toBeGreaterThan(1);
      expect(pages.map(({ isLast }) => isLast)).toEqual(pages.map((_, i) => i === pages.length - 1));
      const counters = new Map(keys.map((key, i) => [key, i + 1]));
      for (const { key, record } of entriesOf(pages)) expect(record).toEqual(recordOf(counters.get(key)!));
    });

    it('gives what lies in a partition and nothing else, the first and the last included', async () => {
      const keys = names(4000).filter((key) => [0, 1, 127, 128, 254, 255].includes(partitionIndex(key)));
      await keep(keys);
      for (const partition of [0, 1, 127, 128, 254, 255]) {
        const expected = inRingOrder(keys).filter((key) => partitionIndex(key) === partition);
        expect(expected.length).toBeGreaterThan(1);
        expect(keysOf(await scan(ofPartition(partition)))).toEqual(expected);
      }
    });

    it('takes both ends of the range in', async () => {
      const [key] = inRingOrder(names(9)).slice(4) as [Key];
      await keep(names(9));
      const at = position(key);
      expect(keysOf(await scan({ from: at, through: at }))).toEqual([key]);
      expect(keysOf(await scan({ from: moved(at, -1n), through: moved(at, -1n) }))).toEqual([]);
      expect(keysOf(await scan({ from: moved(at, 1n), through: moved(at, 1n) }))).toEqual([]);
    });

    it('goes on behind any key, also one that is not stored, and never in front of the range', async () => {
      const keys = inRingOrder(names(40));
      const stored = keys.filter((_, i) => i % 2 === 0);
      await keep(stored);
      const range = { from: position(keys[10]!), through: position(keys[30]!) };
      for (const [i, after] of keys.entries()) {
        const expected = keys.filter((key, n) => n > i && n >= 10 && n <= 30 && stored.includes(key));
        expect(keysOf(await scan({ ...range, after }))).toEqual(expected);
      }
    });

    it('gives one page where there is nothing', async () => {
      expect(await scan()).toEqual([{ entries: [], damaged: [], isLast: true }]);
      await keep(names(3));
      const empty = Array.from({ length: PARTITIONS }, (_, partition) => partition).find((partition) =>
        names(3).every((key) => partitionIndex(key) !== partition),
      )!;
      expect(await scan(ofPartition(empty))).toEqual([{ entries: [], damaged: [], isLast: true }]);
    });

    it('is one of many, each with a view of its own', async () => {
      await keep(names(30));
      const scans: (RecordScan | undefined)[] = [];
      for (let i = 0; i < 20; i++) {
        scans.push(await begin(opened.storage(), EVERYTHING));
        await keep([keyOf(`later ${i}`)]);
      }
      const pages = await Promise.all(scans.map(pagesOf));
      expect(pages.map((one) => keysOf(one).length)).toEqual(Array.from({ length: 20 }, (_, i) => 30 + i));
    });
  });

  describe('the view of a scan', () => {
    it('has every write that was answered before it began, and none that was not', async () => {
      const storage = opened.storage();
      const answered = new Set<Key>();
      const checks: Promise<void>[] = [];
      let unanswered = 0;
      const check = (): void => {
        storage.openScan(EVERYTHING, (scan) => {
          const expected = inRingOrder([...answered]);
          checks.push(pagesOf(scan).then((pages) => expect(keysOf(pages)).toEqual(expected)));
        });
      };
      const keepOne = (key: Key): void => {
        unanswered += 1;
        // What is answered is noted at once, not in a later microtask.
        storage.write({ type: 'record', key, record: recordOf(1), counter: 1 }, (error) => {
          unanswered -= 1;
          if (!error) answered.add(key);
        });
      };
      for (let round = 0; round < 30; round++) {
        for (const key of names(3, 3 * round)) {
          keepOne(key);
          check();
        }
        await turns(round % 4);
        check();
      }
      while (unanswered > 0) await turns(1);
      check();
      await Promise.all(checks);
      expect([checks.length, answered.size > 20]).toEqual([30 * 4 + 1, true]);
    });

    it('does not change while it is read, whatever is written or dropped', async () => {
      const keys = names(600);
      await keep(keys);
      const opening = (await begin(opened.storage(), EVERYTHING))!;
      const first = (await nextOf(opening))!;
      const last = inRingOrder(keys).at(-1)!;
      await changeAll(opened.storage(), [
        { type: 'record', key: last, record: recordOf(9999), counter: 9999 },
        { type: 'drop', key: inRingOrder(keys).at(-2)! },
        { type: 'record', key: keyOf('new'), record: recordOf(9998), counter: 9998 },
      ]);
      const pages = [first, ...(await pagesOf(opening))];
      expect(keysOf(pages)).toEqual(inRingOrder(keys));
      expect(entriesOf(pages).at(-1)!.record).toEqual(recordOf(keys.indexOf(last) + 1));
    });
  });

  describe('the end of a scan', () => {
    it('comes early where it is closed: no page any more, and the storage closes in order', async () => {
      await keep(names(600));
      const opening = (await begin(opened.storage(), EVERYTHING))!;
      expect((await nextOf(opening))?.isLast).toBe(false);
      const asked = nextOf(opening);
      opening.close();
      opening.close();
      await asked;
      expect(await nextOf(opening)).toBeUndefined();
    });

    it.each(['before its first page', 'in the midst of it'])(
      'comes without a page where the storage is closed: %s',
      async (when) => {
        await keep(names(600));
        const opening = (await begin(opened.storage(), EVERYTHING))!;
        if (when === 'in the midst of it') await nextOf(opening);
        await opened.storage().close();
        await turns(3);
        expect(await nextOf(opening)).toBeUndefined();
        expect(await nextOf(opening)).toBeUndefined();
      },
    );

    it('comes before it begins where the storage is closed already', async () => {
      await opened.storage().close();
      expect(await begin(opened.storage(), EVERYTHING)).toBeUndefined();
    });
  });

  describeDamaged(opened, scan, keep);
}

function partitionIndex(key: Key): number {
  return partitionOf(digests.md5(key), PARTITIONS);
}

function describeDamaged(
  opened: Opened,
  scan: (range?: ScanRange) => Promise<readonly ScanPage[]>,
  keep: (keys: readonly Key[]) => Promise<void>,
): void {
  const KEYS = names(600);
  const [spoiled, other] = [inRingOrder(KEYS)[1]!, inRingOrder(KEYS).at(-1)!];
  const sound = inRingOrder(KEYS).filter((key) => key !== spoiled);
  const mending = (counter: number) =>
    ({ type: 'record', key: spoiled, record: recordOf(counter), counter, mends: true }) as const;

  describe('a scan that meets damage', () => {
    beforeEach(async () => {
      await keep(KEYS);
      await opened.reopen(() => opened.damage(spoiled));
    });

    it('leaves the record out and names its key in the last page, also when it is known already', async () => {
      for (const round of ['found by the scan', 'known', 'known from before']) {
        if (round === 'known from before') await opened.reopen();
        const pages = await scan();
        expect(keysOf(pages)).toEqual(sound);
        expect(pages.map(({ damaged }) => damaged)).toEqual(
          pages.map(({ isLast }) => (isLast ? [spoiled] : [])),
        );
      }
    });

    it('names no key that lies outside of its range', async () => {
      await read(opened.storage(), spoiled);
      const at = position(spoiled);
      expect(damagedIn(await scan({ ...EVERYTHING, from: moved(at, 1n) }))).toEqual([]);
      expect(damagedIn(await scan({ ...EVERYTHING, through: moved(at, -1n) }))).toEqual([]);
      expect(damagedIn(await scan({ ...EVERYTHING, after: spoiled }))).toEqual([]);
      expect(damagedIn(await scan({ from: at, through: at }))).toEqual([spoiled]);
    });

    it('names the key also where something was written beside the damage, and does not give that', async () => {
      await read(opened.storage(), spoiled);
      await write(opened.storage(), spoiled, recordOf(700));
      const pages = await scan();
      expect([keysOf(pages), damagedIn(pages)]).toEqual([sound, [spoiled]]);
    });

    it.each(['a record that mends it', 'a drop'])(
      'gives nothing of a key that was damaged when it began, and is not now: %s',
      async (what) => {
        await read(opened.storage(), spoiled);
        await write(opened.storage(), spoiled, recordOf(700));
        const opening = (await begin(opened.storage(), EVERYTHING))!;
        await change(opened.storage(), what === 'a drop' ? { type: 'drop', key: spoiled } : mending(701));
        expect(keysOf(await pagesOf(opening))).toEqual(sound);
      },
    );

    it('does not damage what is beside it', async () => {
      await scan();
      await turns(5);
      expect(await read(opened.storage(), other)).toMatchObject({ status: 'found' });
    });
  });

  describe('a damaged key that is mended', () => {
    beforeEach(async () => {
      await keep(KEYS.slice(0, 20));
      await keep([spoiled]);
      await opened.reopen(() => opened.damage(spoiled));
    });

    it.each(['known', 'not found yet', 'written to beside the damage'])(
      'is as any other from then on, also after a reopen: damage %s',
      async (when) => {
        if (when !== 'not found yet') await read(opened.storage(), spoiled);
        if (when === 'written to beside the damage') await write(opened.storage(), spoiled, recordOf(50));
        await change(opened.storage(), mending(51));
        for (const again of [false, true]) {
          if (again) await opened.reopen();
          expect(await read(opened.storage(), spoiled)).toEqual({ status: 'found', record: recordOf(51) });
          const pages = await scan();
          expect([keysOf(pages).includes(spoiled), damagedIn(pages)]).toEqual([true, []]);
        }
      },
    );

    it('stays so with the next write of it', async () => {
      await read(opened.storage(), spoiled);
      await changeAll(opened.storage(), [
        mending(51),
        { type: 'record', key: spoiled, record: recordOf(52), counter: 52 },
      ]);
      for (const again of [false, true]) {
        if (again) await opened.reopen();
        expect(await read(opened.storage(), spoiled)).toEqual({ status: 'found', record: recordOf(52) });
      }
    });

    it('may be damaged again', async () => {
      await read(opened.storage(), spoiled);
      await change(opened.storage(), mending(51));
      await opened.reopen(() => opened.damage(spoiled));
      expect(await read(opened.storage(), spoiled)).toEqual({ status: 'damaged' });
      expect(damagedIn(await scan())).toEqual([spoiled]);
    });
  });
}
