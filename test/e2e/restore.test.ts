import { describe, expect, it } from '@jest/globals';
import { runRestore } from '../../scripts/chaos/restore.js';
import { renderVerdict } from '../../scripts/workload/report.js';
import { useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 180_000;

/** Small enough for every run of the tests; `npm run chaos -- restore` is the same at full size. */
const SIZE = { clients: 130, keys: 100, acknowledged: 3000, inFlight: 100, timeoutMs: 120_000 };
const BEHIND = 2000;

describe('a data directory put back to an old copy under load, N=3 R=W=2', () => {
  it(
    'is noticed: another actor, which is rebuilt; nothing is lost and no dot names two writes (I4, R12)',
    async () => {
      const { folder, ports, cleanup } = stage;
      const { verdict, broken } = await runRestore({
        ...{ behind: BEHIND, size: SIZE, folder, ports, cleanup },
        say: () => undefined,
      });
      // The text shows the findings, should there be any.
      expect(renderVerdict(verdict)).toContain('verdict: all promises held');
      expect(broken).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
