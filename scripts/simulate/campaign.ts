import { seedAt } from '../../test/simulation/random.js';
import type { SimulationResult } from '../../test/simulation/simulate.js';
import type { Pool } from './pool.js';

/** Many seeds, one after the other on every core, and what they added up to. */
export interface Campaign {
  readonly base: bigint;
  seeds: number;
  runTwice: number;
  simulatedMs: number;
  requests: number;
  acknowledged: number;
  messages: number;
  readonly faults: Map<string, number>;
  readonly failures: SimulationResult[];
}

export interface CampaignOptions {
  readonly base: bigint;
  /** Ends after so many seeds, or when `isOver` says so. */
  readonly seeds: number;
  readonly isOver: (campaign: Campaign) => boolean;
  readonly onResult: (campaign: Campaign) => void;
}

/** Every fiftieth seed runs twice. */
const TWICE_EVERY = 50;

export async function runCampaign(pool: Pool, options: CampaignOptions): Promise<Campaign> {
  const campaign: Campaign = {
    base: options.base,
    seeds: 0,
    runTwice: 0,
    simulatedMs: 0,
    requests: 0,
    acknowledged: 0,
    messages: 0,
    faults: new Map(),
    failures: [],
  };
  let offset = 0;
  const work = async (): Promise<void> => {
    while (offset < options.seeds && !options.isOver(campaign)) {
      const twice = offset % TWICE_EVERY === 0;
      const seed = seedAt(options.base, offset++);
      add(campaign, await pool.run({ seed, twice }), twice);
      options.onResult(campaign);
    }
  };
  await Promise.all(Array.from({ length: pool.size }, work));
  return campaign;
}

function add(campaign: Campaign, result: SimulationResult, twice: boolean): void {
  campaign.seeds++;
  if (twice) campaign.runTwice++;
  campaign.simulatedMs += result.simulatedMs;
  campaign.requests += result.requests;
  campaign.acknowledged += result.acknowledged;
  campaign.messages += result.messages;
  for (const [name, count] of result.faults) {
    campaign.faults.set(name, (campaign.faults.get(name) ?? 0) + count);
  }
  if (result.violations.length > 0) campaign.failures.push(result);
}
