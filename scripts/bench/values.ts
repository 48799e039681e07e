import { seededRandom, type Random } from '../support/random.js';
import { VALUE_CHARS } from './requests.js';

/** The end of every value counts, so that none comes twice; the rest is cut out of a pool of noise. */
export const COUNTER_DIGITS = 8;
export const POOL_CHARS = VALUE_CHARS - COUNTER_DIGITS;

const POOL_LENGTH = 32_768;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Noise of base64 characters; a slice of it is a value that no compression makes smaller. */
export function valuePool(seed: number): string {
  const random = seededRandom(seed);
  return Array.from({ length: POOL_LENGTH }, () => ALPHABET.charAt(random.below(ALPHABET.length))).join('');
}

/** Each call gives the base64 text of a new value. */
export function valueSource(seed: number, random: Random): () => string {
  const pool = valuePool(seed);
  let filled = 0;
  return () => {
    filled++;
    const from = random.below(POOL_LENGTH - POOL_CHARS);
    return pool.slice(from, from + POOL_CHARS) + String(filled).padStart(COUNTER_DIGITS, '0');
  };
}
