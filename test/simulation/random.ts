/**
 * Randomness of a simulation: one 64-bit seed, and from it as many named streams as are wanted. A draw in one stream
 * disturbs no other, so that a change in one part of the simulator leaves the rest of a seed's story alone.
 */
export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number;
  /** Whole number, uniform in [0, below). */
  below(below: number): number;
  /** Whole number, uniform from `min` to `max`, both included. */
  between(min: number, max: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** A copy in random order. */
  shuffled<T>(list: readonly T[]): T[];
}

/** A seed as 16 hexadecimal digits. */
export type Seed = string;

const SEED_MASK = (1n << 64n) - 1n;

/** Seed number `offset` behind `base`. */
export function seedAt(base: bigint, offset: number): Seed {
  return ((base + BigInt(offset)) & SEED_MASK).toString(16).padStart(16, '0');
}

/** Reads a seed as it is printed (`0x…` or 16 hexadecimal digits) or as a decimal number. Throws on anything else. */
export function parseSeed(text: string): bigint {
  const hex = /^[0-9a-f]{16}$/i.test(text);
  if (!hex && !/^(0x[0-9a-f]{1,16}|[0-9]{1,20})$/i.test(text)) throw new Error(`${text} is not a seed`);
  return BigInt(hex ? `0x${text}` : text) & SEED_MASK;
}

/** The stream called `name` of a seed (sfc32, its state hashed from both). */
export function stream(seed: Seed, name: string): Random {
  let [a, b, c] = hashed(`${seed} ${name}`);
  let d = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 12; i++) next();
  return randomFrom(next);
}

function randomFrom(fraction: () => number): Random {
  const below = (limit: number): number => Math.floor(fraction() * limit);
  return {
    fraction,
    below,
    between: (min, max) => min + below(max - min + 1),
    chance: (probability) => fraction() < probability,
    pick: (list) => list[below(list.length)]!,
    shuffled: (list) => {
      const copy = [...list];
      for (let i = copy.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [copy[i], copy[j]] = [copy[j]!, copy[i]!];
      }
      return copy;
    },
  };
}

function hashed(text: string): [number, number, number] {
  const lanes: [number, number, number] = [0x9e3779b9, 0x85ebca6b, 0xc2b2ae35];
  for (let i = 0; i < text.length; i++) {
    for (let lane = 0; lane < 3; lane++) {
      const mixed = Math.imul(lanes[lane]! ^ text.charCodeAt(i), 0x01000193 + 2 * lane);
      lanes[lane] = mixed ^ (mixed >>> 15);
    }
  }
  return lanes;
}
