import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { LevelStorageOptions } from '../../../services/node/adapters/level-storage.js';
import { openDatabase } from '../../../services/node/adapters/level-storage/database.js';
import { tableDamage } from '../../../services/node/adapters/level-storage/tableCheck.js';
import { Varints } from '../../../services/node/adapters/level-storage/varints.js';
import type { Storage } from '../../../services/node/ports/storage.js';
import { childLines } from '../../contract/support/children.js';
import {
  createLevelDirectory,
  databaseFile,
  flipBit,
  type LevelDirectory,
} from '../../contract/support/levelDirectory.js';
import { keyOf, read, recordOf, scanned, write, writeAll } from '../../contract/support/records.js';

const TABLE = /\.ldb$/;
const KEYS = Array.from({ length: 3000 }, (_, i) => keyOf(`key ${i}`));

function varintsOf(bytes: Uint8Array): number[] {
  const input = new Varints(bytes);
  return [input.next(), input.next()];
}

/** Most of what can be wrong with a table shows only when it is read, and some of it ends the process. */
describe('the lives of a data directory', () => {
  let level: LevelDirectory;
  let opened: Storage[];

  beforeEach(async () => {
    level = await createLevelDirectory();
    opened = [];
    await writeAll(await open(), KEYS);
    await closeAll();
    // The log becomes a table.
    await open();
    await closeAll();
    level.logged.length = 0;
  });

  afterEach(async () => {
    await closeAll();
    await level.dispose();
  });

  const open = async (options?: Partial<LevelStorageOptions>): Promise<Storage> => {
    const storage = await level.open(options);
    opened.push(storage);
    return storage;
  };

  const closeAll = async (): Promise<void> => {
    for (const storage of opened.splice(0)) await storage.close();
  };

  const killed = async (times: number, options?: Partial<LevelStorageOptions>): Promise<void> => {
    for (let i = 0; i < times; i++) await level.kill(await open(options));
  };

  const table = (): Promise<string> => databaseFile(level.directory, TABLE);
  const life = (): Promise<string> => readFile(join(level.directory, 'life.json'), 'utf8');
  const verifications = (): number =>
    level.logged.filter(({ message }) => message.includes('is verified')).length;

  const isReplaced = async (name: string): Promise<void> => {
    const storage = await open();
    expect(storage.identity.complete).toBe(false);
    expect(await scanned(storage)).toEqual([]);
    expect((await level.aside()).map((path) => basename(path))).toEqual(['here.damaged-1']);
    expect(level.logged.filter((line) => line.level === 'error').at(-1)).toMatchObject({
      message: expect.stringContaining('set aside') as unknown,
      fields: { found: expect.stringContaining(name) as unknown },
    });
  };

  it('a table is verified to its last block: every byte of it that counts', async () => {
    const path = await table();
    const { size } = await stat(path);
    const sound = await readFile(path);
    expect(await tableDamage(path, size, false)).toBeUndefined();
    expect(size).toBeGreaterThan(100_000);
    expect(await tableDamage(path, size, true)).toBeUndefined();
    for (let at = 0; at < size - 48; at += 1009) {
      await flipBit(path, at, at % 8);
      expect([at, await tableDamage(path, size, true)]).toEqual([at, expect.stringContaining('damaged')]);
      await writeFile(path, sound);
    }
    // The footer: two extents, filled up, and the magic number.
    for (let at = size - 48; at < size; at++) {
      await flipBit(path, at);
      const isFilling = sound[at] === 0 && at < size - 8;
      if (!isFilling) expect([at, await tableDamage(path, size, true)]).not.toEqual([at, undefined]);
      await writeFile(path, sound);
    }
  });

  it('what leads to the records is checked at every open: a damaged filter would make them look missing', async () => {
    const path = await table();
    const { size } = await stat(path);
    const [metaindexAt = 0] = varintsOf((await readFile(path)).subarray(size - 48));
    // The filter is what lies before the metaindex.
    await flipBit(path, metaindexAt - 100);
    expect(await tableDamage(path, size, false)).toContain('damaged');
    await isReplaced(basename(path));
    expect(verifications()).toBe(0);
  });

  it('nothing is verified after an end in order, nor after one that was not', async () => {
    await open();
    await closeAll();
    await killed(1);
    await open();
    expect(verifications()).toBe(0);
  });

  it('after two short ones the tables are verified, once until one has lasted or ended in order', async () => {
    await killed(2);
    await killed(4);
    expect(verifications()).toBe(1);
    expect(level.logged.filter((line) => line.level !== 'info')).toEqual([]);
    await open();
    await closeAll();
    await killed(3);
    expect(verifications()).toBe(2);
    const storage = await open();
    expect(await scanned(storage)).toHaveLength(KEYS.length);
    expect(storage.identity.complete).toBe(true);
  });

  it('one that lasts is not short, however it ends', async () => {
    for (let i = 0; i < 4; i++) {
      const storage = await open({ shortLifeMs: 1 });
      while (!(await life()).includes('"shortLives":0'))
        await new Promise((resolve) => setTimeout(resolve, 2));
      await level.kill(storage);
    }
    await open();
    expect(verifications()).toBe(0);
  });

  it('a process that ends in LevelDB again and again is started a third time on an empty directory', async () => {
    await flipBit(await table(), 5000);
    const name = basename(await table());
    for (let i = 0; i < 2; i++) {
      const { lines, ended } = await childLines('abortChild', [level.directory]);
      expect([lines, ended]).toEqual([[], 'SIGABRT']);
    }
    await isReplaced(name);
  });

  it('one that refused the directory changes nothing about them', async () => {
    await killed(1);
    const before = await life();
    await expect(level.open({ partitions: 64 })).rejects.toMatchObject({ code: 'storage_mismatch' });
    expect(await life()).toBe(before);
  });

  it('a file about them that cannot be read has the tables verified', async () => {
    for (const content of ['', '{"shortLives":', '{}', 'null', '[]']) {
      await writeFile(join(level.directory, 'life.json'), content);
      await open();
      await closeAll();
    }
    expect(verifications()).toBe(5);
  });

  describe('in which LevelDB reports damage', () => {
    const corruption = Object.assign(new Error('Corruption: block checksum mismatch'), {
      code: 'LEVEL_CORRUPTION',
    });

    const openCorrupt = (): Promise<Storage> =>
      open({
        openDatabase: async (...given) => {
          const database = await openDatabase(...given);
          const get = (key: Uint8Array): Uint8Array | undefined => {
            if (Buffer.from(key).includes('key 7')) throw corruption;
            return database.get(key);
          };
          return { ...database, get };
        },
      });

    const meetsDamage = async (storage: Storage): Promise<void> => {
      for (const key of [keyOf('key 7'), keyOf('key 77')]) {
        expect(await read(storage, key)).toEqual({ status: 'damaged' });
      }
      expect(await read(storage, keyOf('key 8'))).toMatchObject({ status: 'found' });
      const advice = level.logged.filter(({ message }) => message.includes('restart this node'));
      expect(advice).toHaveLength(1);
    };

    it.each(['in order', 'by a signal'])('and which ends %s, have the tables verified', async (how) => {
      const storage = await openCorrupt();
      await meetsDamage(storage);
      while (!(await life()).includes('"suspect":true'))
        await new Promise((resolve) => setTimeout(resolve, 2));
      await (how === 'in order' ? closeAll() : level.kill(storage));
      const name = basename(await table());
      await flipBit(await table(), 20);
      await isReplaced(name);
    });

    it('leave the directory as it is where every table is sound after all', async () => {
      await meetsDamage(await openCorrupt());
      await closeAll();
      const storage = await open();
      expect(storage.identity.complete).toBe(true);
      expect(verifications()).toBe(1);
      await closeAll();
      await open();
      expect(verifications()).toBe(1);
    });

    it('before it is open, have it replaced at once', async () => {
      let times = 0;
      const storage = await open({
        openDatabase: async (...given) => {
          const database = await openDatabase(...given);
          const first = ++times === 1;
          const refuse = (): never => {
            throw corruption;
          };
          return first ? { ...database, get: refuse } : database;
        },
      });
      expect(times).toBe(2);
      expect(storage.identity.complete).toBe(false);
    });

    it('the same in a scan', async () => {
      const storage = await open({
        openDatabase: async (...given) => {
          const database = await openDatabase(...given);
          const next = (): Promise<never> => Promise.reject(corruption);
          return {
            ...database,
            entries: (gte, lt) => {
              const stream = database.entries(gte, lt);
              return gte[0] === 0x6f ? { ...stream, next } : stream;
            },
          };
        },
      });
      await expect(scanned(storage)).rejects.toThrow('block checksum mismatch');
      await closeAll();
      await open();
      expect(verifications()).toBe(1);
    });
  });

  it('a log that is damaged while the disk is being brought back is not opened', async () => {
    let full = false;
    const storage = await open({
      retryMs: 5,
      openDatabase: async (...given) => {
        const database = await openDatabase(...given);
        const refuse = (): Promise<never> => Promise.reject(new Error('No space left on device'));
        return { ...database, commit: (operations) => (full ? refuse() : database.commit(operations)) };
      },
    });
    for (let i = 1; i <= 4; i++) await write(storage, keyOf('k'), recordOf(i));
    await flipBit(await databaseFile(level.directory, /\.log$/), 60);
    full = true;
    await expect(write(storage, keyOf('k'), recordOf(5))).rejects.toThrow('No space left');
    full = false;
    const refused = (): boolean => level.logged.some(({ message }) => message.includes('still refuses'));
    while (!refused()) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(storage.stats().healthy).toBe(false);
    await closeAll();
    await isReplaced('.log at');
  });
});
