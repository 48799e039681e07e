import { describe, expect, it } from '@jest/globals';
import { runWipe, type Wiped } from '../../scripts/chaos/wipe.js';
import { renderVerdict } from '../../scripts/workload/report.js';
import { useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 120_000;

/** Small enough for every run of the tests; `npm run chaos -- wipe` is the same at full size. */
const SIZE = { clients: 130, keys: 100, acknowledged: 1200, inFlight: 100, timeoutMs: 60_000 };

describe('the data of one node wiped under load, N=3 R=W=2: it is rebuilt as another, and nothing is lost', () => {
  it.each<Wiped>(['db', 'all'])(
    'wiped: %s',
    async (what) => {
      const { folder, ports, cleanup } = stage;
      const { verdict, broken } = await runWipe({
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
