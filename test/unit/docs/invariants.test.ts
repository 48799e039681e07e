import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { NUMBERS, faultsOf, parsePage } from './invariantsPage.js';

const ROOT = path.join(__dirname, '../../..');
const page = readFileSync(path.join(ROOT, 'docs/INVARIANTS.md'), 'utf8');

function readText(file: string): string | undefined {
  const absolute = path.join(ROOT, file);
  return existsSync(absolute) ? readFileSync(absolute, 'utf8') : undefined;
}

/** The first cited test of the real page, to be damaged. */
const [cited] = parsePage(page).flatMap((entry) => entry.tests);

describe('docs: promises and rules', () => {
  it('the page has every promise and rule, each with tests that exist or the work that will hold it', () => {
    expect(faultsOf(page, readText)).toEqual([]);
  });

  it('the entries stand in the order of their numbers', () => {
    expect(parsePage(page).map((entry) => entry.number)).toEqual(NUMBERS);
  });

  it('a missing entry is a fault, and so is one that is there twice', () => {
    expect(faultsOf(page.replace('### I7 ', '### I77 '), readText)).toEqual([
      'I7 is missing',
      'I77 is unknown or there twice',
    ]);
    expect(faultsOf(page.replace('### R3 ', '### R2 '), readText)).toEqual([
      'R3 is missing',
      'R2 is unknown or there twice',
    ]);
  });

  it('an entry without test and work, or with an unknown work, is a fault', () => {
    const bare = page.replace(/(### R14 [^]*?)(\n- .*)+/, '$1');
    expect(faultsOf(bare, readText)).toEqual(['R14: has neither a test nor a work']);
    const unknown = page.replace('- Work: ring changes', '- Work: some day');
    expect(faultsOf(unknown, readText)).toEqual([expect.stringMatching(/^I\d+: unknown work "some day"$/)]);
  });

  it('a cited file or test name that does not exist is a fault', () => {
    const renamed = page.replace(`: ${cited!.name}`, `: ${cited!.name} now`);
    expect(faultsOf(renamed, readText)).toEqual([expect.stringContaining(`is named: ${cited!.name} now`)]);
    const moved = page.replace(`\`${cited!.file}\``, '`test/unit/nowhere.test.ts`');
    expect(faultsOf(moved, readText)).toEqual([
      expect.stringContaining('no test file test/unit/nowhere.test.ts'),
    ]);
  });
});
