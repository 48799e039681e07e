import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { nodeDigests, systemClock, systemEntropy } from '../../../services/node/adapters/system.js';
import type { Key } from '../../../services/node/core/types.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('digests', () => {
  it.each([
    ['', 'd41d8cd98f00b204e9800998ecf8427e'],
    ['abc', '900150983cd24fb0d6963f7d28e17f72'],
    ['message digest', 'f96b697d7cb7938d525a2f31aaf161d0'],
  ])('md5 of %j is that of RFC 1321', (key, digest) => {
    expect(hex(nodeDigests().md5(key as Key))).toBe(digest);
  });

  it('md5 takes one byte a character, also above 127', () => {
    expect(hex(nodeDigests().md5('\xff' as Key))).toBe('00594fd4f42ba43fc1ca0427a0576295');
  });

  it('hmac is that of node:crypto for secrets and data of every length', () => {
    const digests = nodeDigests();
    for (const length of [0, 1, 16, 32, 63, 64, 65, 131, 1000]) {
      const [secret, data] = [randomBytes(length), randomBytes(2 * length)];
      const expected = createHmac('sha256', secret).update(data).digest('hex');
      expect(Buffer.from(digests.hmac(secret, data)).toString('hex')).toBe(expected);
    }
  });

  it('hmac is HMAC-SHA-256 as in RFC 4231', () => {
    const digest = nodeDigests().hmac(utf8('Jefe'), utf8('what do ya want for nothing?'));
    expect(hex(digest)).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
  });

  it('are plain byte arrays', () => {
    const digests = nodeDigests();
    for (const bytes of [
      digests.md5('k' as Key),
      digests.hmac(utf8('s'), utf8('d')),
      systemEntropy().bytes(16),
    ]) {
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
    }
  });
});

describe('clock', () => {
  it('never goes back, and knows the time of day', () => {
    const clock = systemClock();
    const before = Date.now();
    const times = Array.from({ length: 100 }, () => clock.now());
    const monotonic = times.map((time) => time.monotonicMs);
    expect(monotonic).toEqual([...monotonic].sort((a, b) => a - b));
    for (const { wallMs } of times) expect(wallMs).toBeGreaterThanOrEqual(before);
  });

  it('repeats a task until it is told to stop', async () => {
    let count = 0;
    await new Promise<void>((resolve) => {
      const stop = systemClock().every(1, () => {
        if (++count === 3) {
          stop();
          resolve();
        }
      });
      // The clock does not keep the process alive by itself; this does.
      const alive = setInterval(() => count === 3 && clearInterval(alive), 5);
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(count).toBe(3);
  });
});

describe('entropy', () => {
  it('gives as many bytes as asked, never the same', () => {
    const entropy = systemEntropy();
    const drawn = Array.from({ length: 50 }, () => hex(entropy.bytes(8)));
    expect(new Set(drawn).size).toBe(50);
    expect(entropy.bytes(32)).toHaveLength(32);
  });
});
