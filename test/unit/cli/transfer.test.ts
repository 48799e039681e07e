import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeFileRecord, headerFor } from '../../../services/cli/files/header.js';
import { sha256Hex } from '../../../services/cli/files/local.js';
import { encodeManifest } from '../../../services/cli/files/manifest.js';
import { CHUNK_BYTES } from '../../../services/cli/files/upload.js';
import { startMemoryStore, type MemoryStore, type Mischief } from './support/memoryStore.js';
import { jsonOf, rondo, type CliRun, type RunOptions } from './support/run.js';
import { bytesOf, digestsOf, plantTree, readTree, type Tree } from './support/tree.js';

// Megabytes go through two folders and a server; a busy machine takes its time.
jest.setTimeout(60_000);

let store: MemoryStore;
let base: string;
let source: string;
beforeEach(async () => {
  store = await startMemoryStore();
  base = await mkdtemp(join(tmpdir(), 'rondo-cli-'));
  source = join(base, 'source');
  await mkdir(source);
});
afterEach(async () => {
  await store.close();
  await rm(base, { recursive: true, force: true });
});

const run = (argv: readonly string[], options?: RunOptions): Promise<CliRun> =>
  rondo([...argv, '--url', store.url, '--json'], options);

const SMALL: Tree = {
  'a.txt': Buffer.from('a'),
  'b.txt': Buffer.from('bb'),
  'sub/c.txt': Buffer.from('ccc'),
};

const AWKWARD: Tree = {
  empty: Buffer.alloc(0),
  one: Buffer.from([0]),
  'sub/deep/er/file': Buffer.from('deep'),
  [Buffer.from('sub/ü €').toString('latin1')]: Buffer.from('text'),
  'bytes-\xff\xfe': bytesOf(1000, 1),
  ' leading and trailing ': bytesOf(10, 2),
  'new\nline': bytesOf(11, 3),
  'full chunk': bytesOf(CHUNK_BYTES, 4),
  'a byte more': bytesOf(CHUNK_BYTES + 1, 5),
  'three chunks and a bit': bytesOf(3 * CHUNK_BYTES + 77, 6),
  'same in every chunk': Buffer.alloc(2 * CHUNK_BYTES, 9),
};

/** Keys of further chunks that still hold a value. */
const liveChunks = (): string[] => store.live().filter((key) => /\0[0-9a-f]{64}\/\d+$/.test(key));

async function exported(): Promise<Record<string, string>> {
  const target = await mkdtemp(join(base, 'export-'));
  expect(await run(['export', target])).toMatchObject({ exit: 0 });
  return digestsOf(await readTree(target));
}

/** Misbehaves at every call that `times` names, as long as nothing else is planned. */
function every(n: number, kinds: readonly Mischief[]): MemoryStore['mischief'] {
  return ({ number }) => (number % n === 0 ? kinds[(number / n) % kinds.length] : undefined);
}

describe('import, verify, export', () => {
  it('bring back every byte of every kind of file, and skip symlinks', async () => {
    await plantTree(source, AWKWARD);
    await symlink('one', join(source, 'link'));
    await symlink('sub', join(source, 'link to a folder'));
    const imported = await run(['import', source]);
    expect(imported.exit).toBe(0);
    expect(jsonOf(imported)).toMatchObject({
      ...{ success: true, finished: true, files: 11, written: 11, failed: 0, skippedSymlinks: 2 },
      ...{ manifestStored: true, bytes: Object.values(AWKWARD).reduce((sum, b) => sum + b.length, 0) },
    });
    const verified = await run(['verify', source, '--min-num-reads', '2', '--quorum', 'strict']);
    expect(jsonOf(verified)).toMatchObject({
      success: true,
      missing: 0,
      different: 0,
      extra: 0,
      unreadable: 0,
    });
    expect(await exported()).toEqual(digestsOf(AWKWARD));
  });

  it('keep two folders under two prefixes apart', async () => {
    await plantTree(source, SMALL);
    const other = join(base, 'other');
    await mkdir(other);
    await plantTree(other, { 'a.txt': Buffer.from('another') });
    await run(['import', source, '--prefix', 'one/']);
    await run(['import', other, '--prefix', 'two/']);
    expect((await run(['verify', source, '--prefix', 'one/'])).exit).toBe(0);
    expect((await run(['verify', other, '--prefix', 'two/'])).exit).toBe(0);
    expect((await run(['verify', source])).exit).toBe(1);
  });

  it('work on an empty folder', async () => {
    expect((await run(['import', source])).exit).toBe(0);
    expect((await run(['verify', source])).exit).toBe(0);
    expect(await exported()).toEqual(digestsOf({}));
  });

  it('stand a store that loses calls, loses replies and is overloaded, and write each key once', async () => {
    await plantTree(source, AWKWARD);
    const overloaded = { status: 503, code: 'overloaded', outcome: 'none' };
    store.mischief = every(3, ['drop', 'dropAfter', overloaded]);
    const imported = await run(['import', source, '--concurrency', '4']);
    expect(jsonOf(imported)).toMatchObject({ success: true, written: 11, replaced: 0, alreadyThere: 0 });
    expect(jsonOf(imported)['retried']).not.toBe(0);
    for (const { requestIds } of store.records.values()) expect(requestIds).toHaveLength(1);
    expect((await run(['verify', source])).exit).toBe(0);
    expect(await exported()).toEqual(digestsOf(AWKWARD));
  });
});

describe('import', () => {
  it('stores a header only after all of its chunks, and the manifest last', async () => {
    await plantTree(source, { big: bytesOf(3 * CHUNK_BYTES, 1), small: Buffer.from('s') });
    await run(['import', source]);
    const keys = store.calls.map((call) => call.key.toString('latin1'));
    expect(keys.slice(-1)).toEqual(['\0manifest']);
    const chunks = keys.flatMap((key, i) => (key.startsWith('big\0') ? [i] : []));
    expect(chunks).toHaveLength(2);
    expect(keys.indexOf('big')).toBeGreaterThan(Math.max(...chunks));
  });

  it('done again writes nothing and counts all as already there', async () => {
    await plantTree(source, AWKWARD);
    await run(['import', source]);
    const versions = [...store.records].map(([key, { version }]) => [key, version]);
    const again = await run(['import', source]);
    expect(jsonOf(again)).toMatchObject({ success: true, alreadyThere: 11, written: 0, replaced: 0 });
    expect([...store.records].map(([key, { version }]) => [key, version])).toEqual(versions);
  });

  it('replaces what changed and deletes the chunks of the old version, after the new header is in', async () => {
    await plantTree(source, { big: bytesOf(4 * CHUNK_BYTES, 1), small: Buffer.from('s') });
    await run(['import', source]);
    const old = liveChunks();
    await plantTree(source, { big: bytesOf(2 * CHUNK_BYTES, 2), small: Buffer.from('') });
    const from = store.calls.length;
    const again = await run(['import', source]);
    expect(jsonOf(again)).toMatchObject({ success: true, replaced: 2, written: 0, oldChunksDeleted: 3 });
    expect(liveChunks()).toHaveLength(1);
    expect(liveChunks().filter((key) => old.includes(key))).toEqual([]);
    const puts = store.calls.slice(from).filter((call) => call.method === 'PUT');
    const lastHeader = puts.findLastIndex((call) => call.key.toString() === 'big');
    const firstDelete = puts.findIndex((call) => call.body.value === '');
    expect(firstDelete).toBeGreaterThan(lastHeader);
    expect((await run(['verify', source])).exit).toBe(0);
  });

  it('brings an old version back over its deleted chunks', async () => {
    const first = { big: bytesOf(3 * CHUNK_BYTES, 1) };
    for (const tree of [first, { big: bytesOf(3 * CHUNK_BYTES, 2) }, first]) {
      await plantTree(source, tree);
      expect((await run(['import', source])).exit).toBe(0);
    }
    expect(await exported()).toEqual(digestsOf(first));
    expect(liveChunks()).toHaveLength(2);
  });

  it('settles siblings that it meets on its keys', async () => {
    await plantTree(source, SMALL);
    store.plant('a.txt', 'one', 'two');
    expect(jsonOf(await run(['import', source]))).toMatchObject({ success: true, written: 2, replaced: 1 });
    expect((await run(['verify', source])).exit).toBe(0);
  });

  it('writes over tombstones', async () => {
    await plantTree(source, SMALL);
    store.plant('a.txt');
    expect(jsonOf(await run(['import', source]))).toMatchObject({ success: true, written: 3 });
  });

  it('gives a key up that somebody else keeps writing, and does the others', async () => {
    await plantTree(source, SMALL);
    store.mischief = ({ method, key }) => {
      if (method === 'PUT' && key.toString() === 'b.txt') store.plant('b.txt', `${Math.random()}`);
      return undefined;
    };
    store.plant('b.txt', 'theirs');
    const imported = await run(['import', source]);
    expect(imported.exit).toBe(1);
    expect(jsonOf(imported)).toMatchObject({ written: 2, failed: 1, manifestStored: true });
  });

  it('stopped half-way says so with 4, stores no manifest, and continues when run again', async () => {
    const tree = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, bytesOf(100, i)]));
    await plantTree(source, { ...tree, big: bytesOf(6 * CHUNK_BYTES, 99) });
    let interrupt = (): void => {};
    store.mischief = ({ number }) => {
      if (number === 20) interrupt();
      return undefined;
    };
    const options = { onInterruptible: (stop: () => void) => void (interrupt = stop) };
    const stopped = await run(['import', source, '--concurrency', '4'], options);
    expect(stopped.exit).toBe(4);
    expect(jsonOf(stopped)).toMatchObject({ success: false, finished: false, manifestStored: false });
    expect(store.calls.length).toBeLessThan(30);
    store.mischief = () => undefined;
    const continued = await run(['import', source]);
    expect(jsonOf(continued)).toMatchObject({ success: true, files: 41 });
    expect(jsonOf(continued)['alreadyThere']).not.toBe(0);
    expect((await run(['verify', source])).exit).toBe(0);
  });

  it('ends with 4 where the cluster stays away, without trying every file', async () => {
    await plantTree(
      source,
      Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, bytesOf(9, i)])),
    );
    store.mischief = () => ({ status: 503, code: 'quorum_not_met', outcome: 'unknown' });
    const imported = await run(['import', source, '--retry-ms', '0', '--concurrency', '4']);
    expect(imported.exit).toBe(4);
    expect(jsonOf(imported)).toMatchObject({ finished: false, error: { code: 'quorum_not_met' } });
    expect(store.calls.length).toBeLessThanOrEqual(4);
  });

  it('ends at once where every file would be refused', async () => {
    await plantTree(source, SMALL);
    store.mischief = () => ({ status: 400, code: 'invalid_quorum', outcome: 'none' });
    const imported = await run(['import', source, '--min-num-writes', '9', '--concurrency', '1']);
    expect(imported.exit).toBe(2);
    expect(store.calls).toHaveLength(1);
  });

  it('reports a file that the store refuses, and does the others', async () => {
    await plantTree(source, SMALL);
    store.mischief = ({ key }) =>
      key.toString() === 'b.txt' ? { status: 413, code: 'value_too_large', outcome: 'none' } : undefined;
    const imported = await run(['import', source]);
    expect(imported.exit).toBe(1);
    expect(jsonOf(imported)).toMatchObject({ written: 2, failed: 1, problems: [{ path: 'b.txt' }] });
  });

  it('reports a file that vanishes, and leaves it out of the manifest', async () => {
    await plantTree(source, SMALL);
    store.mischief = ({ number }) => {
      if (number === 1) void rm(join(source, 'sub/c.txt'));
      return number === 1 ? 'dropAfter' : undefined;
    };
    const imported = await run(['import', source, '--concurrency', '1']);
    expect(imported.exit).toBe(1);
    expect(jsonOf(imported)).toMatchObject({ written: 2, failed: 1, problems: [{ path: 'sub/c.txt' }] });
    expect((await run(['verify', source])).exit).toBe(0);
  });

  it('never lets a file that changes while it is read spoil the version that is stored', async () => {
    const content = bytesOf(5 * CHUNK_BYTES, 1);
    await plantTree(source, { big: content });
    await run(['import', source]);
    const from = store.calls.length;
    store.mischief = ({ number }) => {
      if (number !== from + 1) return undefined;
      return changeBeforeReply(join(source, 'big'), bytesOf(5 * CHUNK_BYTES, 2));
    };
    const again = await run(['import', source, '--concurrency', '1']);
    expect(again.exit).toBe(1);
    expect(jsonOf(again)).toMatchObject({ failed: 1, problems: [{ path: 'big' }] });
    store.mischief = () => undefined;
    // The manifest no longer lists the file; the file itself is whole.
    store.plant(
      '\0manifest',
      storedFile(encodeManifest([{ path: 'big', size: content.length, sha256: sha256Hex(content) }])),
    );
    expect(await exported()).toEqual(digestsOf({ big: content }));
  });

  it('leaves no chunks behind of a new file that changes while it is read', async () => {
    await plantTree(source, { big: bytesOf(5 * CHUNK_BYTES, 1) });
    store.mischief = ({ number }) =>
      number === 1 ? changeBeforeReply(join(source, 'big'), bytesOf(5 * CHUNK_BYTES, 2)) : undefined;
    expect(jsonOf(await run(['import', source, '--concurrency', '1']))).toMatchObject({ failed: 1 });
    expect(liveChunks()).toEqual([]);
    expect(store.live()).toEqual(['\0manifest']);
  });
});

describe('verify', () => {
  it('tells missing, different, extra and unlisted files apart and exits 1', async () => {
    await plantTree(source, { ...SMALL, gone: Buffer.from('g'), longer: Buffer.from('l') });
    await run(['import', source]);
    await rm(join(source, 'gone'));
    await plantTree(source, {
      'a.txt': Buffer.from('A'),
      longer: Buffer.from('ll'),
      added: Buffer.from('new'),
    });
    const verified = await run(['verify', source]);
    expect(verified.exit).toBe(1);
    expect(jsonOf(verified)).toMatchObject({ missing: 1, different: 2, extra: 1, unreadable: 0, files: 5 });
    const kinds = (jsonOf(verified)['problems'] as { path: string; kind: string }[]).map((p) => [
      p.path,
      p.kind,
    ]);
    expect(new Map(kinds as [string, string][])).toEqual(
      new Map([
        ['added', 'missing'],
        ['a.txt', 'different'],
        ['longer', 'different'],
        ['gone', 'extra'],
      ]),
    );
  });

  it('finds one wrong byte in a later chunk, and a chunk that is not there', async () => {
    const content = bytesOf(3 * CHUNK_BYTES, 1);
    await plantTree(source, { one: content, two: content });
    await run(['import', source]);
    const chunkOf = (name: string): string => liveChunks().find((key) => key.startsWith(`${name}\0`))!;
    const spoiled = Buffer.from(store.records.get(chunkOf('one'))!.values[0]!);
    spoiled[1000]! ^= 1;
    store.plant(chunkOf('one'), spoiled);
    store.plant(chunkOf('two'));
    expect(jsonOf(await run(['verify', source]))).toMatchObject({ different: 1, missing: 1 });
  });

  it('finds values that no import wrote, and siblings', async () => {
    await plantTree(source, SMALL);
    await run(['import', source]);
    store.plant('a.txt', 'a');
    store.plant('b.txt', ...store.records.get('b.txt')!.values, 'other');
    expect(jsonOf(await run(['verify', source]))).toMatchObject({ different: 2 });
  });

  it('takes siblings that are equal for one value', async () => {
    await plantTree(source, SMALL);
    await run(['import', source]);
    const [value] = store.records.get('b.txt')!.values;
    store.plant('b.txt', value!, value!);
    expect((await run(['verify', source])).exit).toBe(0);
  });

  it('finds that the manifest is missing or older than the files', async () => {
    await plantTree(source, SMALL);
    await run(['import', source]);
    const manifest = store.records.get('\0manifest')!.values[0]!;
    await plantTree(source, { 'a.txt': Buffer.from('A') });
    await run(['import', source]);
    store.plant('\0manifest', manifest);
    expect(jsonOf(await run(['verify', source]))).toMatchObject({ different: 1, missing: 0 });
    store.plant('\0manifest');
    expect(jsonOf(await run(['verify', source]))).toMatchObject({ different: 0, missing: 1 });
  });

  it('prints its counts for people', async () => {
    await plantTree(source, SMALL);
    await run(['import', source]);
    const verified = await rondo(['verify', source, '--url', store.url]);
    expect(verified.exit).toBe(0);
    expect(verified.out).toContain('3 files');
    expect(verified.out).toContain('Missing 0, different 0, extra 0, unreadable 0.');
  });
});

describe('export', () => {
  const evil = Buffer.from('evil');

  /** Plants a manifest, and the files that it lists, as a hostile writer could. */
  function plantListed(paths: readonly string[]): void {
    const entries = paths.map((path) => ({ path, size: evil.length, sha256: sha256Hex(evil) }));
    for (const path of paths) store.plant(path, storedFile(evil));
    store.plant('\0manifest', storedFile(encodeManifest(entries)));
  }

  it('refuses paths that lead out of the folder, and writes the others', async () => {
    const target = join(base, 'target');
    plantListed(['../outside', '/outside', 'a/../../outside', 'good/file']);
    const done = await run(['export', target]);
    expect(done.exit).toBe(1);
    expect(jsonOf(done)).toMatchObject({ written: 1, failed: 3 });
    expect(await readTree(target)).toEqual({ 'good/file': evil });
    expect((await readdir(base)).toSorted()).toEqual(['source', 'target']);
  });

  it('does not follow a symlink on the way, and replaces one in a file’s place', async () => {
    const target = join(base, 'target');
    const outside = join(base, 'outside');
    await mkdir(target);
    await mkdir(outside);
    await writeFile(join(outside, 'kept'), 'kept');
    await symlink(outside, join(target, 'way'));
    await symlink(join(outside, 'kept'), join(target, 'place'));
    plantListed(['way/file', 'place']);
    const done = await run(['export', target]);
    expect(jsonOf(done)).toMatchObject({
      written: 1,
      failed: 1,
      problems: [{ path: 'way/file', kind: 'refused' }],
    });
    expect(await readTree(outside)).toEqual({ kept: Buffer.from('kept') });
    expect(await readTree(target)).toEqual({ place: evil });
  });

  it('leaves identical files alone and replaces others', async () => {
    await plantTree(source, SMALL);
    await run(['import', source]);
    const target = join(base, 'target');
    await mkdir(target);
    await plantTree(target, {
      'a.txt': Buffer.from('a'),
      'b.txt': Buffer.from('XX'),
      mine: Buffer.from('m'),
    });
    expect(jsonOf(await run(['export', target]))).toMatchObject({
      success: true,
      written: 2,
      alreadyThere: 1,
    });
    expect(await readTree(target)).toEqual({ ...SMALL, mine: Buffer.from('m') });
  });

  it('writes nothing, not even a temporary file, where the bytes are not those of the manifest', async () => {
    await plantTree(source, { ...SMALL, big: bytesOf(2 * CHUNK_BYTES, 1) });
    await run(['import', source]);
    store.plant(liveChunks()[0]!, bytesOf(CHUNK_BYTES, 2));
    const target = join(base, 'target');
    const done = await run(['export', target]);
    expect(done.exit).toBe(1);
    expect(jsonOf(done)).toMatchObject({ written: 3, failed: 1 });
    expect(await readTree(target)).toEqual(SMALL);
  });

  it('exits 1 where no import has finished', async () => {
    const done = await run(['export', join(base, 'target')]);
    expect(done.exit).toBe(1);
    expect(jsonOf(done)).toMatchObject({ error: { code: 'no_manifest' } });
    const told = await rondo(['export', join(base, 'target'), '--url', store.url]);
    expect(told.err).toContain('no import under this prefix has finished.\n');
  });

  it('reports a file where a folder should be, and goes on', async () => {
    const target = join(base, 'target');
    await mkdir(target);
    await plantTree(target, { a: Buffer.from('a file') });
    plantListed(['a/b', 'c']);
    expect(jsonOf(await run(['export', target]))).toMatchObject({ written: 1, failed: 1 });
  });
});

function storedFile(content: Buffer): Buffer {
  const header = headerFor(content.length, sha256Hex(content), CHUNK_BYTES);
  return encodeFileRecord({ header, firstChunk: content.subarray(0, CHUNK_BYTES) });
}

/** Rewrites a file while the caller waits for its answer, which then is that it should try again. */
function changeBeforeReply(path: string, content: Buffer): Mischief {
  writeFileSync(path, content);
  return 'drop';
}
