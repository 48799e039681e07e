/** Unpredictable bytes; only for identities and secrets, never on the way of a request. */
export interface Entropy {
  bytes(count: number): Uint8Array;
}
