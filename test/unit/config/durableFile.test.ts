import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeJsonDurably } from '../../../services/node/durableFile.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rondo-durable-file-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('writeJsonDurably', () => {
  it('makes the folders, replaces the file and leaves nothing beside it', async () => {
    const path = join(folder, 'a', 'b', 'file.json');
    await writeJsonDurably(path, { n: 1 });
    await writeFile(`${path}.tmp`, 'the rest of a write that a crash cut off, longer than the next');
    await writeJsonDurably(path, { n: 2 });
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ n: 2 });
    expect(await readdir(join(folder, 'a', 'b'))).toEqual(['file.json']);
  });

  it('lets only the owner read: the file holds a key', async () => {
    const path = join(folder, 'file.json');
    await writeJsonDurably(path, {});
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });
});
