import { describe, expect, it } from '@jest/globals';
import { simulateCommand } from '../unit/simulation/support/command.js';
import type { Plan } from './plan.js';
import { PLANTED_BUGS } from './planted/patches.js';

interface Finding {
  readonly foundAfter?: number;
  readonly detail: string;
  readonly plan?: Plan;
}

const SEEDS = 200;
const ITEMS_MAX = 10;

async function search(...flags: readonly string[]): Promise<Finding> {
  const { output, errors } = await simulateCommand('--planted', ...flags, '--json');
  expect(errors).toBe('');
  return JSON.parse(output) as Finding;
}

describe('a planted bug', () => {
  it.each(PLANTED_BUGS.map(({ name }) => name))(
    '%s is found within 200 seeds',
    async (name) => {
      const { foundAfter, detail } = await search(name);
      process.stdout.write(`simulation: ${name} found by seed ${String(foundAfter)}: ${detail}\n`);
      expect(foundAfter).toBeLessThanOrEqual(SEEDS);
    },
    300_000,
  );

  it('is shrunk to a plan of at most ten operations and faults', async () => {
    const { plan } = await search('retry-minted-twice', '--shrink');
    expect(plan!.operations.length + plan!.faults.length).toBeLessThanOrEqual(ITEMS_MAX);
    expect(plan!.operations.length).toBeGreaterThan(0);
  }, 300_000);
});
