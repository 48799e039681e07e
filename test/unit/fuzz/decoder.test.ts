import { describe, expect, it } from '@jest/globals';
import { BATCH_ENVELOPES, inputsOf, runBatch } from '../../../scripts/fuzz/bus/decoder.js';
import { newSeed } from '../../../scripts/fuzz/seeds.js';

const BATCHES = 30;

describe('bus decoder under fire', () => {
  it('tens of thousands of envelopes, sound and damaged: each comes back, or is refused with a DecodeError', () => {
    const seed = newSeed();
    const counts = { envelopes: 0, decoded: 0, refused: 0 };
    for (let batch = 0; batch < BATCHES; batch++) {
      const finding = runBatch(seed, batch, counts, () => undefined);
      const shown = finding && { what: finding.what, hex: Buffer.from(finding.bytes).toString('hex') };
      expect({ seed, batch, finding: shown }).toEqual({ seed, batch, finding: undefined });
    }
    expect(counts.envelopes).toBe(BATCHES * BATCH_ENVELOPES);
    // Damage that is always noticed at the first byte would try nothing.
    expect(counts.decoded).toBeGreaterThan(counts.envelopes / 20);
    expect(counts.refused).toBeGreaterThan(counts.envelopes / 2);
  });

  it('the same seed and batch give the same inputs, others give others', () => {
    const hexes = (seed: number, batch: number) =>
      inputsOf(seed, batch).map(({ bytes }) => Buffer.from(bytes).toString('hex'));
    const seed = newSeed();
    expect(hexes(seed, 3)).toEqual(hexes(seed, 3));
    expect(hexes(seed, 3)).not.toEqual(hexes(seed, 4));
  });
});
