/**
 * Strict base64 at the edge. `Buffer.from(text, 'base64')` skips what it does not know and takes U+0141 for `A`, so that
 * a damaged key would silently name another one; here such text is refused. Accepted are the standard and the URL-safe
 * alphabet, with or without padding. Bits left over in the last character must be zero (RFC 4648 §3.5): so a text that
 * was cut short, or a plain word sent in place of base64, is noticed far more often.
 */

/** Searches for what is illegal: matching what is legal would keep one backtrack entry a character of a large value. */
const ILLEGAL = /[^A-Za-z0-9+/_-]/;

/** Last characters whose unused bits are zero, where 2 and where 3 characters end the text. */
const LAST_OF_TWO = 'AQgw';
const LAST_OF_THREE = 'AEIMQUYcgkosw048';

/** The bytes, or undefined where the text is not base64. */
export function decodeBase64(text: string): Buffer | undefined {
  const bare = withoutPadding(text);
  if (bare === undefined || ILLEGAL.test(bare) || !endsClean(bare)) return undefined;
  return Buffer.from(bare, 'base64');
}

/** Standard alphabet, padded; shares no memory with the bytes. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Bytes that a legal text decodes to. */
export function decodedLength(text: string): number {
  return Math.floor(((withoutPadding(text) ?? text).length * 3) / 4);
}

/** Padding may be left out, but where there is some, it must be right. */
function withoutPadding(text: string): string | undefined {
  if (!text.endsWith('=')) return text;
  if (text.length % 4 !== 0) return undefined;
  return text.slice(0, text.endsWith('==') ? -2 : -1);
}

function endsClean(bare: string): boolean {
  switch (bare.length % 4) {
    case 0:
      return true;
    case 2:
      return LAST_OF_TWO.includes(bare.charAt(bare.length - 1));
    case 3:
      return LAST_OF_THREE.includes(bare.charAt(bare.length - 1));
    default:
      return false;
  }
}
