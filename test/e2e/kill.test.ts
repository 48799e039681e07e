import { describe, expect, it } from '@jest/globals';
import { runKill, type KillTarget } from '../../scripts/chaos/kill.js';
import { renderVerdict } from '../../scripts/workload/report.js';
import { useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 120_000;

/** Small enough for every run of the tests; `npm run chaos -- kill` is the same at full size. */
const SIZE = { clients: 130, keys: 100, acknowledged: 1200, inFlight: 100, timeoutMs: 60_000 };

describe('SIGKILL under load, N=3 R=W=2: nothing acknowledged is lost, nothing is seen that was not sent', () => {
  it.each<KillTarget>(['replica', 'coordinator', 'all'])(
    '%s',
    async (target) => {
      const { folder, ports, cleanup } = stage;
      const said: string[] = [];
      const say = (line: string): void => void said.push(line);
      const { verdict } = await runKill({ target, size: SIZE, faults: 1, folder, ports, cleanup, say });
      // The text shows the findings, should there be any.
      expect(renderVerdict(verdict)).toContain('verdict: all promises held');
      expect(verdict.measures.marks.map((mark) => mark.name)).toEqual(['fault', 'healed']);
      expect(said[0]).toContain('SIGKILL');
    },
    TIMEOUT_MS,
  );
});
