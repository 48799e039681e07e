import { describe, expect, it } from '@jest/globals';
import { runWireFuzz } from '../../scripts/fuzz/busRun.js';
import { runHttpFuzz } from '../../scripts/fuzz/httpRun.js';
import { newSeed } from '../../scripts/fuzz/seeds.js';
import { useStage } from './support/stage.js';

const stage = useStage();
const TIMEOUT_MS = 300_000;
const quiet = { say: () => undefined, onProgress: () => undefined };

/** A small share of `npm run fuzz`, with another seed each time; `npm run fuzz -- http --seed …` sends the same again. */
describe('hostile input to real nodes', () => {
  it(
    'HTTP, sound and broken: every answer is documented, sound traffic is served beside it, nothing leaks',
    async () => {
      const seed = newSeed();
      const { faults, counts } = await runHttpFuzz({ ...stage, ...quiet, seed, requests: 3000, nodes: 3 });
      expect({ seed, faults }).toEqual({ seed, faults: [] });
      expect(counts.requests).toBeGreaterThanOrEqual(3000);
      expect(counts.model.verified).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );

  it(
    'frames to the bus ports, in the name of a node and in nobody’s: nodes serve on, nothing leaks',
    async () => {
      const seed = newSeed();
      const { faults, counts, received, rejected } = await runWireFuzz({
        ...stage,
        ...quiet,
        seed,
        frames: 3000,
      });
      expect({ seed, faults }).toEqual({ seed, faults: [] });
      expect(counts.frames).toBeGreaterThanOrEqual(3000);
      expect([received > 0, rejected > 0]).toEqual([true, true]);
    },
    TIMEOUT_MS,
  );
});
