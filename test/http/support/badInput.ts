import type { ErrorCode } from '../../../services/node/core/errors.js';
import { errorReplySchema } from '../../../services/node/http/schemas.js';
import { exchangeRaw, requestText } from './rawHttp.js';
import type { RawReply, Sending } from './rawHttp.js';

/**
 * Bad input of every kind, as data: it runs against the HTTP edge in front of a stub, and against real nodes. Each case is
 * followed by a good request on a new connection, which must be served.
 */
export interface BadInputCase {
  readonly name: string;
  readonly send: readonly Sending[];
  /** Our side of the connection ends after sending. */
  readonly halfClose?: boolean;
  readonly expect: {
    readonly status: number;
    readonly code: ErrorCode;
    readonly outcome?: 'none' | 'unknown';
    readonly allow?: string;
    /** The server closes the connection afterwards. */
    readonly closes?: boolean;
    /** Where waiting is the point: the reply comes, and the connection is closed, within so many ms. */
    readonly withinMs?: number;
  };
}

/** What the cases must know of the node that they run against. */
export interface BadInputTarget {
  readonly valueBytesMax: number;
  readonly headersMs: number;
  readonly requestMs: number;
  readonly checkMs: number;
  /** More than the number of replicas. */
  readonly minNumTooLarge: number;
}

/** The defaults of a node, and a cluster of three. */
const DEFAULT_TARGET: BadInputTarget = {
  valueBytesMax: 16 * 1024 * 1024,
  headersMs: 10_000,
  requestMs: 30_000,
  checkMs: 1000,
  minNumTooLarge: 4,
};

/** What a shared machine may add to any wait. */
const SLACK_MS = 10_000;

const KEY = Buffer.from('bad input').toString('base64url');
const VALUE = Buffer.from('value').toString('base64');
const GOOD_BODY = JSON.stringify({ value: VALUE });
const LONG_KEY = Buffer.alloc(4097, 'k').toString('base64url');

export function badInputCases(target: BadInputTarget = DEFAULT_TARGET): readonly BadInputCase[] {
  return [
    ...keyCases(),
    ...valueCases(target),
    ...bodyCases(),
    ...fieldCases(target),
    ...parameterCases(target),
    ...routeCases(),
    ...httpCases(),
    ...slowCases(target),
  ];
}

type Expect = BadInputCase['expect'];

const badCase = (name: string, expect: Expect, ...send: Sending[]): BadInputCase => ({ name, send, expect });
const get = (name: string, target: string, expect: Expect): BadInputCase =>
  badCase(`GET: ${name}`, expect, requestText('GET', target));
const put = (name: string, body: string | Buffer, expect: Expect): BadInputCase =>
  badCase(`PUT: ${name}`, expect, requestText('PUT', `/storage/${KEY}`, body));
const putFields = (name: string, fields: object, expect: Expect): BadInputCase =>
  put(name, JSON.stringify({ value: VALUE, ...fields }), expect);
const putInBody = (name: string, fields: object, expect: Expect): BadInputCase =>
  badCase(
    `PUT /storage: ${name}`,
    expect,
    requestText('PUT', '/storage', JSON.stringify({ value: VALUE, ...fields })),
  );

const error = (status: number, code: ErrorCode): Expect => ({ status, code, outcome: 'none' });
const INVALID_KEY = error(400, 'invalid_key');
const KEY_TOO_LARGE = error(413, 'key_too_large');
const INVALID_VALUE = error(400, 'invalid_value');
const INVALID_BODY = error(400, 'invalid_body');
const INVALID_QUORUM = error(400, 'invalid_quorum');
const INVALID_PARAMETER = error(400, 'invalid_parameter');
const INVALID_VERSION = error(400, 'invalid_version');
const MALFORMED: Expect = { ...error(400, 'malformed_request'), closes: true };

function keyCases(): BadInputCase[] {
  return [
    get('key with a character outside base64', '/storage/ab*d', INVALID_KEY),
    get('key of an impossible length', '/storage/abcde', INVALID_KEY),
    get('key with bits left over', '/storage/YWJ', INVALID_KEY),
    get('key with wrong padding', '/storage/YWI==', INVALID_KEY),
    get('key with padding in the middle', '/storage/YQ==YWJj', INVALID_KEY),
    get('key with a space', '/storage/YWJj%20', INVALID_KEY),
    get('key with a letter beyond ASCII whose low byte is one', '/storage/YWJ%C5%81', INVALID_KEY),
    get('key with broken percent-encoding', '/storage/YWJj%zz', INVALID_KEY),
    get('key with half of a UTF-8 character', '/storage/YWJj%C5', INVALID_KEY),
    get('empty key', '/storage/', INVALID_KEY),
    get('key of padding only', '/storage/%3D%3D%3D%3D', INVALID_KEY),
    get('key too long', `/storage/${LONG_KEY}`, KEY_TOO_LARGE),
    badCase('DELETE: empty key', INVALID_KEY, requestText('DELETE', '/storage/')),
    badCase('DELETE: key not base64', INVALID_KEY, requestText('DELETE', '/storage/ab*d')),
    badCase('PUT: key not base64', INVALID_KEY, requestText('PUT', '/storage/ab*d', GOOD_BODY)),
    badCase('PUT: key too long', KEY_TOO_LARGE, requestText('PUT', `/storage/${LONG_KEY}`, GOOD_BODY)),
    putInBody('no key', {}, INVALID_KEY),
    putInBody('empty key', { key: '' }, INVALID_KEY),
    putInBody('key not base64', { key: 'ab*d' }, INVALID_KEY),
    putInBody('key too long', { key: LONG_KEY }, KEY_TOO_LARGE),
    putInBody('key not a string', { key: 7 }, INVALID_BODY),
    putFields('another key in the body than in the path', { key: 'YWJj' }, INVALID_BODY),
  ];
}

function valueCases({ valueBytesMax }: BadInputTarget): BadInputCase[] {
  const tooLarge = Buffer.alloc(valueBytesMax + 1).toString('base64');
  return [
    putFields('value not base64', { value: 'ab*d' }, INVALID_VALUE),
    putFields('value of an impossible length', { value: 'abcde' }, INVALID_VALUE),
    putFields('value with bits left over', { value: 'YWJ' }, INVALID_VALUE),
    putFields('value with a line break', { value: 'YWJj\nYWJj' }, INVALID_VALUE),
    putFields('value not a string', { value: 7 }, INVALID_BODY),
    putFields('value null', { value: null }, INVALID_BODY),
    put('no value', '{}', INVALID_BODY),
    put('value too large', JSON.stringify({ value: tooLarge }), error(413, 'value_too_large')),
    put('body too large', Buffer.alloc(2 * valueBytesMax + 64 * 1024, ' '), {
      ...error(413, 'body_too_large'),
      closes: true,
    }),
    badCase(
      'PUT: chunked body too large',
      { ...error(413, 'body_too_large'), closes: true },
      requestText('PUT', `/storage/${KEY}`, undefined, { 'Transfer-Encoding': 'chunked' }),
      ...chunks(2 * valueBytesMax + 64 * 1024),
    ),
    badCase(
      'PUT: huge body announced, client waits for 100-continue',
      { ...error(413, 'body_too_large'), closes: true },
      requestText('PUT', `/storage/${KEY}`, undefined, {
        'Content-Length': '99999999999',
        Expect: '100-continue',
      }),
    ),
  ];
}

function bodyCases(): BadInputCase[] {
  return [
    put('empty body', '', INVALID_BODY),
    badCase('PUT: no body at all', INVALID_BODY, requestText('PUT', `/storage/${KEY}`)),
    put('body not JSON', 'value=YWJj', INVALID_BODY),
    put('JSON cut short', GOOD_BODY.slice(0, -2), INVALID_BODY),
    put('JSON followed by more', `${GOOD_BODY}{}`, INVALID_BODY),
    put(
      'body not UTF-8',
      Buffer.concat([Buffer.from('{"value":"'), Buffer.from([0xff, 0x22, 0x7d])]),
      INVALID_BODY,
    ),
    put('byte order mark', `\ufeff${GOOD_BODY}`, INVALID_BODY),
    put('array', `[${GOOD_BODY}]`, INVALID_BODY),
    put('number', '7', INVALID_BODY),
    put('string', '"YWJj"', INVALID_BODY),
    put('null', 'null', INVALID_BODY),
    put('deep nesting', '['.repeat(50_000), INVALID_BODY),
    put('unknown field', '{"value":"","ttl":1}', INVALID_BODY),
    put('field in another case', '{"Value":""}', INVALID_BODY),
    put('__proto__', '{"value":"","__proto__":{"quorum":"strict"}}', INVALID_BODY),
    put('__proto__ in place of the value', '{"__proto__":{"value":""}}', INVALID_BODY),
    put('constructor', '{"value":"","constructor":{"prototype":{}}}', INVALID_BODY),
    {
      ...badCase(
        'PUT: body cut short by the client',
        MALFORMED,
        requestText('PUT', `/storage/${KEY}`, undefined, { 'Content-Length': '100' }),
        '{"value":',
      ),
      halfClose: true,
    },
  ];
}

function fieldCases({ minNumTooLarge }: BadInputTarget): BadInputCase[] {
  const minNums: readonly [string, unknown][] = [
    ['0', 0],
    ['-1', -1],
    ['1.5', 1.5],
    [`${minNumTooLarge}`, minNumTooLarge],
    ['1e99', 1e99],
    ['"x"', 'x'],
    ['"2"', '2'],
    ['null', null],
    ['true', true],
    ['[2]', [2]],
  ];
  return [
    ...minNums.map(([shown, minNumWrites]) =>
      putFields(`minNumWrites ${shown}`, { minNumWrites }, INVALID_QUORUM),
    ),
    put('minNumWrites 1e999', '{"value":"","minNumWrites":1e999}', INVALID_QUORUM),
    putFields('unknown quorum', { quorum: 'lax' }, INVALID_BODY),
    putFields('unknown onConflict', { onConflict: 'overwrite' }, INVALID_BODY),
    putFields('fromVersion null', { fromVersion: null }, INVALID_BODY),
    putFields('fromVersion not a string', { fromVersion: 3 }, INVALID_BODY),
    putFields('fromVersion forged', { fromVersion: 'AAAA' }, INVALID_VERSION),
    putFields('fromVersion of 100 KB', { fromVersion: 'A'.repeat(100_000) }, INVALID_VERSION),
    putFields('fromVersion too long', { fromVersion: 'A'.repeat(8193) }, INVALID_VERSION),
    putFields('requestId empty', { requestId: '' }, INVALID_BODY),
    putFields('requestId too long', { requestId: 'r'.repeat(65) }, INVALID_BODY),
    putFields('requestId with a control character', { requestId: 'a\u0000b' }, INVALID_BODY),
    putFields('requestId not a string', { requestId: 7 }, INVALID_BODY),
  ];
}

function parameterCases({ minNumTooLarge }: BadInputTarget): BadInputCase[] {
  const query = (name: string, text: string, expect: Expect): BadInputCase =>
    get(name, `/storage/${KEY}?${text}`, expect);
  const remove = (name: string, text: string, expect: Expect): BadInputCase =>
    badCase(`DELETE: ${name}`, expect, requestText('DELETE', `/storage/${KEY}?${text}`));
  const minNums = [
    '0',
    '-1',
    '1.5',
    `${minNumTooLarge}`,
    'x',
    '1e99',
    '',
    '%31%30%30',
    '99999999999999999999',
  ];
  return [
    ...minNums.map((text) => query(`minNumReads=${text}`, `minNumReads=${text}`, INVALID_QUORUM)),
    ...minNums.map((text) => remove(`minNumWrites=${text}`, `minNumWrites=${text}`, INVALID_QUORUM)),
    query('unknown parameter', 'minReads=2', INVALID_PARAMETER),
    query('__proto__', '__proto__=1', INVALID_PARAMETER),
    query('constructor', 'constructor=1', INVALID_PARAMETER),
    query('repeated parameter', 'quorum=strict&quorum=strict', INVALID_PARAMETER),
    query('unknown quorum', 'quorum=lax', INVALID_PARAMETER),
    query('empty quorum', 'quorum', INVALID_PARAMETER),
    query('broken percent-encoding', 'quorum=%zz', INVALID_PARAMETER),
    query('a parameter of PUT', 'minNumWrites=1', INVALID_PARAMETER),
    remove('unknown parameter', 'value=YWJj', INVALID_PARAMETER),
    remove('fromVersion forged', 'fromVersion=AAAA', INVALID_VERSION),
    remove('fromVersion too long', `fromVersion=${'A'.repeat(8193)}`, INVALID_VERSION),
    remove('unknown onConflict', 'onConflict=overwrite', INVALID_PARAMETER),
    badCase(
      'PUT: parameters in the query',
      INVALID_PARAMETER,
      requestText('PUT', `/storage/${KEY}?minNumWrites=1`, GOOD_BODY),
    ),
    badCase(
      'DELETE: with a body',
      INVALID_BODY,
      requestText('DELETE', `/storage/${KEY}`, '{"fromVersion":""}'),
    ),
  ];
}

function routeCases(): BadInputCase[] {
  const unknown = error(404, 'unknown_path');
  const notAllowed = (allow: string): Expect => ({ ...error(405, 'method_not_allowed'), allow });
  return [
    get('unknown path', '/nothing', unknown),
    get('root', '/', unknown),
    get('path that begins like another', '/storages', unknown),
    get('path in another case', '/PING', unknown),
    get('path with a broken escape', '/%zz', unknown),
    badCase('OPTIONS *', unknown, requestText('OPTIONS', '*')),
    badCase('POST to an unknown path with a body', unknown, requestText('POST', '/nothing', GOOD_BODY)),
    get('/storage without a key', '/storage', notAllowed('PUT')),
    badCase(
      'POST to a key',
      notAllowed('GET, HEAD, PUT, DELETE'),
      requestText('POST', `/storage/${KEY}`, GOOD_BODY),
    ),
    badCase(
      'PATCH of a key',
      notAllowed('GET, HEAD, PUT, DELETE'),
      requestText('PATCH', `/storage/${KEY}`, GOOD_BODY),
    ),
    badCase(
      'OPTIONS of a key',
      notAllowed('GET, HEAD, PUT, DELETE'),
      requestText('OPTIONS', `/storage/${KEY}`),
    ),
    badCase('POST to /ping', notAllowed('GET, HEAD'), requestText('POST', '/ping', '{}')),
    badCase('PUT of /metrics', notAllowed('GET, HEAD'), requestText('PUT', '/metrics', '{}')),
    badCase('a method that HTTP does not know', MALFORMED, requestText('FETCH', `/storage/${KEY}`)),
    badCase(
      'CONNECT',
      { ...error(405, 'method_not_allowed'), closes: true },
      requestText('CONNECT', 'host:80'),
    ),
  ];
}

function httpCases(): BadInputCase[] {
  const storage = `/storage/${KEY}`;
  return [
    badCase('not HTTP', MALFORMED, 'hello there\r\n\r\n'),
    badCase('TLS on a plain port', MALFORMED, Buffer.from('16030100a5010000a1030352', 'hex')),
    badCase('a header without a colon', MALFORMED, `GET ${storage} HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n`),
    badCase('no Host', error(400, 'malformed_request'), `GET ${storage} HTTP/1.1\r\n\r\n`),
    badCase(
      'Content-Length not a number',
      MALFORMED,
      requestText('PUT', storage, undefined, { 'Content-Length': 'x' }),
    ),
    badCase(
      'Content-Length negative',
      MALFORMED,
      requestText('PUT', storage, undefined, { 'Content-Length': '-1' }),
    ),
    badCase(
      'both Content-Length and chunked',
      MALFORMED,
      requestText('PUT', storage, '0\r\n\r\n', { 'Transfer-Encoding': 'chunked' }),
    ),
    badCase(
      'a chunk of no size',
      MALFORMED,
      requestText('PUT', storage, undefined, { 'Transfer-Encoding': 'chunked' }),
      'zz\r\n{}\r\n',
    ),
    badCase(
      'headers too large',
      { ...error(431, 'headers_too_large'), closes: true },
      requestText('GET', storage, undefined, { 'X-Large': 'x'.repeat(40_000) }),
    ),
    badCase(
      'target too long',
      { ...error(431, 'headers_too_large'), closes: true },
      requestText('GET', `/storage/${'A'.repeat(40_000)}`),
    ),
  ];
}

function slowCases({ headersMs, requestMs, checkMs }: BadInputTarget): BadInputCase[] {
  const timeout = (limitMs: number): Expect => ({
    status: 408,
    code: 'request_timeout',
    closes: true,
    withinMs: limitMs + checkMs,
  });
  const drip = (text: string, limitMs: number): Sending[] => {
    const pauseMs = Math.ceil(limitMs / 8);
    return Array.from({ length: 40 }, (_, index) => [text.charAt(index % text.length), { pauseMs }]).flat();
  };
  const announced = requestText('PUT', `/storage/${KEY}`, undefined, { 'Content-Length': '1000' });
  return [
    badCase('half-open: connected and silent', timeout(headersMs)),
    badCase(
      'half-open: silent within the headers',
      timeout(headersMs),
      `GET /storage/${KEY} HTTP/1.1\r\nHost:`,
    ),
    badCase('half-open: silent before the body', timeout(requestMs), announced),
    badCase('half-open: silent within the body', timeout(requestMs), announced, '{"value":'),
    badCase('slow: headers byte by byte', timeout(headersMs), 'GET /', ...drip('x', headersMs)),
    badCase('slow: body byte by byte', timeout(requestMs), announced, ...drip(' ', requestMs)),
  ];
}

/** So many bytes of body in chunks of 32 KiB, and the end. */
function chunks(length: number): Sending[] {
  const size = 32 * 1024;
  const chunk = Buffer.concat([
    Buffer.from(`${size.toString(16)}\r\n`),
    Buffer.alloc(size, ' '),
    Buffer.from('\r\n'),
  ]);
  return [...Array.from({ length: Math.ceil(length / size) }, () => chunk), '0\r\n\r\n'];
}

export interface BadInputResult {
  readonly name: string;
  /** What was not as documented; empty where all was. */
  readonly faults: readonly string[];
}

/** Runs one case, then a good request. */
export async function runBadInputCase(baseUrl: string, badInput: BadInputCase): Promise<BadInputResult> {
  const { hostname: host, port } = new URL(baseUrl);
  const { withinMs, closes = false } = badInput.expect;
  const { replies, closed } = await exchangeRaw({ host, port: Number(port) }, badInput.send, {
    timeoutMs: (withinMs ?? 0) + SLACK_MS,
    halfClose: badInput.halfClose ?? false,
    enough: (all) => !closes && all.length > 0,
  });
  const faults = [
    ...replyFaults(badInput.expect, replies),
    ...(closes && !closed ? ['the connection stayed open'] : []),
    ...(await goodRequestFaults(baseUrl)),
  ];
  return { name: badInput.name, faults };
}

/** Runs all cases: the quick ones one after the other, those that wait for a time limit side by side. */
export async function runBadInput(
  baseUrl: string,
  cases: readonly BadInputCase[] = badInputCases(),
): Promise<BadInputResult[]> {
  const isSlow = ({ expect }: BadInputCase): boolean => expect.withinMs !== undefined;
  const slow = Promise.all(cases.filter(isSlow).map((badInput) => runBadInputCase(baseUrl, badInput)));
  const results: BadInputResult[] = [];
  for (const badInput of cases) {
    if (!isSlow(badInput)) results.push(await runBadInputCase(baseUrl, badInput));
  }
  return [...results, ...(await slow)];
}

function replyFaults(expect: Expect, replies: readonly RawReply[]): string[] {
  const [reply] = replies;
  if (!reply) return ['there was no reply'];
  if (replies.length > 1) return [`there were ${replies.length} replies`];
  const parsed = errorReplySchema.safeParse(parsedJson(reply.body));
  if (!parsed.success) return [`not the documented shape (${reply.status}): ${reply.body.slice(0, 200)}`];
  const { code, outcome } = parsed.data.error;
  const allow = reply.headers.get('allow');
  return [
    ...(reply.status === expect.status ? [] : [`status ${reply.status} for ${expect.status}`]),
    ...(code === expect.code ? [] : [`code ${code} for ${expect.code}`]),
    ...(outcome === (expect.outcome ?? 'none') ? [] : [`outcome ${outcome}`]),
    ...(expect.allow === undefined || allow === expect.allow ? [] : [`Allow: ${String(allow)}`]),
  ];
}

async function goodRequestFaults(baseUrl: string): Promise<string[]> {
  const key = Buffer.from(`good request ${goodRequests++}`).toString('base64url');
  const put = await fetch(`${baseUrl}/storage/${key}`, {
    method: 'PUT',
    body: JSON.stringify({ value: VALUE, onConflict: 'sibling' }),
    headers: { Connection: 'close' },
  });
  const get = await fetch(`${baseUrl}/storage/${key}`, { headers: { Connection: 'close' } });
  const found = JSON.stringify(await get.json());
  const served = put.ok && get.status === 200 && found.includes(VALUE);
  await put.arrayBuffer();
  return served ? [] : [`the next request was not served: PUT ${put.status}, GET ${get.status} ${found}`];
}

let goodRequests = 0;

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
