import type { Random } from '../../support/random.js';

/**
 * Damage to bytes that were sound once. Plain code on a seeded generator: a million inputs are made from the few thousand
 * that the arbitraries give, in the time that the decoder itself takes.
 */

type Mutation = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

const CHANGES_MAX = 4;
const RUN_BYTES_MAX = 16;

/** Where parsers have their corners. */
const CORNER_BYTES = [0, 1, 2, 0x0a, 0x0d, 0x20, 0x3d, 0x7f, 0x80, 0x81, 0xfe, 0xff];

/** Lengths and counts as they may be written: varints of any size, padded and endless ones, fixed-width numbers. */
const CORNER_NUMBERS = [
  [0xff, 0xff, 0x03],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x10],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0x80, 0x00],
  [0, 0, 0, 0],
  [0x7f, 0xff, 0xff, 0xff],
  [0x80, 0, 0, 0],
  [0xff, 0xff, 0xff, 0xff],
];

const flipBits: Mutation = (bytes, random) => {
  const changed = Uint8Array.from(bytes);
  for (let left = 1 + random.below(CHANGES_MAX); left > 0 && changed.length > 0; left--) {
    const at = random.below(changed.length);
    changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
  }
  return changed;
};

const overwrite: Mutation = (bytes, random) => {
  const changed = Uint8Array.from(bytes);
  for (let left = 1 + random.below(CHANGES_MAX); left > 0 && changed.length > 0; left--) {
    changed[random.below(changed.length)] = anyByte(random);
  }
  return changed;
};

const shiftNumber: Mutation = (bytes, random) => {
  const changed = Uint8Array.from(bytes);
  if (changed.length === 0) return changed;
  const at = random.below(changed.length);
  changed[at] = (changed[at] ?? 0) + (random.below(2) === 0 ? 1 : -1);
  return changed;
};

const cornerNumber: Mutation = (bytes, random) => {
  const at = random.below(bytes.length + 1);
  const replaced = random.below(2) === 0 ? 1 : 4;
  return join(
    bytes.subarray(0, at),
    Uint8Array.from(pick(CORNER_NUMBERS, random)),
    bytes.subarray(at + replaced),
  );
};

const truncate: Mutation = (bytes, random) => bytes.slice(0, random.below(bytes.length + 1));

const insert: Mutation = (bytes, random) => {
  const at = random.below(bytes.length + 1);
  return join(
    bytes.subarray(0, at),
    randomBytes(random, 1 + random.below(RUN_BYTES_MAX)),
    bytes.subarray(at),
  );
};

const append: Mutation = (bytes, random) => join(bytes, randomBytes(random, 1 + random.below(RUN_BYTES_MAX)));

const remove: Mutation = (bytes, random) => {
  const at = random.below(bytes.length + 1);
  return join(bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(RUN_BYTES_MAX)));
};

const repeat: Mutation = (bytes, random) => {
  const from = random.below(bytes.length + 1);
  const to = Math.min(bytes.length, from + 1 + random.below(4 * RUN_BYTES_MAX));
  return join(bytes.subarray(0, to), bytes.subarray(from));
};

const splice: Mutation = (bytes, random, other) =>
  join(bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(random.below(other.length + 1)));

const replaceAll: Mutation = (bytes, random) =>
  randomBytes(random, random.below(Math.min(512, 2 * bytes.length + 8)));

const MUTATIONS = [
  ...[flipBits, flipBits, overwrite, shiftNumber, cornerNumber, cornerNumber],
  ...[truncate, insert, append, remove, repeat, splice, splice, replaceAll],
];

/** One kind of damage, and now and then another on top. `other`: sound bytes to splice with. */
export function mutate(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let changed = pick(MUTATIONS, random)(bytes, random, other);
  while (random.below(4) === 0) changed = pick(MUTATIONS, random)(changed, random, other);
  return changed;
}

/** `choices` must not be empty. */
export function pick<T>(choices: readonly T[], random: Random): T {
  return choices[random.below(choices.length)] as T;
}

export function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => anyByte(random));
}

function anyByte(random: Random): number {
  return random.below(2) === 0 ? pick(CORNER_BYTES, random) : random.below(256);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
