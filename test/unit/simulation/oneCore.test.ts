import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = path.resolve(__dirname, '../../..');
const SIMULATION = 'test/simulation';
const CORE = 'services/node/core';

const textOf = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');

function filesBelow(folder: string): string[] {
  return readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => path.posix.join(folder, file))
    .sort();
}

/** What a file imports at run time; types leave no trace there. */
function importsOf(file: string): string[] {
  const found = textOf(file).matchAll(/^(?:import|export) (?!type )[^;]*? from '(\.[^']+)\.js';/gms);
  return [...found].map((match) => `${path.posix.join(path.posix.dirname(file), match[1]!)}.ts`);
}

function reachableFrom(entry: string): Set<string> {
  const reached = new Set<string>();
  const pending = [entry];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    pending.push(...importsOf(file));
  }
  return reached;
}

/** Functions and classes that are declared at the top of a file. */
function declarationsOf(file: string): string[] {
  const found = textOf(file).matchAll(/^(?:export )?(?:async )?(?:function\*?|class|const) (\w+)/gm);
  return [...found].map((match) => match[1]!);
}

describe('the simulator', () => {
  const reached = reachableFrom(`${SIMULATION}/simulate.ts`);

  it('runs the node that production runs, on the runtime that production runs', () => {
    expect(importsOf(`${SIMULATION}/machine.ts`)).toEqual(
      expect.arrayContaining([`${CORE}/node.ts`, 'services/node/runtime/runtime.ts']),
    );
    const machines = filesBelow(CORE).filter((file) => /\/(coordinator|replica)\//.test(file));
    const missed = machines.filter((file) => !reached.has(file));
    // Types alone run nowhere.
    expect(missed.filter((file) => declarationsOf(file).length > 0)).toEqual([]);
    expect([...reached].filter((file) => file.includes('/adapters/'))).toEqual([]);
  });

  it('reaches coordinator and replica only through that node', () => {
    const direct = filesBelow(SIMULATION).filter((file) =>
      importsOf(file).some((imported) => /\/core\/(coordinator|replica)\//.test(imported)),
    );
    expect(direct).toEqual([]);
    expect(filesBelow(SIMULATION).filter((file) => importsOf(file).includes(`${CORE}/node.ts`))).toEqual([
      `${SIMULATION}/machine.ts`,
    ]);
  });

  it('declares nothing that the core declares: no merge, no quorum, no resolution of its own', () => {
    const parts = ['coordinator', 'replica', 'versioning'].flatMap((part) => filesBelow(`${CORE}/${part}`));
    const core = new Set(parts.flatMap(declarationsOf));
    expect(core.has('mergeRecords') && core.has('resolveWrite') && core.has('countIn')).toBe(true);
    const own = filesBelow(SIMULATION).flatMap(declarationsOf);
    const suspects = own.filter((name) => core.has(name) || /^(merge|resolve|tally|quorum)/i.test(name));
    expect(suspects).toEqual([]);
  });
});
