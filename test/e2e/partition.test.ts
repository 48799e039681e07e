import { describe, expect, it } from '@jest/globals';
import { runIsolation } from '../../scripts/chaos/isolation.js';
import { runPartition } from '../../scripts/chaos/partition.js';
import { renderVerdict } from '../../scripts/workload/report.js';
import { useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 240_000;

/** Small enough for every run of the tests; `npm run chaos -- partition` and `-- isolate` are the same at full size. */
const SIZE = { clients: 60, keys: 150, acknowledged: 1000, inFlight: 20, timeoutMs: 120_000 };

/** So that dead nodes and comparisons need not be waited for. */
const FLAGS = ['--anti-entropy-ms=1000', '--node-timeout-ms=1200'];

describe('five nodes, N=3, that cannot reach each other for a while', () => {
  it(
    'two cut off from three: both sides write and delete; healed, replicas become the same, and then rest (I12)',
    async () => {
      const { folder, ports, cleanup } = stage;
      const { verdict, broken } = await runPartition({
        ...{ how: 'silent', cutMs: 6000, sameTimeoutMs: 90_000, quietMs: 8000, size: SIZE },
        ...{ folder, ports, cleanup, flags: FLAGS },
        say: () => undefined,
      });
      // The text shows the findings, should there be any.
      expect(renderVerdict(verdict)).toContain('verdict: all promises held');
      expect(broken).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'one alone: nothing is moved, dropped or agreed on, whatever anybody sees (I13)',
    async () => {
      const { folder, ports, cleanup } = stage;
      const { broken } = await runIsolation({
        ...{ how: 'reset', cutMs: 6000, keys: 120, folder, ports, cleanup, flags: FLAGS },
        say: () => undefined,
      });
      expect(broken).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
