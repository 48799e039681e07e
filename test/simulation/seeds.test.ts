import { describe, expect, it } from '@jest/globals';
import { simulateCommand } from '../unit/simulation/support/command.js';

interface Campaign {
  readonly base: string;
  readonly seeds: number;
  readonly runTwice: number;
  readonly simulatedMs: number;
  readonly acknowledged: number;
  readonly faults: readonly (readonly [string, number])[];
  readonly failures: readonly { readonly seed: string; readonly violations: readonly unknown[] }[];
}

const SEEDS = 200;
const HOUR_MS = 3_600_000;

/** What the core does about faults; as sure to be met. */
const FACTS = [
  ...['standInAsked', 'hintKept', 'hintDelivered', 'hintRefused', 'directoryRenounced'],
  ...['readHedged', 'readRepaired', 'readRepairSkipped', 'strayFound', 'tombstoneReaped'],
].map((fact) => `fact:${fact}`);

/** Kinds of faults that 200 seeds cannot miss. */
const KINDS = [
  ...['clockJump', 'clog', 'crash', 'cut', 'damage', 'diskError', 'oldDisk', 'pause', 'restart', 'slowDisk'],
  'storm',
  ...['crashIn', 'crashIn:standIn', 'crashIn:reaping', 'deaf', 'oldView', 'echo', 'move'],
  ...['wipe', 'tornBatch', 'keptBatch', 'failedBatch', 'loss', 'duplicate', 'unroutable'],
  ...['cut:symmetric', 'cut:oneWay', 'cut:isolated', 'cut:split', 'cut:swizzle', 'clog:link', 'clog:swizzle'],
];

describe(`${String(SEEDS)} fresh seeds`, () => {
  it('keep every promise under every kind of fault', async () => {
    const { output, code } = await simulateCommand('--seeds', String(SEEDS), '--json');
    const campaign = JSON.parse(output) as Campaign;
    process.stdout.write(`simulation: ${String(SEEDS)} seeds from base seed ${campaign.base}\n`);
    const failures = campaign.failures.map(
      ({ seed, violations }) => `npm run simulate -- --seed ${seed}: ${JSON.stringify(violations[0])}`,
    );
    expect(failures).toEqual([]);
    expect(code).toBe(0);
    expect(campaign.seeds).toBe(SEEDS);
    expect(campaign.runTwice).toBeGreaterThanOrEqual(SEEDS / 50);
    expect(campaign.simulatedMs).toBeGreaterThan(2 * HOUR_MS);
    expect(campaign.acknowledged).toBeGreaterThan(10 * SEEDS);
    const seen = new Map(campaign.faults);
    expect([...KINDS, ...FACTS].filter((kind) => !seen.has(kind))).toEqual([]);
  }, 600_000);
});

describe('the simulate command', () => {
  it('gives the same trace for the same seed in two processes', async () => {
    const [first, second] = [
      await simulateCommand('--seed', '7', '--json'),
      await simulateCommand('--seed', '7', '--json'),
    ];
    expect(first.code).toBe(0);
    expect(JSON.parse(first.output)).toEqual(JSON.parse(second.output));
    expect((JSON.parse(first.output) as { hash: string }).hash).toMatch(/^[0-9a-f]{16}$/);
  }, 60_000);

  it('refuses a seed that is none', async () => {
    const { code, errors } = await simulateCommand('--seed', 'x');
    expect(code).not.toBe(0);
    expect(errors).toContain('16 hexadecimal digits');
  });
});
