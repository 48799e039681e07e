import { randomInt } from 'node:crypto';

const SEEDS = 2 ** 32;

/** A seed for a run that was given none. */
export function newSeed(): number {
  return randomInt(SEEDS);
}

/** The seed of one of the many parts of a run: each can be made again without those before it. Whole numbers of 32 bits. */
export function partSeed(seed: number, part: number): number {
  let mixed = seed ^ Math.imul(part + 1, 0x9e3779b9);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
