import { describe, expect, it } from '@jest/globals';
import { runDamage } from '../../scripts/chaos/damage.js';
import type { Damage } from '../../scripts/chaos/databaseFiles.js';
import { renderVerdict } from '../../scripts/workload/report.js';
import { useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 120_000;

/** Small enough for every run of the tests; `npm run chaos -- damage` is the same at full size, with all kinds of damage. */
const SIZE = { clients: 50, keys: 100, acknowledged: 1000, inFlight: 20, timeoutMs: 60_000 };

describe('the database of one node damaged while it is down, N=3 R=W=2: noticed, rebuilt, and nothing is lost (R12)', () => {
  it.each<Damage>(['log', 'torn'])(
    '%s',
    async (what) => {
      const { folder, ports, cleanup } = stage;
      const { verdict, broken } = await runDamage({
        ...{ what, size: SIZE, folder, ports, cleanup },
        say: () => undefined,
      });
      // The text shows the findings, should there be any.
      expect(renderVerdict(verdict)).toContain('verdict: all promises held');
      expect(broken).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
