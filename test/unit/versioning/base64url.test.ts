import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fromBase64url, toBase64url } from '../../../services/node/core/versioning/base64url.js';

describe('base64url', () => {
  it('writes what Buffer writes, and reads it back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = toBase64url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64url'));
        expect(fromBase64url(text)).toEqual(bytes);
      }),
    );
  });

  it('reads a text exactly where it is the one form of some bytes', () => {
    const alphabet = fc.constantFrom(...Array.from('ABCDwxyz0189-_+/= é'));
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 12 }), (letters) => {
        const text = letters.join('');
        const bytes = Buffer.from(text, 'base64url');
        const isOneForm = bytes.toString('base64url') === text;
        expect(fromBase64url(text)).toEqual(isOneForm ? new Uint8Array(bytes) : undefined);
      }),
    );
  });

  it.each(['A', 'AAAAA', 'AB', 'AAB', 'AA==', 'AA+A', 'AA/A', 'AA A', 'AA\n', '\ud800A', '💥AA', 'AAAé'])(
    'refuses %j',
    (text) => {
      expect(fromBase64url(text)).toBeUndefined();
    },
  );
});
