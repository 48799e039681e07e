import { ByteReader, ByteWriter, DecodeError } from '../protocol/bytes.js';
import type { Clock, Digests, Key } from '../types.js';
import { LIMITS } from '../types.js';
import { fromBase64url, toBase64url } from './base64url.js';
import { EMPTY_CLOCK } from './clock.js';
import { readClock, writeClock } from './recordCodec.js';

/**
 * The opaque string that a client gets with a value and sends back with a write: format byte, clock, and a truncated
 * HMAC over the key and both, as base64url. The HMAC binds a version to its key and to the cluster that gave it, so
 * that no client can claim to have seen writes that it has not, or forge a counter. `""` is the empty clock.
 */

const FORMAT = 1;
const MAC_BYTES = 16;

export interface VersionSeal {
  readonly secret: Uint8Array;
  readonly digests: Digests;
}

export function encodeVersion(seal: VersionSeal, key: Key, clock: Clock): string {
  if (clock.length === 0) return '';
  const out = new ByteWriter(64 + 32 * clock.length).u8(FORMAT);
  writeClock(out, clock);
  const mac = macOf(seal, key, out.bytes());
  return toBase64url(out.raw(mac).bytes());
}

/** `undefined` where the text is not a version that this cluster gave for this key. */
export function decodeVersion(seal: VersionSeal, key: Key, text: string): Clock | undefined {
  if (text === '') return EMPTY_CLOCK;
  if (text.length > LIMITS.versionCharsMax) return undefined;
  const bytes = fromBase64url(text);
  if (!bytes || bytes.length <= MAC_BYTES) return undefined;
  const payload = bytes.subarray(0, bytes.length - MAC_BYTES);
  if (!sameBytes(bytes.subarray(payload.length), macOf(seal, key, payload))) return undefined;
  return readPayload(payload);
}

/** An authentic payload can still be of a format that this program does not know. */
function readPayload(payload: Uint8Array): Clock | undefined {
  try {
    const input = new ByteReader(payload);
    if (input.u8() !== FORMAT) return undefined;
    const clock = readClock(input);
    input.end();
    return clock;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function macOf(seal: VersionSeal, key: Key, payload: Uint8Array): Uint8Array {
  const message = new ByteWriter(key.length + payload.length + 8).latin1(key).raw(payload).bytes();
  return seal.digests.hmac(seal.secret, message).subarray(0, MAC_BYTES);
}

/** Takes the same time wherever the difference lies. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}
