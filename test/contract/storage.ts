import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nodeDigests } from '../../services/node/adapters/system.js';
import type { ReadResult } from '../../services/node/core/protocol/events.js';
import type { Actor, Key, VersionedRecord } from '../../services/node/core/types.js';
import type { Storage } from '../../services/node/ports/storage.js';
import { bytesOf, keyOf, read, recordOf, scanned, turns, write, writeAll } from './support/records.js';
import { describeKept } from './storageKept.js';
import { describeScans } from './storageScans.js';

/** One data directory that can be opened again and again. */
export interface StorageHarness {
  open(options?: { readonly founding?: boolean; readonly pendingBytesMax?: number }): Promise<Storage>;
  /** Spoils the stored record of a key while the storage is closed. */
  damage(key: Key): Promise<void>;
  dispose(): Promise<void>;
}

const HOSTILE_KEYS = [
  '\x00',
  '\x00\x00',
  '\xff',
  '\xff'.repeat(4096),
  'a',
  'a\x00',
  'a\xff',
  'aa',
  'o',
  'm',
  'q',
  '__proto__',
  'constructor',
  String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i)),
  '\x80\x81\xc3\xa9',
].map(keyOf);

/** What every implementation of ports/storage.ts must do. */
export function describeStorage(name: string, create: () => Promise<StorageHarness>): void {
  describe(`storage contract: ${name}`, () => {
    let harness: StorageHarness;
    let storage: Storage;

    beforeEach(async () => {
      harness = await create();
      storage = await harness.open();
    });

    afterEach(async () => {
      await storage.close();
      await harness.dispose();
    });

    const reopen = async (between?: () => Promise<void>): Promise<void> => {
      await storage.close();
      await between?.();
      storage = await harness.open();
    };

    describe('reads and writes', () => {
      it('answers missing for a key that was never written', async () => {
        expect(await read(storage, keyOf('nothing'))).toEqual({ status: 'missing' });
      });

      it('keeps hostile keys apart, also after a reopen', async () => {
        await writeAll(storage, HOSTILE_KEYS);
        for (const again of [false, true]) {
          if (again) await reopen();
          for (const [i, key] of HOSTILE_KEYS.entries()) {
            expect(await read(storage, key)).toEqual({
              status: 'found',
              record: recordOf(i + 1, bytesOf(key)),
            });
          }
        }
        expect(await read(storage, keyOf('a\x00\x00'))).toEqual({ status: 'missing' });
      });

      it('keeps any key and value', async () => {
        const key = fc
          .uint8Array({ minLength: 1, maxLength: 64 })
          .map((b) => keyOf(String.fromCharCode(...b)));
        const entries = fc.uniqueArray(fc.tuple(key, fc.uint8Array({ maxLength: 300 })), {
          selector: ([unique]) => unique,
          maxLength: 20,
        });
        let counter = 0;
        const holds = async (pairs: [Key, Uint8Array][]): Promise<void> => {
          const records = pairs.map(([, value]) => recordOf(++counter, value));
          await Promise.all(pairs.map(([unique], i) => write(storage, unique, records[i]!)));
          const found = await Promise.all(pairs.map(([unique]) => read(storage, unique)));
          expect(found).toEqual(records.map((record) => ({ status: 'found', record })));
        };
        await fc.assert(fc.asyncProperty(entries, holds), { numRuns: 25 });
      });

      it.each([
        ['empty', 0],
        ['of 16 MiB', 16 * 1024 * 1024],
      ])('keeps a value that is %s', async (_, length) => {
        const record = recordOf(1, new Uint8Array(length).fill(0xa5));
        await write(storage, keyOf('sized'), record);
        await reopen();
        const result = await read(storage, keyOf('sized'));
        if (result.status !== 'found') throw new Error(result.status);
        expect(result.record.clock).toEqual(record.clock);
        expect(Buffer.compare(result.record.siblings[0]!.value, record.siblings[0]!.value)).toBe(0);
      });

      it('keeps a record with many siblings, marks and clock entries', async () => {
        const record = manySiblings(120);
        await write(storage, keyOf('contested'), record);
        await reopen();
        expect(await read(storage, keyOf('contested'))).toEqual({ status: 'found', record });
      });

      it('is not changed by a caller that changes the value afterwards', async () => {
        const value = bytesOf('before');
        const done = write(storage, keyOf('k'), recordOf(1, value));
        value.fill(0x78);
        await done;
        expect(await read(storage, keyOf('k'))).toEqual({
          status: 'found',
          record: recordOf(1, bytesOf('before')),
        });
      });
    });

    describe('order and durability', () => {
      it('lets writes of one key take effect in the order of the calls, over batches', async () => {
        const key = keyOf('k');
        const order: number[] = [];
        const writes: Promise<void>[] = [];
        for (let counter = 1; counter <= 60; counter++) {
          writes.push(write(storage, key, recordOf(counter)).then(() => void order.push(counter)));
          if (counter % 7 === 0) await turns(1);
        }
        await Promise.all(writes);
        expect(order).toEqual([...order].sort((a, b) => a - b));
        expect(await read(storage, key)).toEqual({ status: 'found', record: recordOf(60) });
        await reopen();
        expect(await read(storage, key)).toEqual({ status: 'found', record: recordOf(60) });
      });

      it('shows a write to reads only when it is durable, and from its acknowledgement on for good', async () => {
        const key = keyOf('k');
        await write(storage, key, recordOf(1));
        for (let counter = 2; counter < 30; counter++) {
          const done = write(storage, key, recordOf(counter));
          expect(await read(storage, key)).toEqual({ status: 'found', record: recordOf(counter - 1) });
          await done;
          expect(await read(storage, key)).toEqual({ status: 'found', record: recordOf(counter) });
        }
      });

      it('groups writes into fewer batches, and never makes an idle one', async () => {
        const before = storage.stats().sequence;
        const keys = Array.from({ length: 500 }, (_, i) => keyOf(`k${i}`));
        await writeAll(storage, keys);
        const after = storage.stats().sequence;
        expect(after).toBeGreaterThan(before);
        expect(after - before).toBeLessThan(keys.length / 10);
        await turns(5);
        expect(storage.stats().sequence).toBe(after);
        expect(storage.stats().pendingWrites).toBe(0);
      });

      it('refuses at once what exceeds its bound, once, and takes a lone write of any size', async () => {
        await storage.close();
        storage = await harness.open({ pendingBytesMax: 10_000 });
        const large = new Uint8Array(20_000);
        const results = await Promise.allSettled([
          write(storage, keyOf('lone'), recordOf(1, large)),
          write(storage, keyOf('beyond'), recordOf(2, large)),
          write(storage, keyOf('beyond too'), recordOf(3)),
        ]);
        expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'rejected']);
        expect(await read(storage, keyOf('beyond'))).toEqual({ status: 'missing' });
        await write(storage, keyOf('later'), recordOf(4));
      });
    });

    describe('identity', () => {
      it('is new in a new directory', () => {
        const { actor, ...rest } = storage.identity;
        expect(actor).toMatch(/^[0-9a-f]{16}$/);
        expect(rest).toEqual({
          ...{ counter: 0, sequence: 1, incarnation: 1, complete: true },
          ...{ hints: [], heights: new Map() },
        });
      });

      it('goes on over reopens: same actor, highest counter, growing sequence and incarnation', async () => {
        const { actor } = storage.identity;
        await write(storage, keyOf('a'), recordOf(7));
        await write(storage, keyOf('b'), recordOf(3));
        const { sequence } = storage.stats();
        await reopen();
        expect(storage.identity).toEqual({
          actor,
          counter: 7,
          sequence: sequence + 1,
          incarnation: 2,
          complete: true,
          hints: [],
          heights: new Map(),
        });
        await reopen();
        expect(storage.identity).toMatchObject({ actor, counter: 7, sequence: sequence + 2, incarnation: 3 });
      });

      it('counts the counter of a write that a later one in the same batch replaced', async () => {
        const replaced = write(storage, keyOf('k'), recordOf(9), 9);
        await Promise.all([replaced, write(storage, keyOf('k'), recordOf(2), 2)]);
        await reopen();
        expect(storage.identity.counter).toBe(9);
      });

      it('is incomplete where the directory was not made at the founding, and stays so', async () => {
        await storage.close();
        const other = await create();
        const joined = await other.open({ founding: false });
        await joined.close();
        const again = await other.open({ founding: true });
        await again.close();
        await other.dispose();
        expect([joined.identity.complete, again.identity.complete]).toEqual([false, false]);
      });
    });

    describe('scan', () => {
      it('gives everything in the order of partition, position and key', async () => {
        const keys = [...HOSTILE_KEYS, ...Array.from({ length: 300 }, (_, i) => keyOf(`k${i}`))];
        await writeAll(storage, keys);
        const found = await scanned(storage);
        expect(found.map(({ key }) => key)).toEqual(inRingOrder(keys));
        for (const { key, record } of found) expect(record.siblings[0]!.value).toEqual(bytesOf(key));
      });

      it('shows the records as of the call, whatever is written meanwhile', async () => {
        const keys = Array.from({ length: 600 }, (_, i) => keyOf(`k${i}`));
        await writeAll(storage, keys);
        const view = storage.scan();
        await writeAll(storage, [...keys, keyOf('new')], 1000);
        const counters: number[] = [];
        for await (const { key, record } of view) {
          counters.push(record.clock[0]!.counter);
          if (counters.length === 10) await write(storage, key, recordOf(5000));
        }
        expect(counters).toHaveLength(keys.length);
        expect(Math.max(...counters)).toBe(keys.length);
      });

      it('can be left early, many times', async () => {
        await writeAll(storage, HOSTILE_KEYS);
        for (let round = 0; round < 50; round++) {
          for await (const { key } of storage.scan()) {
            expect(HOSTILE_KEYS).toContain(key);
            break;
          }
        }
        await storage.close();
      });

      it('ends with an error, not early, when the storage is closed meanwhile', async () => {
        const keys = Array.from({ length: 2000 }, (_, i) => keyOf(`k${i}`));
        await writeAll(storage, keys);
        const seen: Key[] = [];
        const consume = async (): Promise<void> => {
          for await (const { key } of storage.scan()) {
            seen.push(key);
            if (seen.length === 5) await storage.close();
          }
        };
        await expect(consume()).rejects.toThrow();
        expect(seen.length).toBeLessThan(keys.length);
        await expect(scanned(storage)).rejects.toThrow();
      });
    });

    describe('damage', () => {
      const spoiled = keyOf('spoiled');

      beforeEach(async () => {
        await writeAll(storage, [keyOf('before'), spoiled, keyOf('after')]);
        await storage.close();
        await harness.damage(spoiled);
        storage = await harness.open();
      });

      it('never serves a damaged record, counts it once, and remembers it over reopens', async () => {
        expect(await read(storage, spoiled)).toEqual({ status: 'damaged' });
        expect(await read(storage, spoiled)).toEqual({ status: 'damaged' });
        expect(storage.stats().damaged).toBe(1);
        await reopen();
        await reopen();
        expect(await read(storage, spoiled)).toEqual({ status: 'damaged' });
        expect(storage.stats().damaged).toBe(1);
        expect(await read(storage, keyOf('before'))).toMatchObject({ status: 'found' });
      });

      it('leaves damaged records out of a scan, and counts those that it meets', async () => {
        expect((await scanned(storage)).map(({ key }) => key).sort()).toEqual(['after', 'before']);
        expect(storage.stats().damaged).toBe(1);
        expect(await read(storage, spoiled)).toEqual({ status: 'damaged' });
      });

      it.each(['a read', 'a scan'])(
        'stores a later write, and says both: damage found by %s',
        async (finder) => {
          if (finder === 'a read') await read(storage, spoiled);
          else await scanned(storage);
          await write(storage, spoiled, recordOf(10));
          expect(await read(storage, spoiled)).toEqual({ status: 'damaged', record: recordOf(10) });
          await reopen();
          expect(await read(storage, spoiled)).toEqual({ status: 'damaged', record: recordOf(10) });
          expect((await scanned(storage)).map(({ key }) => key)).not.toContain(spoiled);
        },
      );

      it('does not lose a write that is on its way when the damage is found', async () => {
        const done = write(storage, spoiled, recordOf(10));
        await read(storage, spoiled);
        await turns(1);
        await read(storage, spoiled);
        await done;
        await turns(5);
        expect(await read(storage, spoiled)).toEqual({ status: 'damaged', record: recordOf(10) });
      });

      it('does not lose a write whose batch is under way when the damage is found', async () => {
        const done = write(storage, spoiled, recordOf(10));
        await turns(1);
        await read(storage, spoiled);
        await done;
        await turns(5);
        await write(storage, keyOf('after'), recordOf(11));
        expect(await read(storage, spoiled)).toMatchObject({ record: recordOf(10) });
      });
    });

    const opened = { storage: () => storage, reopen, damage: (key: Key) => harness.damage(key) };
    describeKept(opened);
    describeScans(opened);

    describe('close', () => {
      it('finishes what was accepted', async () => {
        const keys = Array.from({ length: 200 }, (_, i) => keyOf(`k${i}`));
        const first = writeAll(storage, keys.slice(0, 100));
        await turns(1);
        const second = writeAll(storage, keys.slice(100), 100);
        await storage.close();
        await Promise.all([first, second]);
        storage = await harness.open();
        expect(await scanned(storage)).toHaveLength(keys.length);
      });

      it('refuses reads and writes from then on, each exactly once', async () => {
        await write(storage, keyOf('k'), recordOf(1));
        const accepted = write(storage, keyOf('k'), recordOf(2));
        const closing = storage.close();
        const answers: (ReadResult | Error | undefined)[] = [];
        const ask = (): void => {
          storage.read(keyOf('k'), (result) => answers.push(result));
          const change = { type: 'record', key: keyOf('k'), record: recordOf(3), counter: 3 } as const;
          storage.write(change, (error) => answers.push(error));
        };
        ask();
        await accepted;
        await closing;
        ask();
        await turns(5);
        const failures = answers.map((answer) => (answer instanceof Error ? 'error' : answer?.status));
        expect(failures.sort()).toEqual(['error', 'error', 'failed', 'failed']);
        expect(storage.stats().healthy).toBe(false);
      });

      it('may be called again, also at the same time', async () => {
        await Promise.all([storage.close(), storage.close()]);
        await storage.close();
      });
    });
  });
}

function manySiblings(count: number): VersionedRecord {
  const dots = Array.from({ length: count }, (_, i) => ({
    actor: `actor${String(i).padStart(4, '0')}` as Actor,
    counter: i + 1,
  }));
  return {
    clock: dots.map((dot) => ({ ...dot, timestamp: 1_700_000_000_000 })),
    siblings: dots.map((dot, i) => ({ dot, value: new Uint8Array(i).fill(i) })),
    marks: dots.slice(0, 16).map((dot, i) => ({ requestId: `request-é-${i}`, dot, timestamp: i })),
  };
}

function inRingOrder(keys: readonly Key[]): Key[] {
  const digests = nodeDigests();
  const placed = keys.map((key) => ({
    key,
    place: Buffer.concat([digests.md5(key).subarray(0, 8), bytesOf(key)]),
  }));
  return placed.sort((a, b) => Buffer.compare(a.place, b.place)).map(({ key }) => key);
}
