import { createHmac, hash } from 'node:crypto';
import type { Digests, Key } from '../../services/node/core/types.js';

/** The hash functions that production uses; keys are few, so that theirs are kept. */
export function simulatedDigests(): Digests {
  const known = new Map<Key, Uint8Array>();
  return {
    md5: (key) => {
      const found = known.get(key) ?? Uint8Array.from(hash('md5', Buffer.from(key, 'latin1'), 'buffer'));
      known.set(key, found);
      return found;
    },
    hmac: (secret, data) => Uint8Array.from(createHmac('sha256', secret).update(data).digest()),
  };
}
