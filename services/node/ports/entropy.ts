import type { Actor } from '../core/types.js';

/** Unpredictable bytes; only for identities and secrets, never on the way of a request. */
export interface Entropy {
  bytes(count: number): Uint8Array;
}

const ACTOR_BYTES = 8;

/** An actor that nobody has used before (I4). */
export function freshActor(entropy: Entropy): Actor {
  const bytes = [...entropy.bytes(ACTOR_BYTES)];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('') as Actor;
}
