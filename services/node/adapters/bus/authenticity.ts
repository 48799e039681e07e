import { createHmac, timingSafeEqual } from 'node:crypto';

/** The code of authenticity behind what travels between two nodes, where there is a cluster secret. */

export const MAC_BYTES = 32;

/** HMAC-SHA-256. */
export function mac(key: Uint8Array, data: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(data).digest();
}

/** What stands in front of the code, or undefined where the code is wrong or missing. */
export function authenticate(sealed: Uint8Array, key: Uint8Array | undefined): Uint8Array | undefined {
  if (!key) return sealed;
  if (sealed.length < MAC_BYTES) return undefined;
  const body = sealed.subarray(0, sealed.length - MAC_BYTES);
  return timingSafeEqual(mac(key, body), sealed.subarray(body.length)) ? body : undefined;
}
