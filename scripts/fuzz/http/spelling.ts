import type { Random } from '../../support/random.js';
import { pick } from '../generators/mutations.js';
import { chunked, pieces, type SoundRequest } from './requests.js';

/** The same request in any of the ways in which it may be written: alphabets, escapes, framing, segments. */

const HOST = 'Host: rondo';

export function spellGet(key: Buffer, random: Random): SoundRequest {
  const target = `/storage/${pathOf(key, random)}?${query({ quorum: 'strict' }, random)}`;
  return sent('GET', target, undefined, random);
}

export function spellDelete(key: Buffer, version: string, random: Random): SoundRequest {
  const parameters = { quorum: 'strict', ...(version !== '' && { fromVersion: version }) };
  return sent('DELETE', `/storage/${pathOf(key, random)}?${query(parameters, random)}`, undefined, random);
}

/** `value` must not be empty: that would be a delete. */
export function spellPut(key: Buffer, value: Buffer, version: string, random: Random): SoundRequest {
  const inBody = random.below(3) === 0;
  const members = [
    member('value', base64(value, random), random),
    member('quorum', 'strict', random),
    ...(version === '' && random.below(2) === 0 ? [] : [member('fromVersion', version, random)]),
    ...(inBody || random.below(4) === 0 ? [member('key', base64(key, random), random)] : []),
  ];
  const body = `${space(random)}{${shuffled(members, random).join(`,${space(random)}`)}}${space(random)}`;
  const target = inBody ? '/storage' : `/storage/${pathOf(key, random)}`;
  return sent('PUT', target, Buffer.from(body), random);
}

function sent(method: string, target: string, body: Buffer | undefined, random: Random): SoundRequest {
  const isLast = false;
  const line = { method, target };
  const cuts = random.below(3) === 0 ? Array.from({ length: 5 }, () => 1 + random.below(200)) : [];
  const start = `${method} ${target} HTTP/1.1\r\n${HOST}\r\n`;
  if (!body) return { line, isLast, steps: pieces(Buffer.from(`${start}\r\n`), cuts) };
  const expects = random.below(8) === 0;
  const inChunks = random.below(3) === 0;
  const framing = inChunks ? 'Transfer-Encoding: chunked' : `Content-Length: ${String(body.length)}`;
  const head = Buffer.from(`${start}${expects ? 'Expect: 100-continue\r\n' : ''}${framing}\r\n\r\n`);
  const bytes = inChunks
    ? chunked(
        body,
        Array.from({ length: random.below(6) }, () => 1 + random.below(400)),
      )
    : body;
  if (!expects) return { line, isLast, steps: pieces(Buffer.concat([head, bytes]), cuts) };
  return {
    line,
    isLast,
    steps: [{ type: 'send', bytes: head }, { type: 'continue' }, ...pieces(bytes, cuts)],
  };
}

function base64(bytes: Buffer, random: Random): string {
  const text = bytes.toString(random.below(2) === 0 ? 'base64' : 'base64url').replaceAll('=', '');
  return random.below(2) === 0 ? text : text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

/** Each character may be percent-encoded; the slash is not the end of a key. */
function pathOf(key: Buffer, random: Random): string {
  return Array.from(base64(key, random))
    .map((letter) => (random.below(10) === 0 ? escaped(letter) : letter))
    .join('');
}

function query(parameters: Readonly<Record<string, string>>, random: Random): string {
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  return shuffled(pairs, random)
    .map((pair) =>
      Array.from(pair)
        .map((letter) => (letter !== '=' && random.below(12) === 0 ? escaped(letter) : letter))
        .join(''),
    )
    .join('&');
}

function escaped(letter: string): string {
  return `%${letter.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** JSON in which any letter may stand as an escape. */
function member(name: string, value: string, random: Random): string {
  const text = (plain: string): string =>
    `"${Array.from(plain)
      .map((letter) => jsonLetter(letter, random))
      .join('')}"`;
  return `${text(name)}${space(random)}:${space(random)}${text(value)}`;
}

function jsonLetter(letter: string, random: Random): string {
  if (letter === '/' && random.below(2) === 0) return '\\/';
  return random.below(60) === 0 ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}` : letter;
}

function space(random: Random): string {
  return pick(['', '', '', ' ', '\n', '\t\r\n  '], random);
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, order: random.fraction() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
