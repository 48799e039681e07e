import { describe, expect, it } from '@jest/globals';
import type { Cell } from '../../../scripts/bench/measure.js';
import { verdictText } from '../../../scripts/bench/report.js';
import { summarize } from '../../../scripts/bench/summary.js';
import { judge, type Target } from '../../../scripts/bench/targets.js';

function cell(round: number, subject: string, perSecond: number, more: Partial<Cell> = {}): Cell {
  const figures = { answered: perSecond * 8, perSecond, p50Ms: 1, p99Ms: 2, memoryBytes: [10] };
  return { round, subject, kind: 'get', ...figures, failures: {}, complaints: [], ...more };
}

const TARGET: Target = {
  ...{ subject: 'own', against: 'other', kind: 'get', first: 1.5, goal: 2, p99NoWorse: true },
};

function judged(cells: readonly Cell[], target = TARGET) {
  return judge(cells, summarize(cells, 'bare'), [target]);
}

describe('bench: targets', () => {
  it.each([
    [149, 'short'],
    [150, 'first step'],
    [199, 'first step'],
    [200, 'goal'],
  ])('%d of 100 reaches: %s', (own, reached) => {
    expect(judged([cell(1, 'own', own), cell(1, 'other', 100)])).toMatchObject([{ reached }]);
  });

  it('the ratio is the median of those of each round that has both, and each is shown', () => {
    const cells = [
      ...[cell(1, 'own', 100), cell(1, 'other', 100)],
      ...[cell(2, 'own', 900), cell(2, 'other', 300)],
      ...[cell(3, 'own', 320), cell(3, 'other', 200)],
      cell(4, 'own', 5000),
    ];
    const verdicts = judged(cells);
    expect(verdicts).toMatchObject([{ ratios: [1, 3, 1.6], ratio: 1.6, reached: 'first step' }]);
    expect(verdictText(verdicts)).toContain('GET own / other');
    expect(verdictText(verdicts)).toContain(
      'rounds 1.00, 3.00, 1.60; median 1.60; first step 1.5 met, goal 2 short; p99 2.00 ms to 2.00 ms: met',
    );
  });

  it('slower slowest requests are said where they matter, and only there', () => {
    const cells = [cell(1, 'own', 300, { p99Ms: 3 }), cell(1, 'other', 100)];
    expect(judged(cells)).toMatchObject([{ reached: 'goal', p99IsNoWorse: false }]);
    expect(verdictText(judged(cells))).toContain('p99 3.00 ms to 2.00 ms: short');
    const [free] = judged(cells, { ...TARGET, p99NoWorse: false });
    expect(free).not.toHaveProperty('p99IsNoWorse');
    expect(verdictText(free ? [free] : [])).not.toContain('p99');
  });

  it('where one side was not measured under that kind of request, nothing is judged or shown', () => {
    expect(judged([cell(1, 'own', 300)])).toEqual([]);
    expect(judged([cell(1, 'own', 300), cell(1, 'other', 100, { kind: 'put' })])).toEqual([]);
    expect(verdictText([])).toBe('');
  });

  it('the targets of the project hold Rondo against the ceiling, and over a broker against etcd', () => {
    const cells = ['bare', 'rondo', 'rondo-amqp', 'etcd', 'consul'].map((name) => cell(1, name, 100));
    const pairs = judge(cells, summarize(cells, 'bare')).map(
      ({ target }) => `${target.kind} ${target.subject} / ${target.against}`,
    );
    expect(pairs).toEqual(['get rondo / bare', 'get rondo-amqp / etcd']);
  });
});
