import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nodeDigests } from '../../../services/node/adapters/system.js';
import { ByteWriter } from '../../../services/node/core/protocol/bytes.js';
import { type Actor, type Clock, type Key, LIMITS } from '../../../services/node/core/types.js';
import { toBase64url } from '../../../services/node/core/versioning/base64url.js';
import { writeClock } from '../../../services/node/core/versioning/recordCodec.js';
import { decodeVersion, encodeVersion } from '../../../services/node/core/versioning/version.js';

const digests = nodeDigests();
const SEAL = { secret: new Uint8Array(32).fill(1), digests };
const OTHER_SEAL = { secret: new Uint8Array(32).fill(2), digests };
const KEY = 'key' as Key;
const CLOCK: Clock = [{ actor: 'aaaaaaaaaaaaaaaa' as Actor, counter: 300, timestamp: 1_700_000_000_000 }];
const VERSION = encodeVersion(SEAL, KEY, CLOCK);

const latin1 = fc
  .uint8Array({ minLength: 1, maxLength: 40 })
  .map((bytes) => Buffer.from(bytes).toString('latin1')) as fc.Arbitrary<Key>;

const clock: fc.Arbitrary<Clock> = fc
  .uniqueArray(
    fc.tuple(
      fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdef')), maxLength: 31 }),
      fc.integer({ min: 1 }),
      fc.maxSafeNat(),
    ),
    {
      selector: ([actor]) => actor,
      maxLength: 12,
    },
  )
  .map((entries) =>
    entries
      .map(([actor, counter, timestamp]) => ({ actor: `x${actor}` as Actor, counter, timestamp }))
      .sort((a, b) => (a.actor < b.actor ? -1 : 1)),
  );

/** As this cluster would seal it. */
function sealed(payload: Uint8Array): string {
  const message = new ByteWriter().latin1(KEY).raw(payload).bytes();
  const mac = digests.hmac(SEAL.secret, message).subarray(0, 16);
  return toBase64url(new ByteWriter().raw(payload).raw(mac).bytes());
}

function expectRefused(text: string, key = KEY, seal = SEAL): void {
  expect(decodeVersion(seal, key, text)).toBeUndefined();
}

describe('version strings', () => {
  it('give back the clock that they were made from', () => {
    fc.assert(
      fc.property(latin1, clock, (key, clock) => {
        expect(decodeVersion(SEAL, key, encodeVersion(SEAL, key, clock))).toEqual(clock);
      }),
    );
  });

  it('are empty for the empty clock, and only for that', () => {
    expect(encodeVersion(SEAL, KEY, [])).toBe('');
    expect(decodeVersion(SEAL, KEY, '')).toEqual([]);
    expect(VERSION).not.toBe('');
  });

  it('are the same each time, of characters that need no escaping', () => {
    expect(encodeVersion(SEAL, KEY, CLOCK)).toBe(VERSION);
    expect(VERSION).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  it('fit into the bound with far more entries than a clock has', () => {
    const many = Array.from({ length: 100 }, (_, i) => ({
      actor: `actor-of-16-chr${String(i).padStart(3, '0')}` as Actor,
      counter: Number.MAX_SAFE_INTEGER,
      timestamp: Date.UTC(2100, 1),
    }));
    const text = encodeVersion(SEAL, KEY, many);
    expect(text.length).toBeLessThanOrEqual(LIMITS.versionCharsMax);
    expect(decodeVersion(SEAL, KEY, text)).toEqual(many);
  });

  it('are refused with any one bit flipped', () => {
    const bytes = Buffer.from(VERSION, 'base64url');
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const forged = Buffer.from(bytes);
      forged[bit >> 3]! ^= 1 << (bit & 7);
      expectRefused(forged.toString('base64url'));
    }
  });

  it('are refused with any one character changed', () => {
    fc.assert(
      fc.property(fc.nat(VERSION.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, letter) => {
        fc.pre(letter !== VERSION[at]);
        expectRefused(VERSION.slice(0, at) + letter + VERSION.slice(at + 1));
      }),
    );
  });

  it('are refused for another key, also one that shares bytes with this one', () => {
    for (const key of ['other', 'ke', 'keyy', 'KEY', '\x03key']) expectRefused(VERSION, key as Key);
  });

  it('are refused of another secret', () => {
    expectRefused(encodeVersion(OTHER_SEAL, KEY, CLOCK));
    expectRefused(VERSION, KEY, OTHER_SEAL);
  });

  it('are refused truncated and extended', () => {
    for (let length = 1; length < VERSION.length; length++) {
      expectRefused(VERSION.slice(0, length));
      expectRefused(VERSION.slice(length));
    }
    for (const more of ['A', 'AA', 'AAA', 'AAAA', '=', '==', ' ', '\n', '\0', VERSION]) {
      expectRefused(VERSION + more);
      expectRefused(more + VERSION);
    }
  });

  it('are refused at 100 KB, and one character above the bound', () => {
    expectRefused('A'.repeat(100 * 1024));
    expectRefused(VERSION.padEnd(LIMITS.versionCharsMax + 1, 'A'));
  });

  it('are refused in standard base64, padded, or with stray bits at the end', () => {
    const clocks = ['a', 'aa', 'aaa'].map((actor) => [{ ...CLOCK[0]!, actor: actor as Actor }]);
    const canonical = clocks
      .map((clock) => encodeVersion(SEAL, KEY, clock))
      .find((text) => text.length % 4 !== 0)!;
    const bytes = Buffer.from(canonical, 'base64url');
    expect(decodeVersion(SEAL, KEY, canonical)).toBeDefined();
    expectRefused(bytes.toString('base64'));
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const stray = Array.from(letters).map((letter) => canonical.slice(0, -1) + letter);
    const sameBytes = stray.filter((text) => Buffer.from(text, 'base64url').equals(bytes));
    expect(sameBytes.length).toBeGreaterThan(1);
    for (const text of sameBytes.filter((text) => text !== canonical)) expectRefused(text);
  });

  it('are refused, and never thrown at, for arbitrary text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1 }),
      fc.base64String({ minLength: 4 }),
      fc
        .uint8Array({ minLength: 1, maxLength: 100 })
        .map((bytes) => Buffer.from(bytes).toString('base64url')),
    );
    fc.assert(fc.property(text, (text) => expectRefused(text)));
  });

  it('are refused where an authentic payload is of an unknown format or no clock', () => {
    const ofFormat = (format: number) => {
      const out = new ByteWriter().u8(format);
      writeClock(out, CLOCK);
      return out.bytes();
    };
    expect(decodeVersion(SEAL, KEY, sealed(ofFormat(1)))).toEqual(CLOCK);
    expectRefused(sealed(ofFormat(2)));
    expectRefused(sealed(new Uint8Array([1])));
    expectRefused(sealed(new Uint8Array([...ofFormat(1), 0])));
    expectRefused(sealed(new Uint8Array([])));
  });
});
