import { assert } from '../assert.js';
import type { Partition, Position, PositionRange } from '../types.js';

/**
 * Where a key lies on the ring. The ring is the range of unsigned 64-bit numbers; MD5 spreads keys evenly over it, so
 * that Q equal slices hold about equally many keys, whatever the keys look like (Dynamo, §4.2).
 */

const POSITION_BYTES = 8;

export const PARTITIONS_MIN = 8;
export const PARTITIONS_MAX = 4096;

/** Whether a ring can be cut into this many slices: a power of two from 8 to 4096. */
export function isPartitionCount(count: number): boolean {
  const isWithin = Number.isInteger(count) && count >= PARTITIONS_MIN && count <= PARTITIONS_MAX;
  return isWithin && count === 2 ** log2(count);
}

/** The first 8 of the 16 bytes of MD5(key), big-endian; a copy. */
export function positionOf(md5: Uint8Array): Position {
  assert(md5.length >= POSITION_BYTES, 'a digest has at least 8 bytes');
  // Not `slice`, which on a Node Buffer shares memory.
  return new Uint8Array(md5.subarray(0, POSITION_BYTES)) as Position;
}

/** The slice that a position, or a digest that begins with it, lies in: its top log2(partitions) bits. */
export function partitionOf(position: Uint8Array, partitions: number): Partition {
  const top16 = ((position[0] ?? 0) << 8) | (position[1] ?? 0);
  return (top16 >>> (16 - log2(partitions))) as Partition;
}

/** Into how many equal parts a partition is cut where two replicas of it are compared. */
export const LEAVES = 256;
const LEAF_BITS = 8;

/** Which of the {@link LEAVES} of its partition a position, or a digest that begins with it, lies in. */
export function leafOf(position: Uint8Array, partitions: number): number {
  return (top32(position) << log2(partitions)) >>> (32 - LEAF_BITS);
}

/** The part of the ring that these leaves of a partition cover; without them, the whole partition. */
export function rangeOf(
  partition: Partition,
  partitions: number,
  leaves: { readonly first: number; readonly last: number } = { first: 0, last: LEAVES - 1 },
): PositionRange {
  const leafShift = 32 - log2(partitions) - LEAF_BITS;
  const start = (partition * LEAVES + leaves.first) * 2 ** leafShift;
  const end = (partition * LEAVES + leaves.last + 1) * 2 ** leafShift - 1;
  return { from: positionAt(start, 0), through: positionAt(end, 0xff) };
}

function positionAt(top: number, rest: number): Position {
  const position = new Uint8Array(POSITION_BYTES).fill(rest);
  new DataView(position.buffer).setUint32(0, top);
  return position as Position;
}

function top32(position: Uint8Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = position;
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** Of a power of two. */
function log2(powerOfTwo: number): number {
  return 31 - Math.clz32(powerOfTwo);
}
