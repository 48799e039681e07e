import {
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Key } from '../../../services/node/core/types.js';
import type { Storage } from '../../../services/node/ports/storage.js';
import {
  createLevelDirectory,
  databaseFile,
  flipBit,
  type LevelDirectory,
} from '../../contract/support/levelDirectory.js';
import { keyOf, read, recordOf, scanned, write, writeAll } from '../../contract/support/records.js';

const LOG = /\.log$/;
const TABLE = /\.ldb$/;
const MANIFEST = /^MANIFEST/;

/** Real directories, damaged as disks do it. Every one of them founded its cluster, and says so at every open. */
describe('a damaged data directory', () => {
  let level: LevelDirectory;
  let opened: Storage[];

  beforeEach(async () => {
    level = await createLevelDirectory();
    opened = [];
  });

  afterEach(async () => {
    for (const storage of opened) await storage.close();
    await level.dispose();
  });

  const open = async (): Promise<Storage> => {
    const storage = await level.open();
    opened.push(storage);
    return storage;
  };

  const file = (pattern: RegExp): Promise<string> => databaseFile(level.directory, pattern);

  /** Batches of the log of a life, each with the end that it has in the log. */
  interface Written {
    readonly key: Key;
    readonly counter: number;
    readonly end: number;
  }

  /** One batch a record in one log, which stays a log when the storage is closed. */
  const lifeWith = async (sizes: readonly number[]): Promise<Written[]> => {
    const storage = await open();
    const log = await file(LOG);
    const written: Written[] = [];
    for (const [i, sizeBytes] of sizes.entries()) {
      const [key, counter] = [keyOf(`key ${i}`), i + 1];
      await write(storage, key, recordOf(counter, new Uint8Array(sizeBytes).fill(counter)));
      written.push({ key, counter, end: (await stat(log)).size });
    }
    await storage.close();
    return written;
  };

  /** Some tables, and a log behind them. */
  const tablesAndLog = async (): Promise<void> => {
    await lifeWith([2000, 3000, 40]);
    await lifeWith([100, 200, 300]);
    await lifeWith([10, 20, 30]);
  };

  const contents = async (directory: string): Promise<Map<string, Buffer>> => {
    const names = (await readdir(directory)).filter((name) => /\.(log|ldb)$|^MANIFEST|^CURRENT$/.test(name));
    const files = names.map(async (name) => [name, await readFile(join(directory, name))] as const);
    return new Map(await Promise.all(files));
  };

  const actorOf = async (): Promise<string> => {
    const storage = await open();
    await storage.close();
    return storage.identity.actor;
  };

  const errorsLogged = (): readonly (typeof level.logged)[number][] =>
    level.logged.filter(({ level: severity }) => severity === 'error');

  /** Opens what takes the place of the directory, and sees that nothing of the old one is in it, or lost. */
  const isReplaced = async (
    what: string | RegExp,
    former: string,
    { n = 1, untouched = true } = {},
  ): Promise<void> => {
    const before = await contents(level.directory);
    const storage = await open();
    const { actor, complete, counter, hints, heights } = storage.identity;
    expect({ complete, counter, hints, heights }).toEqual({
      complete: false,
      counter: 0,
      hints: [],
      heights: new Map(),
    });
    expect(actor).not.toBe(former);
    expect(await scanned(storage)).toEqual([]);
    expect(await read(storage, keyOf('key 0'))).toEqual({ status: 'missing' });
    const aside = await level.aside();
    expect(aside.map((path) => basename(path))).toContain(`${basename(level.directory)}.damaged-${n}`);
    const keptAs = `${level.directory}.damaged-${n}`;
    const after = await contents(keptAs);
    if (untouched) expect(after).toEqual(before);
    else expect([...after.keys()]).toContain('CURRENT');
    const errors = errorsLogged();
    expect(errors).toHaveLength(n);
    expect(errors.at(-1)).toMatchObject({
      message: expect.stringContaining('set aside') as unknown,
      fields: { found: expect.stringMatching(what) as unknown, directory: level.directory, keptAs },
    });
    expect(level.counts.get('rondo_storage_directories_quarantined_total')).toBe(n);
    await write(storage, keyOf('later'), recordOf(1));
    await storage.close();
    const again = await open();
    expect(again.identity).toMatchObject({ actor, complete: false, counter: 1 });
    await again.close();
    expect(errorsLogged()).toHaveLength(n);
  };

  const holdsAll = async (storage: Storage, written: readonly Written[]): Promise<void> => {
    for (const { key, counter } of written) {
      expect(await read(storage, key)).toMatchObject({ status: 'found', record: { clock: [{ counter }] } });
    }
  };

  describe('in its log', () => {
    it('is replaced where batches follow: new actor, not complete, nothing served, the old one kept', async () => {
      const written = await lifeWith([100, 200, 300, 100]);
      const former = await actorOf();
      // The life of actorOf() has made a table of it, and a log of one batch.
      expect(written).toHaveLength(4);
      await lifeWith([100, 200, 300, 100]);
      await flipBit(await file(LOG), 400);
      await isReplaced(/\.log at \d+: a checksum does not match, and a later batch follows/, former);
    });

    it('is opened where the last batch alone is bad, with all before it', async () => {
      const written = await lifeWith([100, 200, 300, 100]);
      await flipBit(await file(LOG), -10);
      const storage = await open();
      expect(storage.identity).toMatchObject({ complete: true, counter: 3 });
      await holdsAll(storage, written.slice(0, -1));
      expect(await read(storage, written.at(-1)!.key)).toEqual({ status: 'missing' });
      expect(errorsLogged()).toEqual([]);
      expect(level.logged).toContainEqual({
        level: 'warn',
        message: expect.stringContaining('left out') as unknown,
        fields: { found: expect.stringContaining('a checksum does not match') as unknown },
      });
      expect(await level.aside()).toEqual([]);
    });

    it('is found whichever byte of four blocks is flipped, or no batch is lost that another followed', async () => {
      const sizes = [20, 9000, 50, 40_000, 300, 12, 33_000, 700, 25_000, 60, 9000, 100];
      const written = await lifeWith(sizes);
      const former = (await readFile(await file(LOG))).length;
      expect(former).toBeGreaterThan(3 * 32 * 1024);
      const lastBegins = written.at(-2)!.end;
      const original = `${level.directory}-original`;
      await rename(level.directory, original);
      const outcomes = { opened: 0, replaced: 0 };
      const places = Array.from({ length: 45 }, (_, i) => Math.floor((i * former) / 45) + (i % 9));
      for (const at of [...places, lastBegins + 3, lastBegins + 60, former - 1]) {
        await cp(original, level.directory, { recursive: true });
        await flipBit(await file(LOG), at, at % 8);
        const storage = await open();
        if ((await level.aside()).length > 0) {
          outcomes.replaced++;
          expect(storage.identity.complete).toBe(false);
          expect(await scanned(storage)).toEqual([]);
        } else {
          outcomes.opened++;
          expect(at).toBeGreaterThanOrEqual(lastBegins);
          await holdsAll(storage, written.slice(0, -1));
        }
        await storage.close();
        for (const path of [level.directory, ...(await level.aside())]) await rm(path, { recursive: true });
      }
      expect(outcomes).toEqual({ opened: 3, replaced: 45 });
    });

    it('is no damage where it is cut off in its last batch, wherever that is', async () => {
      const cuts = fc.array(fc.record({ tail: fc.integer({ min: 0, max: 40_000 }), cut: fc.nat(10_000) }), {
        minLength: 6,
        maxLength: 6,
      });
      await fc.assert(
        fc.asyncProperty(cuts, async (tries) => {
          for (const { tail, cut } of tries) {
            const written = await lifeWith([300, 20_000, 50, tail]);
            const [before, end] = [written.at(-2)!.end, written.at(-1)!.end];
            const length = before + Math.floor(((end - before) * cut) / 10_000);
            await truncate(await file(LOG), length);
            const storage = await open();
            await holdsAll(storage, written.slice(0, length < end ? -1 : undefined));
            expect([await level.aside(), errorsLogged()]).toEqual([[], []]);
            await storage.close();
            await rm(level.directory, { recursive: true });
          }
        }),
        { numRuns: 1 },
      );
    });

    it('is replaced where the log is missing', async () => {
      await tablesAndLog();
      const former = await actorOf();
      await rm(await file(LOG));
      await isReplaced(/\.log is missing/, former);
    });

    it('is none where an older log is still there, torn: it is in tables already', async () => {
      const written = await lifeWith([100, 200, 300, 100]);
      const torn = (await readFile(await file(LOG))).subarray(0, -20);
      const name = basename(await file(LOG));
      await (await open()).close();
      await writeFile(join(level.directory, name), torn);
      const storage = await open();
      await holdsAll(storage, written);
      expect(await level.aside()).toEqual([]);
    });
  });

  describe('in its tables', () => {
    it.each([
      ['missing', (path: string) => rm(path), /\.ldb: it is missing/],
      ['cut off', async (path: string) => truncate(path, (await stat(path)).size - 1), /bytes instead of/],
      ['empty', (path: string) => truncate(path), /0 bytes instead of/],
      ['without its end', (path: string) => flipBit(path, -3), /not that of a table/],
    ])('is replaced where one is %s', async (_, change, what) => {
      await tablesAndLog();
      const former = await actorOf();
      await change(await file(TABLE));
      await isReplaced(what, former);
    });
  });

  describe('in what holds it together', () => {
    it.each([
      ['CURRENT is missing', () => rm(join(level.directory, 'CURRENT')), /CURRENT is missing/],
      ['CURRENT is empty', () => truncate(join(level.directory, 'CURRENT')), /CURRENT names no manifest/],
      ['CURRENT is flipped', () => flipBit(join(level.directory, 'CURRENT'), 12), /MANIFEST-\S+ is missing/],
      ['its manifest is missing', async () => rm(await file(MANIFEST)), /MANIFEST-\d+ is missing/],
      ['its manifest is empty', async () => truncate(await file(MANIFEST)), /says too little/],
      [
        'its manifest is another file',
        async () => writeFile(await file(MANIFEST), 'x'.repeat(99)),
        /MANIFEST/,
      ],
    ])('is replaced where %s', async (_, change, what) => {
      await tablesAndLog();
      const former = await actorOf();
      await change();
      await isReplaced(what, former);
    });

    it('is replaced where any byte of its manifest is flipped, or nothing was lost by it', async () => {
      await tablesAndLog();
      const { length } = await readFile(await file(MANIFEST));
      const written = (await scanned(await open())).length;
      await opened.at(-1)!.close();
      const original = `${level.directory}-original`;
      await rename(level.directory, original);
      for (let at = 0; at < length; at += 7) {
        await cp(original, level.directory, { recursive: true });
        await flipBit(await file(MANIFEST), at, at % 8);
        const storage = await open();
        const isWhole = (await level.aside()).length === 0;
        expect([at, (await scanned(storage)).length]).toEqual([at, isWhole ? written : 0]);
        expect([at, storage.identity.complete]).toEqual([at, isWhole]);
        await storage.close();
        for (const path of [level.directory, ...(await level.aside())]) await rm(path, { recursive: true });
      }
    });

    it.each([
      ['spoiled', (raw: Buffer) => Buffer.concat([raw.subarray(0, -1), Buffer.of(raw.at(-1)! ^ 1)])],
      ['of an unknown format', (raw: Buffer) => Buffer.concat([Buffer.of(99), raw.subarray(1)])],
      ['removed', () => undefined],
    ])('is replaced where its metadata is %s', async (_, change) => {
      await tablesAndLog();
      const former = await actorOf();
      await level.tamper(async (raw) => {
        const [[key, value] = []] = await raw.iterator({ gte: Buffer.from('m'), lt: Buffer.from('n') }).all();
        const changed = change(value!);
        await (changed ? raw.put(key!, changed) : raw.del(key!));
      });
      // LevelDB had to open it to see that.
      await isReplaced('metadata', former, { untouched: false });
    });
  });

  describe('that was set aside', () => {
    const damage = async (): Promise<void> => {
      await lifeWith([10, 20]);
      await rm(join(level.directory, 'CURRENT'));
    };

    it('keeps its number, and a third one too; the fourth is refused until somebody has deleted one', async () => {
      for (let n = 1; n <= 3; n++) {
        await damage();
        await isReplaced('CURRENT is missing', '', { n });
      }
      await damage();
      const refused = level.open();
      await expect(refused).rejects.toMatchObject({
        code: 'storage_damaged',
        message: expect.stringMatching(
          /CURRENT is missing.*3 damaged directories.*damaged-2.*delete/,
        ) as unknown,
      });
      expect(await level.aside()).toHaveLength(3);
      expect(await readdir(level.directory)).toEqual(expect.arrayContaining([expect.stringMatching(LOG)]));
      await rm(`${level.directory}.damaged-2`, { recursive: true });
      const storage = await open();
      expect(storage.identity.complete).toBe(false);
      expect(await level.aside()).toHaveLength(3);
    });

    it('keeps a later one from founding the cluster, also where the start ended in between', async () => {
      await damage();
      await rename(level.directory, `${level.directory}.damaged-1`);
      expect((await open()).identity.complete).toBe(false);
    });

    it('may be behind a link, which stays', async () => {
      const place = join(dirname(level.directory), 'elsewhere');
      await mkdir(place, { recursive: true });
      await symlink(place, level.directory);
      await damage();
      await open();
      expect(await level.aside()).toEqual([`${place}.damaged-1`]);
      expect(await readdir(place)).toContain('CURRENT');
    });
  });

  describe('is not assumed', () => {
    it('while another storage has it open, whatever it looks like', async () => {
      const storage = await open();
      await write(storage, keyOf('k'), recordOf(1));
      const current = join(level.directory, 'CURRENT');
      await rename(current, `${current}.away`);
      await expect(level.open()).rejects.toMatchObject({ code: 'storage_locked' });
      await rename(`${current}.away`, current);
      expect(await level.aside()).toEqual([]);
      await write(storage, keyOf('k'), recordOf(2));
      expect(await read(storage, keyOf('k'))).toEqual({ status: 'found', record: recordOf(2) });
    });

    it.each([
      ['IO error: 000003.ldb: Permission denied', 'storage_unwritable'],
      ['IO error: 000007.log: No space left on device', 'storage_unwritable'],
      ['IO error: MANIFEST-000004: Read-only file system', 'storage_unwritable'],
      ['IO error: 000005.ldb: Input/output error', 'storage_unwritable'],
      ['IO error: 000005.ldb: Too many open files', 'storage_unwritable'],
    ])('where LevelDB says %p', async (message, code) => {
      await tablesAndLog();
      const openDatabase = (): Promise<never> =>
        Promise.reject(new Error('the database is not open', { cause: new Error(message) }));
      await expect(level.open({ openDatabase })).rejects.toMatchObject({ code });
      expect(await level.aside()).toEqual([]);
      expect((await open()).identity.complete).toBe(true);
    });

    it('of a database of another program, or with other partitions', async () => {
      await level.tamper(async (raw) => raw.put(Buffer.from('thesis'), Buffer.from('years of work')));
      await expect(level.open()).rejects.toMatchObject({ code: 'storage_mismatch' });
      await rm(level.directory, { recursive: true });
      await lifeWith([10]);
      await expect(level.open({ partitions: 64 })).rejects.toMatchObject({ code: 'storage_mismatch' });
      expect(await level.aside()).toEqual([]);
    });
  });

  it('writes of all keys at once leave a sound directory, over many lives', async () => {
    for (let life = 0; life < 5; life++) {
      const storage = await open();
      await writeAll(
        storage,
        Array.from({ length: 400 }, (_, i) => keyOf(`${i * 7919}`)),
        life * 400,
      );
      await (life % 2 === 0 ? storage.close() : level.kill(storage));
    }
    expect(await scanned(await open())).toHaveLength(400);
    expect(level.logged.filter(({ level: severity }) => severity !== 'info')).toEqual([]);
  });
});
