import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A copy of the built program in which the database no longer syncs: the control of the power cut, which must lose
 * writes with it. The program itself has no switch for that; the copy is patched where its text is exactly as expected.
 */

const PATCHED = 'services/node/adapters';
const SYNCED = '{ sync: true }';
const UNSYNCED = '{ sync: false }';
const OCCURRENCES = 1;

/** Copies the program at `program` into `folder` and gives its new place. Throws unless the text is there as expected. */
export function copyWithoutSync(program: string, folder: string): string {
  const place = join(folder, 'program');
  const copy = join(place, 'dist');
  mkdirSync(place);
  cpSync(program, copy, { recursive: true });
  cpSync(join(program, '..', 'package.json'), join(place, 'package.json'));
  symlinkSync(join(program, '..', 'node_modules'), join(place, 'node_modules'));
  patch(join(copy, PATCHED));
  return copy;
}

function patch(folder: string): void {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('level-storage') && name.endsWith('.js'))
    .map((name) => join(folder, name));
  const found = files.map((file) => ({ file, parts: readFileSync(file, 'utf8').split(SYNCED) }));
  const count = found.reduce((sum, { parts }) => sum + parts.length - 1, 0);
  if (count !== OCCURRENCES) {
    throw new Error(
      `"${SYNCED}" stands ${String(count)} times in ${folder}, not ${String(OCCURRENCES)}: the control cannot be made`,
    );
  }
  for (const { file, parts } of found) if (parts.length > 1) writeFileSync(file, parts.join(UNSYNCED));
}
