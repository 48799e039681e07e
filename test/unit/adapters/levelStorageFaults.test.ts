import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  openDatabase,
  type Database,
  type Operation,
} from '../../../services/node/adapters/level-storage/database.js';
import type { ScanRange } from '../../../services/node/core/protocol/events.js';
import type { Actor, Position } from '../../../services/node/core/types.js';
import type { RecordScan, Storage } from '../../../services/node/ports/storage.js';
import { createLevelDirectory, type LevelDirectory } from '../../contract/support/levelDirectory.js';
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
} from '../../contract/support/records.js';

const EVERYTHING: ScanRange = {
  from: new Uint8Array(8) as Position,
  through: new Uint8Array(8).fill(0xff) as Position,
};

/** A disk that refuses batches while `full`, each database handle remembering whether it was written after a failure. */
interface FaultyDisk {
  full: boolean;
  /** Whether a refused batch is on the disk nevertheless when the database is opened again. */
  keepsRefused: boolean;
  unreadable: boolean;
  /** Ranges of records cannot be read. */
  unscannable: boolean;
  unopenable: boolean;
  opened: number;
  writtenAfterFailure: boolean;
}

function faulty(disk: FaultyDisk, database: Database): Database {
  let failed = false;
  let refused: readonly Operation[] = [];
  return {
    ...database,
    get(key) {
      if (disk.unreadable) throw new Error('I/O error');
      return database.get(key);
    },
    entries(gte, lt) {
      const stream = database.entries(gte, lt);
      const next = () => (disk.unscannable ? Promise.reject(new Error('I/O error')) : stream.next());
      return { ...stream, next };
    },
    async commit(operations) {
      if (failed) disk.writtenAfterFailure = true;
      if (!disk.full) return database.commit(operations);
      failed = true;
      refused = operations;
      throw new Error('No space left on device');
    },
    async close() {
      if (disk.keepsRefused && refused.length > 0) await database.commit(refused);
      await database.close();
    },
  };
}

describe('LevelDB storage on a failing disk', () => {
  let level: LevelDirectory;
  let disk: FaultyDisk;
  let storage: Storage;

  beforeEach(async () => {
    level = await createLevelDirectory();
    disk = {
      full: false,
      keepsRefused: false,
      unreadable: false,
      unscannable: false,
      unopenable: false,
      opened: 0,
      writtenAfterFailure: false,
    };
    storage = await open();
  });

  afterEach(async () => {
    await storage.close();
    await level.dispose();
  });

  const open = (): Promise<Storage> =>
    level.open({
      retryMs: 5,
      openDatabase: async (directory, createIfMissing) => {
        if (disk.unopenable) throw new Error('IO error: No space left on device');
        disk.opened++;
        return faulty(disk, await openDatabase(directory, createIfMissing));
      },
    });

  const settled = async (writes: Promise<void>[]): Promise<string[]> =>
    (await Promise.allSettled(writes)).map((result) => result.status);

  const healthy = async (): Promise<void> => {
    while (!storage.stats().healthy) await new Promise((resolve) => setTimeout(resolve, 2));
  };

  const unhealthy = async (): Promise<void> => {
    disk.full = true;
    await expect(write(storage, keyOf('refused'), recordOf(50))).rejects.toThrow('No space left');
  };

  it('fails every write of the batch and those behind it, and refuses from then on', async () => {
    await write(storage, keyOf('k'), recordOf(1));
    disk.full = true;
    const first = [write(storage, keyOf('k'), recordOf(2)), write(storage, keyOf('l'), recordOf(3))];
    await new Promise((resolve) => setImmediate(resolve));
    const behind = [write(storage, keyOf('m'), recordOf(4))];
    expect(await settled([...first, ...behind])).toEqual(['rejected', 'rejected', 'rejected']);
    expect(storage.stats()).toMatchObject({ healthy: false, pendingWrites: 0 });
    expect(await settled([write(storage, keyOf('n'), recordOf(5))])).toEqual(['rejected']);
  });

  it('goes on reading what is durable', async () => {
    await write(storage, keyOf('k'), recordOf(1));
    await unhealthy();
    expect(await read(storage, keyOf('k'))).toEqual({ status: 'found', record: recordOf(1) });
    expect(await read(storage, keyOf('refused'))).toEqual({ status: 'missing' });
    expect((await scanned(storage)).map(({ key }) => key)).toEqual(['k']);
  });

  it('begins no scan, because it does not know what is on the disk', async () => {
    await unhealthy();
    expect(await new Promise((resolve) => storage.openScan(EVERYTHING, resolve))).toBeUndefined();
    disk.full = false;
    await healthy();
    expect(await new Promise((resolve) => storage.openScan(EVERYTHING, resolve))).toBeDefined();
  });

  it('ends a scan that cannot be read, also where that shows before anybody asks for a page', async () => {
    await write(storage, keyOf('k'), recordOf(1));
    disk.unscannable = true;
    const scan = await new Promise<RecordScan | undefined>((resolve) =>
      storage.openScan(EVERYTHING, resolve),
    );
    await turns(5);
    const page = () => new Promise((resolve) => scan!.next(resolve));
    expect([await page(), await page()]).toEqual([undefined, undefined]);
  });

  it('recovers by itself, and never writes to the database that failed', async () => {
    await write(storage, keyOf('k'), recordOf(1));
    await unhealthy();
    disk.full = false;
    await healthy();
    await write(storage, keyOf('l'), recordOf(51));
    await storage.close();
    expect(disk).toMatchObject({ opened: 2, writtenAfterFailure: false });
    storage = await open();
    expect((await scanned(storage)).map(({ key }) => key).sort()).toEqual(['k', 'l']);
    expect(storage.identity).toMatchObject({ counter: 51, incarnation: 2 });
  });

  it('takes over the batch and sequence that reached the disk in spite of the error', async () => {
    const { sequence } = storage.stats();
    disk.keepsRefused = true;
    const closing = unhealthy();
    await closing;
    disk.full = false;
    await healthy();
    expect(await read(storage, keyOf('refused'))).toEqual({ status: 'found', record: recordOf(50) });
    expect(storage.stats().sequence).toBe(sequence + 2);
  });

  it('never forgets a counter that was given to a refused write', async () => {
    await unhealthy();
    disk.full = false;
    await healthy();
    await storage.close();
    storage = await open();
    expect(storage.identity.counter).toBe(50);
  });

  describe('with an identity renounced in the batch that failed', () => {
    const actor = 'bbbbbbbbbbbbbbbb' as Actor;
    const renounce = (counter: number) => ({ type: 'renounce', actor, counter }) as const;
    const record = (name: string, counter: number) =>
      ({ type: 'record', key: keyOf(name), record: recordOf(counter), counter }) as const;
    let first: Actor;

    beforeEach(async () => {
      first = storage.identity.actor;
      await write(storage, keyOf('k'), recordOf(60));
      disk.full = true;
    });

    const reopened = async (): Promise<Storage> => {
      disk.full = false;
      await healthy();
      await storage.close();
      storage = await open();
      return storage;
    };

    const refusedBatch = async (): Promise<void> => {
      const batch = changeAll(storage, [renounce(3), record('l', 7)]);
      await expect(batch).rejects.toThrow('No space left');
    };

    it('goes on as before where the batch is gone, with a counter that nobody was given', async () => {
      await refusedBatch();
      const { identity } = await reopened();
      expect(identity).toMatchObject({ actor: first, counter: 60, complete: true });
    });

    it('goes on as the new actor where the batch reached the disk', async () => {
      disk.keepsRefused = true;
      await refusedBatch();
      const { identity } = await reopened();
      expect(identity).toMatchObject({ actor, counter: 7, complete: false });
      expect(await read(storage, keyOf('l'))).toEqual({ status: 'found', record: recordOf(7) });
    });

    it.each([false, true])(
      'takes the same identity again, never below a counter given under it: reached the disk %p',
      async (keepsRefused) => {
        disk.keepsRefused = keepsRefused;
        await refusedBatch();
        disk.full = false;
        await healthy();
        await changeAll(storage, [renounce(3)]);
        const { identity } = await reopened();
        expect(identity).toMatchObject({ actor, counter: 7, complete: false });
      },
    );

    it.each([false, true])('takes another one: reached the disk %p', async (keepsRefused) => {
      disk.keepsRefused = keepsRefused;
      await refusedBatch();
      disk.full = false;
      await healthy();
      const third = 'cccccccccccccccc' as Actor;
      await changeAll(storage, [{ type: 'renounce', actor: third, counter: 1 }, record('l', 2)]);
      const { identity } = await reopened();
      expect(identity).toMatchObject({ actor: third, counter: 2, complete: false });
    });

    it('goes on through another failure, while it recovers', async () => {
      disk.keepsRefused = true;
      await refusedBatch();
      await new Promise((resolve) => setTimeout(resolve, 30));
      const { identity } = await reopened();
      expect(identity).toMatchObject({ actor, counter: 7, complete: false });
    });
  });

  it.each([false, true])('hints and drops of a failed batch are whole: reached the disk %p', async (kept) => {
    disk.keepsRefused = kept;
    const [old, fresh] = [hintOf('n2', 'old', 1), hintOf('n2', 'fresh', 2)];
    await write(storage, keyOf('old'), recordOf(1));
    await change(storage, { type: 'keepHint', hint: old });
    disk.full = true;
    const batch = changeAll(storage, [
      { type: 'drop', key: old.key },
      { type: 'forgetHint', target: old.target, key: old.key },
      { type: 'keepHint', hint: fresh },
    ]);
    await expect(batch).rejects.toThrow('No space left');
    disk.full = false;
    await healthy();
    expect((await read(storage, old.key)).status).toBe(kept ? 'missing' : 'found');
    await storage.close();
    storage = await open();
    expect(storage.identity.hints).toEqual(kept ? [fresh] : [old]);
  });

  it('keeps trying while the database does not open, and answers reads with failed meanwhile', async () => {
    await write(storage, keyOf('k'), recordOf(1));
    disk.unopenable = true;
    await unhealthy();
    while ((await read(storage, keyOf('k'))).status !== 'failed') await new Promise((r) => setTimeout(r, 2));
    await expect(scanned(storage)).rejects.toThrow();
    disk.unopenable = false;
    disk.full = false;
    await healthy();
    expect(await read(storage, keyOf('k'))).toEqual({ status: 'found', record: recordOf(1) });
  });

  it('moves a damaged record once the disk takes it', async () => {
    await writeAll(storage, [keyOf('spoiled')]);
    await storage.close();
    await level.tamper(async (raw) => {
      const [key] = await raw.keys({ gte: Buffer.from('o'), lt: Buffer.from('p') }).all();
      await raw.put(key!, Buffer.from('garbage'));
    });
    storage = await open();
    disk.full = true;
    expect(await read(storage, keyOf('spoiled'))).toEqual({ status: 'damaged' });
    while (storage.stats().healthy) await new Promise((resolve) => setImmediate(resolve));
    disk.full = false;
    await healthy();
    await storage.close();
    storage = await open();
    expect(await read(storage, keyOf('spoiled'))).toEqual({ status: 'damaged' });
    expect(storage.stats().damaged).toBe(1);
  });

  it('closes while it is trying', async () => {
    await unhealthy();
    await storage.close();
    const { opened } = disk;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(disk.opened).toBe(opened);
  });

  it('answers a read that the disk refuses with failed', async () => {
    await write(storage, keyOf('k'), recordOf(1));
    disk.unreadable = true;
    expect(await read(storage, keyOf('k'))).toEqual({ status: 'failed' });
    disk.unreadable = false;
    expect(await read(storage, keyOf('k'))).toMatchObject({ status: 'found' });
  });
});
