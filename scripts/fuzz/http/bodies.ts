import fc from 'fast-check';
import { VALUE_BYTES_MAX } from '../target.js';
import { around, keyText, versionText, type KnownVersion } from './content.js';

/** Hostile bodies of a PUT inside sound HTTP. */

/** JSON of the wrong type, size or depth, as text: not all of it could be written by a JSON writer. */
const wrongJson = fc.oneof(
  fc.constantFrom(
    ...[
      'null',
      'true',
      '0',
      '-1',
      '1',
      '2',
      '3',
      '4',
      '1.5',
      '1e999',
      '-1e999',
      '1e-400',
      '-0',
      '01',
      '.5',
      '1.',
      '+1',
    ],
    ...[
      '123456789012345678901234567890',
      '""',
      '"A"',
      '"AA"',
      '"AA=="',
      '"\\u0000"',
      '"\\ud800"',
      '"\\ufeff"',
      '"\\x"',
    ],
    ...[
      '[]',
      '{}',
      '[[[]]]',
      '{"__proto__":{"quorum":"strict"}}',
      '{"length":3}',
      '["strict"]',
      'undefined',
      'NaN',
      '"',
    ],
  ),
  fc.json({ maxDepth: 3 }),
  fc.integer({ min: 1, max: 5000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  fc.integer({ min: 1, max: 2000 }).map((depth) => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)),
);

const valueJson = fc.oneof(
  {
    weight: 120,
    arbitrary: fc
      .uint8Array({ maxLength: 60 })
      .map((bytes) => JSON.stringify(Buffer.from(bytes).toString('base64'))),
  },
  { weight: 8, arbitrary: keyText.map((text) => JSON.stringify(text)) },
  { weight: 8, arbitrary: wrongJson },
  {
    weight: 2,
    arbitrary: around(VALUE_BYTES_MAX).map((length) =>
      JSON.stringify(Buffer.alloc(length, 'v').toString('base64')),
    ),
  },
);

/** The members of a body in any order, some twice, some that there are not. */
function membersText(known: readonly KnownVersion[]): fc.Arbitrary<string> {
  const word = (...words: string[]): fc.Arbitrary<string> =>
    fc.constantFrom(...words).map((each) => JSON.stringify(each));
  const or = (sound: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc.oneof({ weight: 5, arbitrary: sound }, { weight: 1, arbitrary: wrongJson });
  const member = (name: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    value.map((text) => `${JSON.stringify(name)}:${text}`);
  const versionJson = versionText(known).map((text) => JSON.stringify(text));
  const optional = fc.oneof(
    member('fromVersion', or(versionJson)),
    member('minNumWrites', or(fc.constantFrom('1', '2', '3'))),
    member('quorum', or(word('strict', 'sloppy'))),
    member('onConflict', or(word('refuse', 'sibling'))),
    member('requestId', or(fc.string({ maxLength: 70 }).map((text) => JSON.stringify(text)))),
    member('key', or(keyText.map((text) => JSON.stringify(text)))),
    fc
      .tuple(fc.constantFrom('__proto__', 'constructor', 'ttl', 'Value', '', '\u0000'), wrongJson)
      .map(([name, text]) => `${JSON.stringify(name)}:${text}`),
  );
  const sound = fc.constantFrom('', ',"onConflict":"sibling"', ',"quorum":"strict"', ',"minNumWrites":1');
  const wild = fc.array(optional, { maxLength: 4 }).map((all) => all.map((each) => `,${each}`).join(''));
  return fc
    .tuple(valueJson, fc.oneof({ weight: 3, arbitrary: sound }, { weight: 2, arbitrary: wild }), fc.nat(9))
    .map(([value, more, how]) => (how === 0 ? more.slice(1) : `"value":${value}${more}`));
}

/** A body: as a rule one JSON object, else whatever may come in its place. */
export function bodyBytes(known: readonly KnownVersion[]): fc.Arbitrary<Buffer> {
  const object = membersText(known).map((members) => `{${members}}`);
  const around_ = fc
    .tuple(object, fc.constantFrom(...['\ufeff', ' \r\n\t', '[', '{}', '\0', '"']))
    .map(([text, piece]) => piece + text);
  const behind = fc
    .tuple(object, fc.constantFrom(...['{}', ',', '\0', ' \n', ']', 'x']))
    .map(([text, piece]) => text + piece);
  const cut = fc.tuple(object, fc.nat()).map(([text, at]) => text.slice(0, at % (text.length + 1)));
  const text = fc.oneof({ weight: 30, arbitrary: object }, around_, behind, cut, wrongJson, fc.string());
  const notUtf8 = fc
    .tuple(object, fc.uint8Array({ minLength: 1, maxLength: 4 }), fc.nat())
    .map(([json, bytes, at]) => {
      const sound = Buffer.from(json);
      const where = at % (sound.length + 1);
      return Buffer.concat([sound.subarray(0, where), bytes, sound.subarray(where)]);
    });
  const huge = fc.integer({ min: 300_000, max: 600_000 }).map((length) => Buffer.alloc(length, ' '));
  return fc.oneof(
    { weight: 240, arbitrary: text.map((each) => Buffer.from(each)) },
    { weight: 16, arbitrary: notUtf8 },
    { weight: 1, arbitrary: huge },
  );
}
