import { describe, expect, it } from '@jest/globals';
import { Budget, LiveTable } from '../../../services/node/core/coordinator/liveTable.js';

const budgetOf = (requestsMax: number, bytesMax: number) => new Budget({ requestsMax, bytesMax });

describe('the table of live requests', () => {
  it('has room up to both bounds, over all tables of one budget (I14)', () => {
    const budget = budgetOf(3, 100);
    const [a, b] = [new LiveTable(budget), new LiveTable(budget)];
    a.add(1, { deadlineMs: 10, bytes: 60 });
    expect([budget.hasRoom(40), budget.hasRoom(41)]).toEqual([true, false]);
    b.add(2, { deadlineMs: 10, bytes: 0 });
    b.add(3, { deadlineMs: 10, bytes: 0 });
    expect(budget.hasRoom(0)).toBe(false);
    a.delete(1);
    expect([budget.requests, budget.bytes]).toEqual([2, 0]);
  });

  it('gives room back once, however often an entry is deleted', () => {
    const budget = budgetOf(3, 100);
    const table = new LiveTable(budget);
    table.add(1, { deadlineMs: 10, bytes: 60 });
    for (let times = 0; times < 3; times++) table.delete(1);
    table.delete(2);
    expect([budget.requests, budget.bytes, table.get(1)]).toEqual([0, 0, undefined]);
  });

  it('gives back what an entry has grown to', () => {
    const budget = budgetOf(3, 100);
    const table = new LiveTable(budget);
    table.add(1, { deadlineMs: 10, bytes: 10 });
    expect([table.resize(1, 100), table.resize(1, 101), table.resize(7, 5)]).toEqual([true, false, true]);
    expect(budget.bytes).toBe(100);
    table.delete(1);
    expect(budget.bytes).toBe(0);
  });

  it('finds those whose deadline has come', () => {
    const table = new LiveTable(budgetOf(9, 9));
    [30, 10, 20, 11].forEach((deadlineMs, i) => table.add(i, { deadlineMs, bytes: 0 }));
    expect([table.expired(9), table.expired(11), table.expired(100)]).toEqual([[], [1, 3], [0, 1, 2, 3]]);
    expect(table.numbers()).toEqual([0, 1, 2, 3]);
  });
});
