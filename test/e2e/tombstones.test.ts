import { describe, expect, it } from '@jest/globals';
import { runTombstones } from '../../scripts/chaos/tombstones.js';
import { useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 180_000;

describe('keys deleted while a node is away past the grace time, N=3 of 4', () => {
  it(
    'none is forgotten before it is back, none returns, and then all are forgotten (I10, R13)',
    async () => {
      const { folder, ports, cleanup } = stage;
      const { broken } = await runTombstones({
        // Small enough for every run of the tests; `npm run chaos -- tombstones` is the same at full size.
        ...{ nodes: 4, keys: 40, graceMs: 5000, requestTimeoutMs: 500, partitions: 8, reapTimeoutMs: 90_000 },
        ...{ folder, ports, cleanup, flags: ['--anti-entropy-ms=1000'] },
        say: () => undefined,
      });
      expect(broken).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
