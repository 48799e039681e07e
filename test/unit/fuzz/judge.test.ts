import { describe, expect, it } from '@jest/globals';
import type { Conversation, RequestLine, Transcript } from '../../../scripts/fuzz/http/conversation.js';
import { faultOf } from '../../../scripts/fuzz/http/judge.js';
import { createReplyReader } from '../../../scripts/fuzz/http/replyReader.js';
import { ERRORS } from '../../../services/node/core/errors.js';

/** The fuzzer is only worth what it would notice. */

const GET = { method: 'GET', target: '/storage/Zi8x' };
const FOUND = '{"key":"Zi8x","value":{"version":"AA","values":[]}}';

const reply = (status: string, body: string, headers: readonly string[] = []): string =>
  [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/json',
    `Content-Length: ${String(Buffer.byteLength(body))}`,
    ...headers,
    '',
    body,
  ].join('\r\n');

const error = (code: string, message: string, outcome = 'none'): string =>
  JSON.stringify({ success: false, error: { code, message, outcome } });

function transcriptOf(text: string, requests: Conversation['requests']): Transcript {
  const reader = createReplyReader((index) => requests?.[index]?.method ?? 'GET');
  // In pieces: where they end must not matter.
  for (let at = 0; at < text.length; at += 7) reader.feed(Buffer.from(text.slice(at, at + 7)));
  reader.end();
  const { replies } = reader;
  const happened = { timedOut: false, stoppedEarly: false, wasReset: false };
  return { replies, fault: reader.fault(), isPartial: reader.isPartial(), ...happened };
}

function rule(
  text: string,
  requests: readonly RequestLine[] | 'unknown' = [GET],
  more: Partial<Transcript> = {},
) {
  const known = requests === 'unknown' ? undefined : requests;
  const conversation: Conversation = {
    ...{ kind: 'test', steps: [], ending: 'polite', size: 1 },
    ...(known && { requests: known }),
  };
  return faultOf(conversation, { ...transcriptOf(text, known), ...more })?.rule;
}

describe('what the HTTP fuzzer finds fault with', () => {
  it.each<[string, string]>([
    ['a documented reply', reply('200 OK', FOUND)],
    [
      'a documented error',
      reply(
        '400 Bad Request',
        error('invalid_key', 'The key must be base64 (standard or URL-safe) of at least one byte.'),
      ),
    ],
    ['an interim reply before it', `HTTP/1.1 100 Continue\r\n\r\n${reply('200 OK', FOUND)}`],
  ])('nothing: %s', (_name, text) => {
    expect(rule(text)).toBeUndefined();
  });

  it.each<[string, string, string]>([
    ['a reply that is no HTTP', 'hello', 'what comes back is not HTTP'],
    ['a bare line feed', reply('200 OK', FOUND).replace('OK\r\n', 'OK\n'), 'what comes back is not HTTP'],
    ['a header with a NUL', reply('200 OK', FOUND, ['X-A: a\0b']), 'what comes back is not HTTP'],
    ['two lengths', reply('200 OK', FOUND, ['Content-Length: 5']), 'what comes back is not HTTP'],
    ['bytes behind the reply', `${reply('200 OK', FOUND)}tail`, 'what comes back is not HTTP'],
    ['a second reply', reply('200 OK', FOUND).repeat(2), 'an undocumented reply'],
    ['a reply that breaks off', reply('200 OK', FOUND).slice(0, -1), 'a reply breaks off'],
    ['no reply', '', 'a request is not answered'],
    [
      'another status than the error has',
      reply(
        '404 Not Found',
        error('invalid_key', 'The key must be base64 (standard or URL-safe) of at least one byte.'),
      ),
      'an undocumented reply',
    ],
    [
      'an error that this operation has not',
      reply('400 Bad Request', error('invalid_value', 'The value must be base64 (standard or URL-safe).')),
      'an undocumented reply',
    ],
    [
      'an error with another outcome',
      reply(
        '400 Bad Request',
        error(
          'invalid_key',
          'The key must be base64 (standard or URL-safe) of at least one byte.',
          'unknown',
        ),
      ),
      'an undocumented reply',
    ],
    [
      'a token wanted, by nodes that are started without',
      reply('401 Unauthorized', error('unauthorized', ERRORS.unauthorized.message), [
        'WWW-Authenticate: Bearer',
      ]),
      'an undocumented reply',
    ],
    ['an error without a code', reply('400 Bad Request', '{"success":false}'), 'an undocumented reply'],
    [
      'a 503 without Retry-After',
      reply(
        '503 Service Unavailable',
        error('overloaded', 'This node has as much work as it can bear; try again in a moment.'),
      ),
      'an undocumented reply',
    ],
    [
      'an internal fault',
      reply(
        '500 Internal Server Error',
        error('internal', 'An unexpected fault; the log has the details under this requestId.', 'unknown'),
      ),
      'an internal fault',
    ],
    [
      'a page of HTML',
      reply('404 Not Found', '<html>').replace('application/json', 'text/html'),
      'an undocumented reply',
    ],
    ['a body of another shape', reply('200 OK', '{"key":"Zi8x"}'), 'an undocumented reply'],
  ])('%s', (_name, text, expected) => {
    expect(rule(text)).toBe(expected);
  });

  it('an answer that never comes, whatever the ending', () => {
    expect(rule(reply('200 OK', FOUND), [GET], { timedOut: true })).toBe('no end in time');
  });

  it('a reply to HEAD ends with its head; its status must be one of GET', () => {
    const head = { ...GET, method: 'HEAD' };
    expect(rule('HTTP/1.1 200 OK\r\nContent-Length: 49\r\n\r\n', [head])).toBeUndefined();
    expect(rule('HTTP/1.1 201 Created\r\nContent-Length: 49\r\n\r\n', [head])).toBe('an undocumented reply');
  });

  it('what nobody can know the request of may be answered as any operation is, and not otherwise', () => {
    const [page, broken] = [reply('200 OK', FOUND), reply('200 OK', '{"a":1}')];
    expect(rule(page.repeat(3), 'unknown')).toBeUndefined();
    expect(rule(page + broken, 'unknown')).toBe('an undocumented reply');
  });
});
