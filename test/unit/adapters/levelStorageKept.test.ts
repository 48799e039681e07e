import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NodeId } from '../../../services/node/core/types.js';
import type { Storage } from '../../../services/node/ports/storage.js';
import { createLevelDirectory, type LevelDirectory } from '../../contract/support/levelDirectory.js';
import { changeAll, hintOf, keyOf, read, recordOf, write } from '../../contract/support/records.js';

/** What the contract cannot spoil: hints and heights whose bytes in the database are wrong. */
describe('LevelDB storage with damage beside its records', () => {
  const hints = ['a', 'b', 'c'].map((key, i) => hintOf('n2', key, i + 1));
  let level: LevelDirectory;
  let storage: Storage;

  beforeEach(async () => {
    level = await createLevelDirectory();
    storage = await level.open();
    const heights = new Map([
      ['n2' as NodeId, { actor: storage.identity.actor, incarnation: 1, sequence: 2 }],
    ]);
    await changeAll(storage, [
      ...hints.map((hint) => ({ type: 'keepHint', hint }) as const),
      { type: 'keepHeights', heights },
    ]);
    await write(storage, keyOf('b'), recordOf(1));
    await storage.close();
  });

  afterEach(async () => {
    await storage.close();
    await level.dispose();
  });

  const stored = { hint: Buffer.from('h\x02n2b'), heights: Buffer.from('mheights') };

  const spoil = (key: Buffer, change: (value: Buffer) => Buffer): Promise<void> =>
    level.tamper(async (raw) => raw.put(key, change((await raw.get(key))!)));

  it.each([
    ['spoiled', (value: Buffer) => Buffer.concat([value.subarray(0, -1), Buffer.of(value.at(-1)! ^ 1)])],
    ['truncated', (value: Buffer) => value.subarray(0, -1)],
    ['empty', () => Buffer.alloc(0)],
    ['followed by bytes', (value: Buffer) => Buffer.concat([value, Buffer.alloc(1)])],
    ['of an unknown format', (value: Buffer) => Buffer.concat([Buffer.of(99), value.subarray(1)])],
  ])('opens without a hint that is %s, counts and logs it once, and keeps the others', async (_, change) => {
    await spoil(stored.hint, change);
    storage = await level.open();
    expect(storage.identity.hints).toEqual([hints[0], hints[2]]);
    expect(storage.stats().damaged).toBe(1);
    expect(await read(storage, keyOf('b'))).toEqual({ status: 'found', record: recordOf(1) });
    await storage.close();
    storage = await level.open();
    expect(storage.identity.hints).toEqual([hints[0], hints[2]]);
    expect(storage.stats().damaged).toBe(1);
    expect(level.counts.get('rondo_storage_damaged_total')).toBe(1);
    expect(level.logged.filter((line) => line.level === 'error')).toHaveLength(1);
  });

  it('takes no hint for that of another key or target', async () => {
    await level.tamper(async (raw) => raw.put(stored.hint, (await raw.get(Buffer.from('h\x02n2a')))!));
    storage = await level.open();
    expect(storage.identity.hints).toEqual([hints[0], hints[2]]);
  });

  it('opens in spite of a key of a hint that cannot be', async () => {
    await level.tamper(async (raw) => {
      for (const key of ['h', 'h\x09n2']) await raw.put(Buffer.from(key), Buffer.from('garbage'));
    });
    storage = await level.open();
    expect(storage.identity.hints).toEqual(hints);
    expect(storage.stats().damaged).toBe(2);
  });

  it('opens without heights that are damaged, and keeps later ones', async () => {
    await spoil(stored.heights, () => Buffer.from('garbage'));
    storage = await level.open();
    expect(storage.identity.heights).toEqual(new Map());
    expect(storage.stats().damaged).toBe(1);
    const heights = new Map([
      ['n3' as NodeId, { actor: storage.identity.actor, incarnation: 3, sequence: 4 }],
    ]);
    await changeAll(storage, [{ type: 'keepHeights', heights }]);
    await storage.close();
    storage = await level.open();
    expect(storage.identity).toMatchObject({ heights, hints });
    expect(storage.stats().damaged).toBe(1);
  });

  it('finds damage of a hint whichever bit of its value is flipped', async () => {
    for (let bit = 0; bit < 6 * 8; bit++) {
      const flip = (value: Buffer): Buffer => {
        expect(value).toHaveLength(6);
        value[bit >> 3]! ^= 1 << (bit & 7);
        return value;
      };
      await spoil(stored.hint, flip);
      storage = await level.open();
      expect(storage.identity.hints).toEqual([hints[0], hints[2]]);
      await changeAll(storage, [{ type: 'keepHint', hint: hints[1]! }]);
      await storage.close();
    }
  });

  it('refuses a hint whose target has too long a name, and goes on', async () => {
    storage = await level.open();
    const long = { type: 'keepHint', hint: hintOf('n'.repeat(256), 'k', 1) } as const;
    await expect(changeAll(storage, [long])).rejects.toThrow('too long');
    await changeAll(storage, [{ type: 'forgetHint', target: 'n2' as NodeId, key: keyOf('a') }]);
    await storage.close();
    storage = await level.open();
    expect(storage.identity.hints).toEqual([hints[1], hints[2]]);
  });
});
