import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeBase64, decodedLength, encodeBase64 } from '../../services/node/http/base64.js';

const bytes = fc.uint8Array({ maxLength: 200 });

describe('base64 at the edge', () => {
  it('takes both alphabets, padded or not', () => {
    fc.assert(
      fc.property(bytes, (sent) => {
        const standard = Buffer.from(sent).toString('base64');
        const urlSafe = Buffer.from(sent).toString('base64url');
        for (const text of [standard, urlSafe, standard.replaceAll('=', '')]) {
          expect(decodeBase64(text)).toEqual(Buffer.from(sent));
          expect(decodedLength(text)).toBe(sent.length);
        }
        expect(encodeBase64(sent)).toBe(standard);
      }),
    );
  });

  it('takes no text but an encoding of the bytes that it gives', () => {
    const text = fc.string({
      unit: fc.constantFrom(...Array.from('AQgwz09+/-_= \n*\u0141\u00e9\u{1f600}')),
      maxLength: 12,
    });
    fc.assert(
      fc.property(text, (sent) => {
        const decoded = decodeBase64(sent);
        if (!decoded) return;
        const canonical = sent.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
        expect(decoded.toString('base64').replace(/=+$/, '')).toBe(canonical);
      }),
    );
  });

  it('refuses every character outside its alphabets, also those whose low byte is inside', () => {
    const accepted = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter(
      (character) => decodeBase64(`AAA${character}`),
    );
    // 64 characters, + and / in their URL-safe forms, and the padding (`AAA=`).
    expect(accepted.sort().join('')).toBe(
      '+-/0123456789=ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz',
    );
  });

  it('refuses bits left over', () => {
    expect(decodeBase64('YWI')).toEqual(Buffer.from('ab'));
    expect(decodeBase64('YWJ')).toBeUndefined();
    expect(decodeBase64('YQ')).toEqual(Buffer.from('a'));
    expect(decodeBase64('YR')).toBeUndefined();
  });

  it('takes a value of many megabytes', () => {
    const large = Buffer.alloc(24 * 1024 * 1024, 'x');
    expect(decodeBase64(large.toString('base64'))?.equals(large)).toBe(true);
  });
});
