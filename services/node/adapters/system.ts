import { createHmac, hash, randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Digests, Key } from '../core/types.js';
import type { Clock } from '../ports/clock.js';
import type { Entropy } from '../ports/entropy.js';

/** What this machine offers: time, unpredictable bytes and hash functions. */

const MD5_BYTES = 16;

/** Monotonic time counts from the start of the process; the system clock may jump in either direction. */
export function systemClock(): Clock {
  return {
    now: () => ({ monotonicMs: performance.now(), wallMs: Date.now() }),
    every(ms, task) {
      const timer = setInterval(task, ms).unref();
      return () => clearInterval(timer);
    },
    soon: (task) => void setImmediate(task),
  };
}

/** Bytes of the operating system's generator. */
export function systemEntropy(): Entropy {
  return { bytes: (count) => plainBytes(randomBytes(count)) };
}

/** A request asks for the digest of its key some four times on each node that it meets, and hot keys come again. */
const DIGESTS_KEPT = { keysMax: 16_384, keyBytesMax: 1024 * 1024 } as const;

/** A key is a binary string, so that it is hashed as latin1, one byte a character. Digests are shared: nobody changes one. */
export function nodeDigests(): Digests {
  const known = new Map<Key, Uint8Array>();
  let keyBytes = 0;
  return {
    md5: (key) => {
      const kept = known.get(key);
      if (kept) return kept;
      const digest = md5(key);
      keyBytes += key.length;
      if (known.size >= DIGESTS_KEPT.keysMax || keyBytes > DIGESTS_KEPT.keyBytesMax) {
        known.clear();
        keyBytes = key.length;
      }
      known.set(key, digest);
      return digest;
    },
    hmac: (secret, data) => plainBytes(createHmac('sha256', secret).update(data).digest()),
  };
}

/** By way of a string: half the time of having a Buffer made. */
function md5(key: Key): Uint8Array {
  const text = hash('md5', Buffer.from(key, 'latin1'), 'binary');
  const digest = new Uint8Array(MD5_BYTES);
  for (let i = 0; i < MD5_BYTES; i++) digest[i] = text.charCodeAt(i);
  return digest;
}

/** The same memory without Buffer's own methods, which the core must not come to rely on. */
function plainBytes(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
