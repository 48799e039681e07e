import { describe, expect, it } from '@jest/globals';
import { confirmedBefore, whyMissed } from '../../../scripts/chaos/confirmed.js';
import type { LogLine, SendLine } from '../../../scripts/workload/log.js';

const WIPED = 1;

function sent(n: number, node: number, value?: string): SendLine {
  const base = { t: 'send', n, at: n, client: 0, node, key: 'k' } as const;
  return value === undefined ? { ...base, op: 'get' } : { ...base, op: 'put', write: { value, from: 0 } };
}

function answered(n: number, outcome: 'ok' | 'unknown', values?: readonly string[]): LogLine {
  return { t: 'answer', n, at: n, outcome, code: 'c', ...(values && { values }) };
}

const mark: LogLine = { t: 'mark', name: 'fault', at: 9, inFlight: 0 };

describe('what a node confirmed before it was wiped', () => {
  it('is what it acknowledged, and what it showed', () => {
    const lines = [
      ...[sent(1, WIPED, 'own'), answered(1, 'ok')],
      ...[sent(2, WIPED), answered(2, 'ok', ['shown'])],
      ...[sent(3, WIPED, 'unknown'), answered(3, 'unknown')],
      ...[sent(4, 0, 'of another'), answered(4, 'ok')],
      ...[sent(5, WIPED, 'too late'), mark, answered(5, 'ok')],
    ];
    expect([...confirmedBefore(lines, WIPED)]).toEqual(['own', 'shown']);
  });

  it('must not be among what is missed, during the run or after it', () => {
    const lost = [{ key: 'k', value: 'own', detail: 'd' }];
    const staleReads = [{ key: 'k', value: 'shown', detail: 'd' }];
    const confirmed = new Set(['own', 'shown', 'other']);
    expect(whyMissed(confirmed, { lost, staleReads })).toHaveLength(2);
    expect(whyMissed(confirmed, { lost: [], staleReads: [] })).toEqual([]);
    expect(whyMissed(new Set(), { lost: [], staleReads: [] })).toHaveLength(1);
  });
});
