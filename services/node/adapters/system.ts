import { hash, randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Digests, Key } from '../core/types.js';
import type { Clock } from '../ports/clock.js';
import type { Entropy } from '../ports/entropy.js';

/** What this machine offers: time, unpredictable bytes and hash functions. */

/** Monotonic time counts from the start of the process; the system clock may jump in either direction. */
export function systemClock(): Clock {
  return {
    now: () => ({ monotonicMs: performance.now(), wallMs: Date.now() }),
    every(ms, task) {
      const timer = setInterval(task, ms).unref();
      return () => clearInterval(timer);
    },
  };
}

/** Bytes of the operating system's generator. */
export function systemEntropy(): Entropy {
  return { bytes: (count) => plainBytes(randomBytes(count)) };
}

/** A request asks for the digest of its key some four times on each node that it meets, and hot keys come again. */
const DIGESTS_KEPT = { keysMax: 2048, keyBytesMax: 256 * 1024 } as const;

/** A key is a binary string, so that it is hashed as latin1, one byte a character. Digests are shared: nobody changes one. */
export function nodeDigests(): Digests {
  let known = new Map<Key, Uint8Array>();
  let keyBytes = 0;
  return {
    md5: (key) => {
      const kept = known.get(key);
      if (kept) return kept;
      const digest = md5(key);
      keyBytes += key.length;
      if (known.size >= DIGESTS_KEPT.keysMax || keyBytes > DIGESTS_KEPT.keyBytesMax) {
        known = new Map();
        keyBytes = key.length;
      }
      known.set(key, digest);
      return digest;
    },
    hmac: hmacSha256(),
  };
}

function md5(key: Key): Uint8Array {
  return digestOf('md5', Buffer.from(key, 'latin1'));
}

/** By way of a string: half the time of having a Buffer made. */
function digestOf(algorithm: 'md5' | 'sha256', data: Uint8Array): Uint8Array {
  const text = hash(algorithm, data, 'binary');
  const digest = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) digest[i] = text.charCodeAt(i);
  return digest;
}

const BLOCK_BYTES = 64;

/** RFC 2104 by two hashes at once each: an `Hmac` object costs four times as much, and every reply has a version. */
function hmacSha256(): Digests['hmac'] {
  const padsOf = new WeakMap<Uint8Array, { readonly inner: Uint8Array; readonly outer: Uint8Array }>();
  return (secret, data) => {
    const pads = padsOf.get(secret) ?? { inner: padded(secret, 0x36), outer: padded(secret, 0x5c) };
    padsOf.set(secret, pads);
    return digestOf('sha256', joined(pads.outer, digestOf('sha256', joined(pads.inner, data))));
  };
}

function padded(secret: Uint8Array, pad: number): Uint8Array {
  const key = secret.length > BLOCK_BYTES ? digestOf('sha256', secret) : secret;
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(key);
  return block.map((byte) => byte ^ pad);
}

function joined(block: Uint8Array, data: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(block.length + data.length);
  bytes.set(block);
  bytes.set(data, block.length);
  return bytes;
}

/** The same memory without Buffer's own methods, which the core must not come to rely on. */
function plainBytes(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
