import { readdir, readFile, writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { describeStorage } from './storage.js';
import { childLines } from './support/children.js';
import { createLevelDirectory, storedKey, type LevelDirectory } from './support/levelDirectory.js';
import { keyOf, read, recordOf, scanned, turns, write, writeAll } from './support/records.js';

describeStorage('LevelDB', async () => {
  const level = await createLevelDirectory();
  return {
    open: (options) => level.open(options),
    damage: (key) =>
      level.tamper(async (raw) => raw.put(await storedKey(raw, key), Buffer.from('garbage'), { sync: true })),
    dispose: () => level.dispose(),
  };
});

describe('LevelDB storage', () => {
  let level: LevelDirectory;

  beforeEach(async () => {
    level = await createLevelDirectory();
  });

  afterEach(() => level.dispose());

  describe('a damaged record', () => {
    const key = keyOf('spoiled');

    beforeEach(async () => {
      const storage = await level.open();
      await writeAll(storage, [key, keyOf('sound'), keyOf('other')]);
      await storage.close();
    });

    const spoil = (change: (value: Buffer) => Buffer): Promise<void> =>
      level.tamper(async (raw) => {
        const stored = await storedKey(raw, key);
        await raw.put(stored, change((await raw.get(stored))!));
      });

    it('is found whichever bit of it is flipped', async () => {
      let storage = await level.open();
      const keys = Array.from({ length: 100 }, (_, i) => keyOf(`flipped ${i}.`));
      await Promise.all(keys.map((flipped) => write(storage, flipped, recordOf(1))));
      await storage.close();
      let lengthBytes = 0;
      await level.tamper(async (raw) => {
        for (const [i, flipped] of keys.entries()) {
          const stored = await storedKey(raw, flipped);
          const value = (await raw.get(stored))!;
          lengthBytes = value.length;
          if (i >= lengthBytes) continue;
          value[i]! ^= 1 << (i % 8);
          await raw.put(stored, value);
        }
      });
      storage = await level.open();
      const results = await Promise.all(keys.map((flipped) => read(storage, flipped)));
      expect(lengthBytes).toBeGreaterThan(40);
      expect(results.map((result) => result.status)).toEqual(
        keys.map((_, i) => (i < lengthBytes ? 'damaged' : 'found')),
      );
      expect(storage.stats().damaged).toBe(lengthBytes);
      await storage.close();
    });

    it.each([
      ['truncated', (value: Buffer) => value.subarray(0, -1)],
      ['empty', () => Buffer.alloc(0)],
      ['followed by bytes', (value: Buffer) => Buffer.concat([value, Buffer.alloc(1)])],
    ])('is found when it is %s', async (_, change) => {
      await spoil(change);
      const storage = await level.open();
      expect(await read(storage, key)).toEqual({ status: 'damaged' });
      await storage.close();
    });

    it('is found when it is the sound record of another key', async () => {
      await level.tamper(async (raw) =>
        raw.put(await storedKey(raw, key), (await raw.get(await storedKey(raw, 'other')))!),
      );
      const storage = await level.open();
      expect(await read(storage, key)).toEqual({ status: 'damaged' });
      await storage.close();
    });

    it('is never served wrong, wherever a byte of a table file is flipped', async () => {
      const keys = Array.from({ length: 300 }, (_, i) => keyOf(`k${i}`));
      const first = await level.open();
      await writeAll(first, keys);
      await first.close();
      await (await level.open()).close();
      const [name] = (await readdir(level.directory)).filter((file) => file.endsWith('.ldb'));
      const table = await readFile(join(level.directory, name!));
      const holds = async (bits: number[]): Promise<void> => {
        for (let left = bits; left.length > 0;) {
          const { lines, ended } = await childLines('flipChild', [
            level.directory,
            name!,
            keys.length,
            ...left,
          ]);
          const said = lines.filter((line) => line.startsWith('bit'));
          expect(lines.filter((line) => line.startsWith('wrong'))).toEqual([]);
          expect(['0', 'SIGABRT', 'SIGSEGV']).toContain(ended);
          expect(said.length).toBeGreaterThan(0);
          if (ended === '0') expect(said).toHaveLength(left.length);
          left = left.slice(said.length);
        }
      };
      const anywhere = fc.array(fc.nat(table.length * 8 - 1), { minLength: 15, maxLength: 15 });
      await fc.assert(fc.asyncProperty(anywhere, holds), { numRuns: 1 });
    });

    it('is moved, byte for byte, and is counted and logged once', async () => {
      await spoil(() => Buffer.from('garbage'));
      const storage = await level.open();
      for (let i = 0; i < 5; i++) await read(storage, key);
      await scanned(storage);
      await storage.close();
      expect(level.counts.get('rondo_storage_damaged_total')).toBe(1);
      expect(level.logged.filter((line) => line.level === 'error')).toHaveLength(1);
      await level.tamper(async (raw) => {
        await expect(storedKey(raw, key)).rejects.toThrow();
        const values = await raw.values({ gte: Buffer.from('q'), lt: Buffer.from('r') }).all();
        expect(values).toEqual([Buffer.from('garbage')]);
      });
    });

    it('is counted again when a later record of the key is damaged too', async () => {
      await spoil(() => Buffer.from('garbage'));
      let storage = await level.open();
      await read(storage, key);
      await write(storage, key, recordOf(10));
      await storage.close();
      await spoil(() => Buffer.from('garbage again'));
      storage = await level.open();
      expect(await read(storage, key)).toEqual({ status: 'damaged' });
      expect(storage.stats().damaged).toBe(2);
      await storage.close();
    });
  });

  describe('a crash', () => {
    it('loses nothing that was acknowledged, and brings back nothing that was let go', async () => {
      const { lines } = await childLines('writerChild', [level.directory], async ({ length }, kill) => {
        if (length === 100) await expect(level.open()).rejects.toMatchObject({ code: 'storage_locked' });
        if (length === 3000) kill();
      });
      // The last line may be cut off.
      const said = (word: string): number[] =>
        lines
          .slice(0, -1)
          .filter((line) => line.startsWith(word))
          .map((line) => Number(line.slice(word.length)));
      const [kept, gone] = [said('kept'), said('gone')];
      expect(Math.min(kept.length, gone.length)).toBeGreaterThan(100);
      const storage = await level.open();
      const hints = new Map(storage.identity.hints.map(({ key, order }) => [key, order]));
      for (const counter of kept.filter((odd) => odd % 2 === 1)) {
        const key = keyOf(`key ${counter}`);
        expect(await read(storage, key)).toEqual({ status: 'found', record: recordOf(counter) });
        expect(hints.get(key)).toBe(counter);
      }
      for (const key of gone.map((counter) => keyOf(`key ${counter}`))) {
        expect([await read(storage, key), hints.get(key)]).toEqual([{ status: 'missing' }, undefined]);
      }
      expect(storage.identity.counter).toBeGreaterThanOrEqual(Math.max(...kept));
      await storage.close();
    });
  });

  describe('a directory that cannot be used is refused in one line', () => {
    const refusal = async (code: string): Promise<string> => {
      const error = await level.open().then(
        () => new Error('it was opened'),
        (reason: unknown) => reason as Error,
      );
      expect(error).toMatchObject({ code });
      expect(error.message).not.toContain('\n');
      expect(error.message).toContain(level.directory);
      return error.message;
    };

    const used = async (): Promise<void> => {
      const storage = await level.open();
      await writeAll(storage, [keyOf('a'), keyOf('b')]);
      await storage.close();
    };

    it('held by another storage', async () => {
      const storage = await level.open();
      expect(await refusal('storage_locked')).toContain('another process');
      await write(storage, keyOf('k'), recordOf(1));
      await storage.close();
    });

    it('a file in its place', async () => {
      await mkdir(join(level.directory, '..'), { recursive: true });
      await writeFile(level.directory, '');
      expect(await refusal('storage_unwritable')).toContain('not a directory');
    });

    it('a file in its path', async () => {
      await writeFile(join(level.directory, '../..', 'made'), '');
      expect(await refusal('storage_unwritable')).toContain('not a directory');
    });

    it('a directory of something else', async () => {
      await mkdir(level.directory, { recursive: true });
      await writeFile(join(level.directory, 'thesis.txt'), 'years of work');
      expect(await refusal('storage_mismatch')).toContain('thesis.txt');
      expect(await readdir(level.directory)).toEqual(['thesis.txt']);
    });

    it('made with another number of partitions', async () => {
      await used();
      const failure = level.open({ partitions: 64 });
      await expect(failure).rejects.toMatchObject({
        code: 'storage_mismatch',
        message: expect.stringContaining('256 partitions, not 64') as unknown,
      });
      const storage = await level.open();
      expect(storage.identity.incarnation).toBe(2);
      await storage.close();
    });
  });

  it('takes another number of partitions as long as it has no records, and stays who it is', async () => {
    const first = await level.open();
    const { actor } = first.identity;
    await first.close();
    const storage = await level.open({ partitions: 64 });
    expect(storage.identity).toMatchObject({ actor, incarnation: 2 });
    await writeAll(storage, [keyOf('a')]);
    await storage.close();
    await expect(level.open()).rejects.toMatchObject({ code: 'storage_mismatch' });
    const again = await level.open({ partitions: 64 });
    expect(await read(again, keyOf('a'))).toMatchObject({ status: 'found' });
    await again.close();
  });

  it('opens a directory whose making was cut short', async () => {
    await mkdir(level.directory, { recursive: true });
    for (const name of ['LOCK', 'LOG', 'MANIFEST-000001']) await writeFile(join(level.directory, name), '');
    const storage = await level.open();
    expect(storage.identity.incarnation).toBe(1);
    await storage.close();
  });

  it('gives every new directory another actor', async () => {
    const other = await createLevelDirectory();
    const storages = [await level.open(), await other.open()];
    const [first, second] = storages.map((storage) => storage.identity.actor);
    expect(first).not.toBe(second);
    for (const storage of storages) await storage.close();
    await other.dispose();
  });

  it('counts the records that it has stored', async () => {
    const storage = await level.open();
    await writeAll(storage, [keyOf('a'), keyOf('b')]);
    await turns(1);
    expect(level.counts.get('rondo_storage_records_total')).toBe(2);
    await storage.close();
  });
});
