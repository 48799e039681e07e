import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { planFromJson } from '../simulation/plan.js';
import { runPlan } from '../simulation/run.js';

/** Every plan beside this file broke a promise once; its name says what happened. */
const PLANS = readdirSync(__dirname).filter((file) => file.endsWith('.json'));

describe('a plan that once broke a promise', () => {
  it.each(PLANS)(
    '%s',
    async (file) => {
      const plan = planFromJson(readFileSync(path.join(__dirname, file), 'utf8'));
      const { violations, requests } = await runPlan(plan);
      expect(violations).toEqual([]);
      expect(requests).toBeGreaterThan(0);
    },
    60_000,
  );
});
