import fc from 'fast-check';
import { LIMITS } from '../../../services/node/core/types.js';

/** Hostile content inside sound HTTP: keys, versions, parameters, as text that goes over the wire. */

/** A version that a node gave, and the key that it was given for. */
export interface KnownVersion {
  readonly key: string;
  readonly version: string;
}

/** Fuzzed keys begin with this; those of the sound traffic, whose values are checked, do not. */
const KEY_PREFIX = 'f/';

/** A few keys are met again and again, so that there is something to conflict with. */
const keyBytes: fc.Arbitrary<Buffer> = fc
  .oneof(
    { weight: 12, arbitrary: fc.nat(60).map((n) => Buffer.from(String(n))) },
    { weight: 6, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: around(LIMITS.keyBytesMax - KEY_PREFIX.length).map((n) => Buffer.alloc(n, 'k')) },
  )
  .map((rest) => Buffer.concat([Buffer.from(KEY_PREFIX), rest]));

export function around(bound: number): fc.Arbitrary<number> {
  return fc.integer({ min: bound - 3, max: bound + 3 });
}

/** Sound base64, in every spelling. */
const spelledKey = fc
  .tuple(keyBytes, fc.constantFrom('base64' as const, 'base64url' as const), fc.boolean())
  .map(([bytes, alphabet, padded]) => {
    const text = bytes.toString(alphabet).replaceAll('=', '');
    return padded ? text.padEnd(Math.ceil(text.length / 4) * 4, '=') : text;
  });

const HOSTILE_PIECES = [
  ...['=', '==', '====', '*', '.', '..', '/', '//', '-', '_', '+', '%', '%2', '%zz', '%00', '%20', '%0d%0a'],
  ...[
    '%C5',
    '%C5%81',
    '%ED%A0%80',
    '%F4%90%80%80',
    '%2F',
    '%252F',
    '%3D',
    '%EF%BB%BF',
    ';',
    '&',
    '"',
    '\\',
    '{}',
    '~',
  ],
];

/** Base64 with something in it that does not belong there, or without something that does. */
const damagedKey = fc
  .tuple(spelledKey, fc.constantFrom(...HOSTILE_PIECES), fc.nat(), fc.boolean())
  .map(([text, piece, where, cut]) => {
    const at = where % (text.length + 1);
    return text.slice(0, at) + piece + text.slice(cut ? at + 1 : at);
  });

const visible = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
const visibleText = fc.array(visible, { maxLength: 30 }).map((parts) => parts.join(''));

export const keyText = fc.oneof({ weight: 9, arbitrary: spelledKey }, { weight: 1, arbitrary: damagedKey });

/** As it stands in a path: percent-encoded where it must be, or everywhere, or not at all. */
export const pathKey: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.tuple(keyText, fc.nat(5)).map(([text, how]) => {
      if (how === 0) return text;
      return how === 1 ? everywhere(text) : text.replaceAll('/', '%2F');
    }),
  },
  { weight: 1, arbitrary: visibleText.map((text) => text.replaceAll(/[?#]/g, '')) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 20 }).map(encodeURIComponent) },
);

function everywhere(text: string): string {
  return Buffer.from(text).reduce((all, byte) => `${all}%${byte.toString(16).padStart(2, '0')}`, '');
}

/** What may stand as a version: nothing, forged ones, those that a node gave, and those with damage. */
export function versionText(known: readonly KnownVersion[]): fc.Arbitrary<string> {
  const forged = fc.oneof(
    fc.constant(''),
    fc.base64String({ maxLength: 80 }),
    visibleText,
    fc.constant('\ufeff'),
  );
  if (known.length === 0) return forged;
  const given = fc.constantFrom(...known.map(({ version }) => version));
  const damaged = fc.tuple(given, fc.nat(), visible).map(([version, where, letter]) => {
    const at = where % (version.length + 1);
    return version.slice(0, at) + letter + version.slice(at + 1);
  });
  const spliced = fc.tuple(given, given, fc.nat()).map(([one, other, where]) => {
    const at = where % (one.length + 1);
    return one.slice(0, at) + other.slice(at);
  });
  const long = around(LIMITS.versionCharsMax).map((length) => 'A'.repeat(length));
  return fc.oneof({ weight: 4, arbitrary: given }, { weight: 4, arbitrary: damaged }, spliced, forged, long);
}

const NUMBERS = [
  ...[
    '0',
    '1',
    '2',
    '3',
    '4',
    '-1',
    '-0',
    '1.5',
    '01',
    '1e0',
    '1e99',
    '0x1',
    '',
    ' 1',
    '1 ',
    'NaN',
    'Infinity',
    '+1',
  ],
  ...[
    '999999999',
    '9999999999',
    '9007199254740993',
    '99999999999999999999999',
    '%31',
    '%EF%BC%91',
    'true',
    'null',
  ],
];
const PARAMETERS = [
  ...['minNumReads', 'minNumWrites', 'quorum', 'onConflict', 'fromVersion', 'requestId', 'key', 'value'],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'minNum',
    'minNumX',
    'MINNUMREADS',
    '',
    '%00',
    '%zz',
    'min%4eumReads',
  ],
];
const WORDS = [
  'strict',
  'sloppy',
  'refuse',
  'sibling',
  'lax',
  'STRICT',
  '[object%20Object]',
  'strict%00',
  's%74rict',
];

/** What follows the question mark. */
export function queryText(known: readonly KnownVersion[]): fc.Arbitrary<string> {
  const value = fc.oneof(
    fc.constantFrom(...NUMBERS.map((text) => text.replaceAll(' ', '%20'))),
    fc.constantFrom(...WORDS),
    versionText(known).map(encodeURIComponent),
    visibleText.map((text) => text.replaceAll(/[&#]/g, '')),
  );
  const pair = fc
    .tuple(fc.constantFrom(...PARAMETERS), value, fc.nat(9))
    .map(([name, text, how]) => (how === 0 ? name : `${name}=${text}`));
  const sound = fc.constantFrom(
    'quorum=strict',
    'quorum=sloppy&minNumReads=1',
    'minNumReads=2',
    'minNumWrites=1',
    '',
  );
  return fc.oneof(
    { weight: 3, arbitrary: sound },
    fc.array(pair, { maxLength: 5 }).map((pairs) => pairs.join('&')),
  );
}
