import { describe, expect, it } from '@jest/globals';
import { runPause } from '../../scripts/chaos/pause.js';
import { renderVerdict } from '../../scripts/workload/report.js';
import { useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 120_000;
const PAUSE_MS = 5000;

/** Small enough for every run of the tests; `npm run chaos -- pause` is the same at full size. */
const SIZE = { clients: 130, keys: 100, acknowledged: 1200, inFlight: 100, timeoutMs: 90_000 };

describe('one node frozen under load, N=3 R=W=2', () => {
  it(
    'the others serve without it, keep what it misses, and hand it over when it goes on; nothing is lost',
    async () => {
      const { folder, ports, cleanup } = stage;
      const { verdict, broken, hintsMost } = await runPause({
        ...{
          pauseMs: PAUSE_MS,
          warmUpWrites: 600,
          drainTimeoutMs: 30_000,
          size: SIZE,
          folder,
          ports,
          cleanup,
        },
        say: () => undefined,
      });
      // The text shows the findings, should there be any.
      expect(renderVerdict(verdict)).toContain('verdict: all promises held');
      expect(broken).toEqual([]);
      expect(hintsMost).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
