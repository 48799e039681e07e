import type { Key, RecordHash, VersionedRecord } from '../types.js';

const HIGH_BITS = 0x1f_ffff;
const TWO_32 = 2 ** 32;

/**
 * One number for what a replica holds of a key, by which replicas are compared: equal records have equal numbers, and
 * two different ones the same number about once in 2^53 pairs. It covers everything in which two records of a key can
 * differ; one dot names one value (I4), so that values need not be read.
 */
export function hashRecord(key: Key, record: VersionedRecord): RecordHash {
  const state = new Mixer();
  state.text(key);
  for (const { actor, counter, timestamp } of record.clock)
    state.text(actor).number(counter).number(timestamp);
  state.number(record.siblings.length);
  for (const { dot } of record.siblings) state.text(dot.actor).number(dot.counter);
  for (const { requestId, dot, timestamp } of record.marks) {
    state.text(requestId).text(dot.actor).number(dot.counter).number(timestamp);
  }
  return state.end();
}

/** Of lists, one behind the other, in their order. */
export function hashList(...lists: readonly Iterable<number>[]): RecordHash {
  const state = new Mixer();
  for (const numbers of lists) for (const number of numbers) state.number(number);
  return state.end();
}

/** Two lanes of 32 bits with different multipliers, each in the manner of MurmurHash3 (Appleby, 2011). */
class Mixer {
  #a = 0x9747b28c;
  #b = 0x3c6ef372;

  text(text: string): this {
    for (let i = 0; i < text.length; i++) this.#word(text.charCodeAt(i));
    return this.#word(text.length | 0x4000_0000);
  }

  number(value: number): this {
    return this.#word(value | 0).#word((value / TWO_32) | 0);
  }

  end(): RecordHash {
    const high = avalanche(this.#a ^ this.#b) & HIGH_BITS;
    return high * TWO_32 + avalanche(this.#b) || 1;
  }

  #word(word: number): this {
    const a = Math.imul(this.#a ^ Math.imul(word, 0xcc9e2d51), 0x1b873593);
    const b = Math.imul(this.#b ^ Math.imul(word, 0x85ebca6b), 0xc2b2ae35);
    this.#a = (a ^ (a >>> 15)) | 0;
    this.#b = (b ^ (b >>> 13)) | 0;
    return this;
  }
}

function avalanche(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
