import { describe, expect, it } from '@jest/globals';
import { shrinkBytes } from '../../../scripts/fuzz/shrink.js';

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const text = (of: Uint8Array) => Buffer.from(of).toString();

describe('shrinking a reproducing input', () => {
  it('leaves what the fault needs and nothing else', async () => {
    const long = bytes(`${'x'.repeat(500)}b${'y'.repeat(300)}d${'z'.repeat(200)}`);
    const isFaulty = (candidate: Uint8Array) => /b.*d/.test(text(candidate));
    expect(text(await shrinkBytes(long, isFaulty, 10_000))).toBe('bd');
  });

  it('sets to plain letters what must be there but may be anything', async () => {
    const isFaulty = (candidate: Uint8Array) => candidate.length >= 4;
    expect(text(await shrinkBytes(bytes('\0\x01\x02\x03\x04\x05'), isFaulty, 10_000))).toBe('AAAA');
  });

  it('asks no more often than it may, and gives a faulty input all the same', async () => {
    let asked = 0;
    const isFaulty = (candidate: Uint8Array) => {
      asked++;
      return text(candidate).includes('b');
    };
    const shrunk = await shrinkBytes(bytes(`${'x'.repeat(1000)}b${'x'.repeat(1000)}`), isFaulty, 20);
    expect(asked).toBe(20);
    expect(text(shrunk)).toContain('b');
  });
});
