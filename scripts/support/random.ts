/** A small seeded generator (mulberry32): the same seed gives the same choices, so that a run can be told again. */
export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number;
  /** Whole number, uniform in [0, below). */
  below(below: number): number;
}

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { fraction, below: (below) => Math.floor(fraction() * below) };
}
