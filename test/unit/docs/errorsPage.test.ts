import { describe, expect, it } from '@jest/globals';
import { errorsPage } from '../../../scripts/docs/errorsPage.js';
import { ERRORS } from '../../../services/node/core/errors.js';

const rows = errorsPage()
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));

describe('docs: the page of errors', () => {
  it('has one row for each code of the table, with its status, retry, outcome and meaning', () => {
    const told = rows.map(([, code, status, retry, outcome, meaning]) => ({
      code,
      status,
      retry,
      outcome,
      meaning,
    }));
    const expected = Object.entries(ERRORS).map(([code, kind]) => ({
      code: `\`${code}\``,
      status: String(kind.status),
      retry: kind.retryable ? 'yes' : 'no',
      outcome: kind.outcome === 'either' ? 'none or unknown' : kind.outcome,
      meaning: kind.message,
    }));
    expect(told).toHaveLength(expected.length);
    expect(told).toEqual(expect.arrayContaining(expected));
  });

  it('is ordered by status and tells for each code what to do next', () => {
    const statuses = rows.map((cells) => Number(cells[2]));
    expect(statuses).toEqual([...statuses].sort((a, b) => a - b));
    for (const cells of rows) expect(cells[6]).toMatch(/^\S.{10,}[.]$/);
  });
});
