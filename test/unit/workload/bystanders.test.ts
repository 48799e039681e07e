import { describe, expect, it } from '@jest/globals';
import { measureBystanders, type Bystanders } from '../../../scripts/workload/bystanders.js';
import type { LogLine, MarkName } from '../../../scripts/workload/log.js';

interface Exchange {
  readonly node?: number;
  readonly sentAt: number;
  readonly at: number;
  readonly code?: string;
}

/** Lines in the order of their times, as a recorder writes them; node 1 is the one that faults strike. */
function measured(
  exchanges: readonly Exchange[],
  marks: readonly (readonly [MarkName, number])[],
): Bystanders {
  const lines = exchanges.flatMap(({ node = 0, sentAt, at, code = 'ok' }, index): LogLine[] => {
    const n = index + 1;
    const outcome = code === 'ok' ? 'ok' : 'unknown';
    return [
      { t: 'send', n, at: sentAt, client: 0, node, op: 'get', key: 'k' },
      { t: 'answer', n, at, outcome, code },
    ];
  });
  lines.push(...marks.map(([name, at]): LogLine => ({ t: 'mark', name, at, inFlight: 1 })));
  const timeOf = (line: LogLine): number => ('at' in line ? line.at : 0);
  return measureBystanders(
    lines.sort((a, b) => timeOf(a) - timeOf(b)),
    new Set([1]),
  );
}

describe('requests through nodes that no fault struck', () => {
  it('a request counts for the time in which it was answered, so that one under way when the fault struck is in it', () => {
    const { calm, faulty } = measured(
      [
        { sentAt: 0, at: 10 },
        { sentAt: 90, at: 140 },
        { sentAt: 290, at: 320 },
      ],
      [
        ['fault', 100],
        ['healed', 300],
      ],
    );
    expect(faulty).toMatchObject({ count: 1, maxMs: 50 });
    expect(calm).toMatchObject({ count: 2, maxMs: 30 });
  });

  it('requests through a struck node do not count', () => {
    const { calm, faulty, errors, unanswered } = measured(
      [{ node: 1, sentAt: 110, at: 5110, code: 'client_timeout' }],
      [['fault', 100]],
    );
    expect([calm.count, faulty.count, errors, unanswered]).toEqual([0, 0, {}, 0]);
  });

  it('503 is late where it was sent a second after the fault, also when that is over, and slow where it was answered then', () => {
    const { late503, slow503, errors } = measured(
      [
        { sentAt: 0, at: 50, code: 'overloaded' },
        { sentAt: 100, at: 1050, code: 'quorum_not_met' },
        { sentAt: 100, at: 1150, code: 'quorum_not_met' },
        { sentAt: 2100, at: 2200, code: 'status_503' },
        { sentAt: 2100, at: 2300, code: 'stale_version' },
      ],
      [
        ['fault', 100],
        ['healed', 2000],
      ],
    );
    expect([late503, slow503]).toEqual([1, 1]);
    expect(errors).toEqual({ quorum_not_met: 2, stale_version: 1, status_503: 1 });
  });

  it('a second fault has a first second of its own', () => {
    const { late503, slow503 } = measured(
      [{ sentAt: 5000, at: 5500, code: 'quorum_not_met' }],
      [
        ['fault', 100],
        ['healed', 2000],
        ['fault', 5000],
      ],
    );
    expect([late503, slow503]).toEqual([0, 0]);
  });

  it('what ended without an answer is counted', () => {
    const { unanswered } = measured(
      [
        { sentAt: 110, at: 5110, code: 'client_timeout' },
        { sentAt: 120, at: 130, code: 'connection_lost' },
      ],
      [['fault', 100]],
    );
    expect(unanswered).toBe(2);
  });
});
