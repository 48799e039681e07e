import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Patch, PlantedBug } from '../../test/simulation/planted/patches.js';
import { runCampaign } from './campaign.js';
import { openPool } from './pool.js';
import { shrinkFailure, type Shrunk } from './shrinking.js';

/** Proves that the simulator finds bugs: plants one in a copy of what was built, and looks for it. */

export interface Finding {
  readonly name: string;
  /** How many seeds were run until it was found; `undefined`: it was not. */
  readonly foundAfter: number | undefined;
  readonly seed: string | undefined;
  readonly detail: string;
  readonly shrunk?: Shrunk;
}

export interface SearchOptions {
  /** Folder of the build. */
  readonly dist: string;
  readonly workers: number;
  readonly base: bigint;
  readonly seeds: number;
  readonly shrinks: boolean;
}

/** What a simulation needs of the build. */
const COPIED = [
  'services/node/core',
  'services/node/runtime',
  'services/node/ports',
  'test/simulation',
  'scripts',
];

/** Throws where a patch does not match exactly once. */
export async function findPlanted(bug: PlantedBug, options: SearchOptions): Promise<Finding> {
  const copy = mkdtempSync(join(tmpdir(), 'rondo-planted-'));
  try {
    for (const folder of COPIED) cpSync(join(options.dist, folder), join(copy, folder), { recursive: true });
    writeFileSync(join(copy, 'package.json'), '{"type":"module"}\n');
    for (const patch of bug.patches) applyPatch(copy, bug.name, patch);
    return await search(bug, join(copy, 'scripts/simulate/worker.js'), options);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function applyPatch(folder: string, name: string, { file, find, replace }: Patch): void {
  const path = join(folder, file);
  const pieces = readFileSync(path, 'utf8').split(find);
  if (pieces.length !== 2) {
    throw new Error(
      `the planted bug ${name} matches ${String(pieces.length - 1)} times in ${file}, not once`,
    );
  }
  writeFileSync(path, pieces.join(replace));
}

async function search(bug: PlantedBug, workerFile: string, options: SearchOptions): Promise<Finding> {
  const pool = openPool(workerFile, options.workers);
  try {
    const isFound = ({ violations }: { violations: readonly { promise: string }[] }): boolean =>
      violations.some(({ promise }) => (bug.breaks as readonly string[]).includes(promise));
    const campaign = await runCampaign(pool, {
      base: options.base,
      seeds: options.seeds,
      isOver: ({ failures }) => failures.some(isFound),
      onResult: () => undefined,
    });
    const found = campaign.failures.find(isFound);
    const violations = (found?.violations ?? []).filter(({ promise }) =>
      isFound({ violations: [{ promise }] }),
    );
    const [first] = violations;
    return {
      name: bug.name,
      foundAfter: found ? Number(BigInt(`0x${found.seed}`) - options.base) + 1 : undefined,
      seed: found?.seed,
      detail: first ? `${first.promise}: ${first.detail}` : 'not found',
      ...(found && options.shrinks && { shrunk: await shrinkFailure(pool, { ...found, violations }) }),
    };
  } finally {
    pool.close();
  }
}
