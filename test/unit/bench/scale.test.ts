import { describe, expect, it } from '@jest/globals';
import type { ScaleFigures } from '../../../scripts/bench/scale.js';
import { scaleLines } from '../../../scripts/bench/scaleCommand.js';

function memory(mebibytes: number): ScaleFigures['loaded'] {
  return [{ memoryBytes: mebibytes * 2 ** 20, ownBytes: 50 * 2 ** 20, handles: 1 }];
}

const figures: ScaleFigures = {
  keys: 1000,
  putsPerSecond: 500,
  ...{ loaded: memory(100), compared: memory(250), rested: memory(251) },
  ...{ startedSeconds: [1], startedAloneSeconds: 1, trees: { seconds: 2, cpuSeconds: [1] } },
  ...{ restShares: [0.045], idleShares: [0.036] },
};

describe('what many keys cost, for a person', () => {
  it('says which memory is within its target', () => {
    const lines = scaleLines(figures);
    const of = (name: string): string => lines.find((line) => line.startsWith(name)) ?? '';
    expect(of('memory, all trees')).toContain('within 250 MiB');
    expect(of('memory, at rest')).toContain('OVER 250 MiB');
  });

  it('takes from the CPU at rest what a node needs that compares nothing', () => {
    expect(scaleLines(figures).at(-1)).toContain('0.90 %; within 1 %');
    expect(scaleLines({ ...figures, restShares: [0.05] }).at(-1)).toContain('1.40 %; OVER 1 %');
  });
});
