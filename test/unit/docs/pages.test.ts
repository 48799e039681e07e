import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { stalePages, writePages } from '../../../scripts/docs/pages.js';

const PAGES = [
  { path: 'docs/a.md', content: '# A   ' },
  { path: 'docs/b.json', content: '{}' },
];

const format = async (_file: string, content: string) => `${content.trim()}\n`;

describe('docs: generated pages', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'rondo-docs-'));
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  const stalePaths = async () => (await stalePages(root, PAGES, format)).map((page) => page.path);

  it('a missing page is stale, is written formatted, and is then stale no more', async () => {
    expect(await stalePaths()).toEqual(['docs/a.md', 'docs/b.json']);
    expect(await writePages(root, PAGES, format)).toEqual(['docs/a.md', 'docs/b.json']);
    expect(readFileSync(path.join(root, 'docs/a.md'), 'utf8')).toBe('# A\n');
    expect(await stalePaths()).toEqual([]);
  });

  it('one altered character makes a page stale, and only that page is written again', async () => {
    await writePages(root, PAGES, format);
    writeFileSync(path.join(root, 'docs/a.md'), '# B\n');
    expect(await stalePaths()).toEqual(['docs/a.md']);
    expect(await writePages(root, PAGES, format)).toEqual(['docs/a.md']);
    expect(await stalePaths()).toEqual([]);
  });
});
