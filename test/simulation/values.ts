import type { ValueId } from '../../scripts/workload/log.js';
import type { Key } from '../../services/node/core/types.js';

/** Every write has a value of its own, so that a value that is seen tells which write it came from. */

export function valueIdOf(operation: number, suffix = ''): ValueId {
  return `w${String(operation)}${suffix}`;
}

/** The id, a bar, and as many dots as make up `sizeBytes`. */
export function encodeValue(id: ValueId, sizeBytes = 0): Uint8Array {
  const text = `${id}|`.padEnd(sizeBytes, '.');
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** The id of what {@link encodeValue} made; for anything else a name that no write has. */
export function decodeValue(bytes: Uint8Array): ValueId {
  const text = String.fromCharCode(...bytes.subarray(0, 4096));
  return /^(\w+)\|[.]*$/.exec(text)?.[1] ?? `?${text.slice(0, 40)}`;
}

export function keyOf(index: number): Key {
  return `key${String(index)}` as Key;
}
