import { describe, expect, it } from '@jest/globals';
import { type Cell, figuresOf } from '../../../scripts/bench/measure.js';
import { median, summarize } from '../../../scripts/bench/summary.js';

function cell(round: number, subject: string, perSecond: number, more: Partial<Cell> = {}): Cell {
  return {
    round,
    subject,
    kind: 'get',
    answered: perSecond * 8,
    perSecond,
    p50Ms: 1,
    p99Ms: 2,
    cpuMicrosPerRequest: 100,
    memoryBytes: [10, 20, 30],
    failures: {},
    complaints: [],
    ...more,
  };
}

describe('bench: the arithmetic', () => {
  it('a median is the middle one, or the mean of the two', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 9, 2])).toBe(3);
    expect(median([])).toBeNaN();
  });

  it('throughput is the sum of the rates, not of the counts over one time; CPU time is for each request', () => {
    const one = { bytes: 1, failures: {} };
    const figures = figuresOf(
      [
        { ...one, answered: 100, seconds: 1, latencies: [[1000, 100]] },
        { ...one, answered: 300, seconds: 2, latencies: [[5000, 300]], failures: { connect: 1 } },
      ],
      { serversMicros: 80_000, othersCores: 0.1 },
    );
    expect(figures).toEqual({
      answered: 400,
      perSecond: 250,
      p50Ms: 5,
      p99Ms: 5,
      cpuMicrosPerRequest: 200,
      othersCores: 0.1,
      failures: { connect: 1 },
    });
    expect(figuresOf([], undefined)).not.toHaveProperty('cpuMicrosPerRequest');
  });

  it('a ratio is the median of the ratios within each round, not the ratio of the medians', () => {
    const rounds: [number, number][] = [
      [100, 50],
      [200, 60],
      [1000, 900],
    ];
    const cells = rounds.flatMap(([ceiling, own], round) => [
      cell(round, 'bare', ceiling),
      cell(round, 'rondo', own),
    ]);
    const [bare, rondo] = summarize(cells, 'bare');
    expect(bare).not.toHaveProperty('ratio');
    expect(rondo).toMatchObject({ subject: 'rondo', rounds: 3, perSecond: 60, ratio: 0.5, memoryBytes: 60 });
    expect(rondo!.spread).toBeCloseTo((900 - 50) / 60);
  });

  it('kinds of requests are kept apart', () => {
    const cells = [
      cell(1, 'bare', 100),
      cell(1, 'rondo', 40),
      cell(1, 'bare', 50, { kind: 'put' }),
      cell(1, 'rondo', 10, { kind: 'put' }),
    ];
    expect(summarize(cells, 'bare').map(({ kind, subject, ratio }) => [kind, subject, ratio])).toEqual([
      ['get', 'bare', undefined],
      ['get', 'rondo', 0.4],
      ['put', 'bare', undefined],
      ['put', 'rondo', 0.2],
    ]);
  });

  it('where the ceiling was not measured there is no ratio, where CPU time is unknown none of that', () => {
    const { cpuMicrosPerRequest, ...unknown } = cell(1, 'rondo', 40);
    expect(cpuMicrosPerRequest).toBe(100);
    const [rondo] = summarize([unknown], 'bare');
    expect(rondo).not.toHaveProperty('ratio');
    expect(rondo).not.toHaveProperty('cpuMicrosPerRequest');
  });
});
