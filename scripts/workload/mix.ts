import type { Random } from '../support/random.js';

/**
 * What a client does next. `create` knows of nothing; `update` reads and writes with the version read, which also
 * resolves siblings; `chain` writes with the version of its own last write; `stale` writes with an outdated version
 * and should be refused; `diverge` does the same but asks for a sibling; `delete` reads and deletes what it read.
 */
export type Step = 'create' | 'read' | 'update' | 'chain' | 'stale' | 'diverge' | 'delete';

const SHARES: Readonly<Record<Step, number>> = {
  create: 10,
  read: 14,
  update: 28,
  chain: 34,
  stale: 4,
  diverge: 4,
  delete: 6,
};

const TOTAL = Object.values(SHARES).reduce((sum, share) => sum + share, 0);

export function chooseStep(random: Random): Step {
  let left = random.below(TOTAL);
  for (const [step, share] of Object.entries(SHARES) as [Step, number][]) {
    left -= share;
    if (left < 0) return step;
  }
  return 'read';
}
