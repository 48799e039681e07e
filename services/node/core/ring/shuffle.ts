import { at } from './elements.js';

/** The list in an order without pattern; the same list and seed (whole numbers) give the same order everywhere. */
export function shuffled(list: readonly number[], seed: number): number[] {
  const order = [...list];
  let state = seed;
  for (let i = order.length - 1; i > 0; i--) {
    state = scramble(state + i);
    const other = state % (i + 1);
    const kept = at(order, i);
    order[i] = at(order, other);
    order[other] = kept;
  }
  return order;
}

/** Spreads a number over 32 bits (the finalizer of MurmurHash3). */
function scramble(number: number): number {
  let bits = (number + 0x9e3779b9) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
