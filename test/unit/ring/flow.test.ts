import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  addArc,
  createNetwork,
  flowOf,
  sendCheapest,
  SINK,
  SOURCE,
} from '../../../services/node/core/ring/flow.js';

/** Price of giving each row another column, by trying every way; rows may go without where `room` is too small. */
function cheapestByTrying(costs: readonly (readonly number[])[], room: readonly number[]): [number, number] {
  const [row, ...rest] = costs;
  if (!row) return [0, 0];
  let best = cheapestByTrying(rest, room);
  row.forEach((cost, column) => {
    if (room[column] === 0) return;
    const left = room.map((free, i) => (i === column ? free - 1 : free));
    const [size, price] = cheapestByTrying(rest, left);
    if (size + 1 > best[0] || (size + 1 === best[0] && price + cost < best[1]))
      best = [size + 1, price + cost];
  });
  return best;
}

describe('cheapest flow', () => {
  it('flow: as large as possible, and then as cheap as possible, as trying every way finds', () => {
    const columns = 4;
    const costs = fc.array(fc.array(fc.nat(9), { minLength: columns, maxLength: columns }), { maxLength: 5 });
    const room = fc.array(fc.nat(2), { minLength: columns, maxLength: columns });
    fc.assert(
      fc.property(costs, room, (rows, free) => {
        const network = createNetwork(2 + columns + rows.length, columns + rows.length * (1 + columns));
        free.forEach((capacity, column) => addArc(network, 2 + column, SINK, capacity, 0));
        const arcs = rows.flatMap((row, i) => {
          const vertex = 2 + columns + i;
          addArc(network, SOURCE, vertex, 1, 0);
          return row.map((cost, column) => ({ cost, arc: addArc(network, vertex, 2 + column, 1, cost) }));
        });
        const size = sendCheapest(network);
        const price = arcs.reduce((sum, { cost, arc }) => sum + cost * flowOf(network, arc), 0);
        expect([size, price]).toEqual(cheapestByTrying(rows, free));
      }),
    );
  });

  it('flow: takes back what it sent first where that makes room for more', () => {
    const [a, b, x, y] = [2, 3, 4, 5] as const;
    const network = createNetwork(6, 7);
    for (const from of [a, b]) addArc(network, SOURCE, from, 1, 0);
    for (const to of [x, y]) addArc(network, to, SINK, 1, 0);
    const cheap = addArc(network, a, x, 1, 0);
    const dear = addArc(network, a, y, 1, 5);
    const only = addArc(network, b, x, 1, 3);
    expect(sendCheapest(network)).toBe(2);
    expect([cheap, dear, only].map((arc) => flowOf(network, arc))).toEqual([0, 1, 1]);
  });

  it('flow: nothing where the sink cannot be reached', () => {
    expect(sendCheapest(createNetwork(2, 1))).toBe(0);
  });
});
