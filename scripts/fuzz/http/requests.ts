import fc from 'fast-check';
import { bodyBytes } from './bodies.js';
import { keyText, pathKey, queryText, type KnownVersion } from './content.js';
import type { Conversation, RequestLine, Step } from './conversation.js';

/** Requests that are sound HTTP whatever they ask for: each must be answered, once and as documented. */

/** One request in the pieces in which it leaves. */
export interface SoundRequest {
  readonly line: RequestLine;
  readonly steps: readonly Step[];
  /** After it the client must not send another one (RFC 9112 §9.6). */
  readonly isLast: boolean;
}

interface Asked {
  readonly line: RequestLine;
  readonly body?: Buffer;
}

const ADMIN_PATHS = [
  '/ping',
  '/health',
  '/ready',
  '/metrics',
  '/check_connectivity',
  '/cluster',
  '/openapi.json',
];
const STRANGE_PATHS = [
  ...[
    '/',
    '*',
    '/nothing',
    '/storages',
    '/STORAGE/Zi8x',
    '/storage',
    '/storage?',
    '/storage//',
    '/storage/?',
    '/ping/',
  ],
  ...[
    '/ping?x=1',
    '/%70ing',
    '/%zz',
    '/%00',
    '/storage%2FZi8x',
    '//storage/Zi8x',
    '/./ping',
    '/../etc/passwd',
    '/internal',
  ],
  ...[
    'A://',
    'http://[::/x',
    'ws://x/ping',
    'http://elsewhere/ping',
    'https://elsewhere/storage/Zi8x',
    'HTTP://elsewhere/',
    '/internal/dump/',
    '/ping%20',
    '/ping#a',
  ],
];
const METHODS = [
  'POST',
  'PATCH',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'M-SEARCH',
  'DELETE',
  'PUT',
  'GET',
  'HEAD',
  'QUERY',
];

function asked(known: readonly KnownVersion[]): fc.Arbitrary<Asked> {
  const target = fc
    .tuple(
      pathKey,
      fc.oneof(
        { weight: 3, arbitrary: fc.constant('') },
        queryText(known).map((q) => `?${q}`),
      ),
    )
    .map(([key, query]) => `/storage/${key}${query}`);
  const body = bodyBytes(known);
  const read = fc
    .tuple(fc.constantFrom('GET', 'GET', 'GET', 'HEAD'), target)
    .map(([method, where]) => ({ line: { method, target: where } }));
  const write = fc
    .tuple(target, body)
    .map(([where, bytes]) => ({ line: { method: 'PUT', target: where }, body: bytes }));
  const writeInBody = fc.tuple(keyText, body).map(([key, bytes]) => {
    const text = bytes.toString('latin1').replace('{', `{"key":${JSON.stringify(key)},`);
    return { line: { method: 'PUT', target: '/storage' }, body: Buffer.from(text, 'latin1') };
  });
  const remove = fc.tuple(target, fc.option(body, { freq: 8 })).map(([where, bytes]) => ({
    line: { method: 'DELETE', target: where },
    ...(bytes && { body: bytes }),
  }));
  return fc.oneof(
    { weight: 30, arbitrary: read },
    { weight: 40, arbitrary: write },
    { weight: 8, arbitrary: writeInBody },
    { weight: 8, arbitrary: remove },
    { weight: 8, arbitrary: elsewhere(target, body) },
  );
}

function elsewhere(target: fc.Arbitrary<string>, body: fc.Arbitrary<Buffer>): fc.Arbitrary<Asked> {
  const place = fc.oneof(fc.constantFrom(...ADMIN_PATHS), fc.constantFrom(...STRANGE_PATHS), {
    weight: 2,
    arbitrary: target,
  });
  const strange = fc
    .tuple(fc.constantFrom(...METHODS), place, fc.option(body, { freq: 3 }))
    .map(([method, where, bytes]) => ({ line: { method, target: where }, ...(bytes && { body: bytes }) }));
  const dump = fc
    .constantFrom('/internal/dump/my', '/internal/dump/all')
    .map((where) => ({ line: { method: 'HEAD', target: where } }));
  return fc.oneof({ weight: 20, arbitrary: strange }, { weight: 1, arbitrary: dump });
}

const HEADERS = [
  ...[
    'Content-Type: application/json',
    'Content-Type: text/plain; charset=utf-16',
    'Content-Type: multipart/form-data',
  ],
  ...[
    'Accept: text/html',
    'Accept-Encoding: gzip, br',
    'Content-Encoding: gzip',
    'Range: bytes=0-1',
    'If-None-Match: *',
  ],
  ...[
    'X-Request-Id: abc',
    'X-Request-Id: a b\tc',
    `X-Request-Id: ${'r'.repeat(300)}`,
    'Connection: keep-alive',
    'Cookie: a=b',
  ],
  ...[
    'X-HTTP-Method-Override: DELETE',
    'X-Forwarded-Host: elsewhere',
    'Upgrade: h2c',
    '__proto__: 1',
    'constructor: 1',
  ],
  ...[
    'Keep-Alive: timeout=99999999',
    'X-Latin: \xff\xe9',
    'X-Empty:',
    'Trailer: X-Late',
    'TE: trailers',
    'Max-Forwards: 0',
  ],
];

/** How the body is sent; `waiting`: only when the server says so. */
type Framing = 'length' | 'chunked' | 'waiting' | 'waitingChunked' | 'pushed';

const framing: fc.Arbitrary<Framing> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Framing>('length') },
  { weight: 3, arbitrary: fc.constant<Framing>('chunked') },
  { weight: 2, arbitrary: fc.constantFrom<Framing>('waiting', 'waitingChunked', 'pushed') },
);

/** One sound request with headers of any kind, its body framed and cut in one of many ways. */
export function soundRequest(known: readonly KnownVersion[]): fc.Arbitrary<SoundRequest> {
  return fc
    .record({
      what: asked(known),
      headers: fc.oneof(fc.constant<string[]>([]), fc.subarray(HEADERS, { maxLength: 4 })),
      how: framing,
      cuts: fc.oneof(
        { weight: 4, arbitrary: fc.constant<number[]>([]) },
        fc.array(fc.nat(600), { maxLength: 6 }),
      ),
      last: fc.nat(40),
    })
    .map(({ what, headers, how, cuts, last }) => {
      const all = ['Host: rondo', ...headers, ...(last === 0 ? ['Connection: close'] : [])];
      const steps = stepsOf(what, all, how, cuts, last === 1 ? '1.0' : '1.1');
      return { line: what.line, steps, isLast: last <= 1 };
    });
}

function stepsOf(
  { line, body }: Asked,
  headers: string[],
  how: Framing,
  cuts: number[],
  version: string,
): Step[] {
  const framed = body
    ? frame(body, version === '1.1' ? how : 'length', cuts)
    : { headers: [], bytes: Buffer.alloc(0), waits: false };
  const lines = [`${line.method} ${line.target} HTTP/${version}`, ...headers, ...framed.headers];
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  if (framed.waits)
    return [{ type: 'send', bytes: head }, { type: 'continue' }, ...pieces(framed.bytes, cuts)];
  return pieces(Buffer.concat([head, framed.bytes]), cuts);
}

interface Framed {
  readonly headers: readonly string[];
  readonly bytes: Buffer;
  readonly waits: boolean;
}

function frame(body: Buffer, how: Framing, cuts: readonly number[]): Framed {
  const length = `Content-Length: ${String(body.length)}`;
  const coding = 'Transfer-Encoding: chunked';
  const expects = 'Expect: 100-continue';
  switch (how) {
    case 'length':
      return { headers: [length], bytes: body, waits: false };
    case 'pushed':
      return { headers: [expects, length], bytes: body, waits: false };
    case 'waiting':
      return { headers: [expects, length], bytes: body, waits: true };
    case 'chunked':
      return { headers: [coding], bytes: chunked(body, cuts), waits: false };
    case 'waitingChunked':
      return { headers: [coding, expects], bytes: chunked(body, cuts), waits: true };
  }
}

/** Chunks of the given sizes and one for the rest, with an extension here and there, and trailers. */
export function chunked(body: Buffer, sizes: readonly number[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const size of [...sizes.filter((each) => each > 0), body.length]) {
    const part = body.subarray(at, at + size);
    if (part.length === 0) break;
    at += part.length;
    const extension = size % 7 === 0 ? ';a="b"' : '';
    parts.push(Buffer.from(`${part.length.toString(16)}${extension}\r\n`), part, Buffer.from('\r\n'));
  }
  const trailer = sizes.length % 3 === 1 ? 'X-Late: 1\r\n' : '';
  return Buffer.concat([...parts, Buffer.from(`0\r\n${trailer}\r\n`)]);
}

/** The same bytes in several segments. */
export function pieces(bytes: Buffer, cuts: readonly number[]): Step[] {
  const steps: Step[] = [];
  let at = 0;
  for (const cut of cuts) {
    if (cut === 0 || at + cut >= bytes.length) continue;
    steps.push({ type: 'send', bytes: bytes.subarray(at, at + cut) }, { type: 'turn' });
    at += cut;
  }
  return [...steps, { type: 'send', bytes: bytes.subarray(at) }];
}

/** Requests on one connection, each after the reply to the one before, or all at once. */
export function inOrder(requests: readonly SoundRequest[], pipelined: boolean): Step[] {
  return requests.flatMap(({ steps }, index): Step[] => {
    const wait: Step[] = pipelined ? [] : [{ type: 'replies', count: index + 1 }];
    return [...steps, ...wait];
  });
}

function upToLast(requests: readonly SoundRequest[]): readonly SoundRequest[] {
  const last = requests.findIndex(({ isLast }) => isLast);
  return last < 0 ? requests : requests.slice(0, last + 1);
}

/** A connection with sound requests only. */
export function soundConversation(known: readonly KnownVersion[]): fc.Arbitrary<Conversation> {
  const requests = fc.array(soundRequest(known), { minLength: 1, maxLength: 8, size: 'max' });
  const ending = fc.oneof(
    { weight: 30, arbitrary: fc.constant('polite' as const) },
    fc.constantFrom('cut' as const, 'reset' as const),
  );
  return fc.tuple(requests, fc.nat(2), ending).map(([made, how, end]) => {
    const all = upToLast(made);
    // A request that waits for its 100 would count the replies of those before it as its own.
    const waits = all.some(({ steps }) => steps.some(({ type }) => type === 'continue'));
    const pipelined = how === 0 && !waits;
    return {
      kind: pipelined ? 'pipelined' : 'sound',
      steps: inOrder(all, pipelined),
      ending: end,
      requests: all.map(({ line }) => line),
      size: all.length,
    };
  });
}
