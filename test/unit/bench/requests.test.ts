import { describe, expect, it } from '@jest/globals';
import {
  freshPrefix,
  KEY_CHARS,
  keyText,
  piecesOf,
  PREFIX_CHARS,
  STORED_PREFIX,
  VALUE_BYTES,
  VALUE_CHARS,
} from '../../../scripts/bench/requests.js';
import { valueSource } from '../../../scripts/bench/values.js';
import { seededRandom } from '../../../scripts/support/random.js';

describe('bench: the requests', () => {
  it('a request without a body is its head, cut at the key', () => {
    expect(piecesOf({ method: 'GET', path: '/storage/{key}' }, 'h:1')).toEqual([
      { text: 'GET /storage/' },
      { fill: 'key' },
      { text: ' HTTP/1.1\r\nHost: h:1\r\n\r\n' },
    ]);
  });

  it('a body announces the length that it has once key and value are in it', () => {
    const shape = { method: 'POST', path: '/kv', body: '{"key":"{key}","value":"{value}"}' };
    const fills = { key: keyText(STORED_PREFIX, 7), value: valueSource(1, seededRandom(1))() };
    const text = piecesOf(shape, 'h:1')
      .map((piece) => ('text' in piece ? piece.text : fills[piece.fill]))
      .join('');
    const [head, body] = text.split('\r\n\r\n');
    expect(JSON.parse(body!)).toEqual(fills);
    expect(head).toContain(`Content-Length: ${body!.length}`);
  });

  it('keys are base64 of one length, and those of no two phases or load processes meet', () => {
    const prefixes = [
      STORED_PREFIX,
      ...['w', 'm'].flatMap((phase) => [0, 1, 2].map((n) => freshPrefix(phase, n))),
    ];
    expect(new Set(prefixes).size).toBe(prefixes.length);
    for (const prefix of prefixes) {
      expect(prefix).toHaveLength(PREFIX_CHARS);
      const key = keyText(prefix, 12_345);
      expect(key).toHaveLength(KEY_CHARS);
      expect(Buffer.from(key, 'base64').toString('base64')).toBe(key);
    }
  });

  it('every value is new, and base64 of 102 bytes', () => {
    const next = valueSource(3, seededRandom(3));
    const values = Array.from({ length: 1000 }, next);
    expect(new Set(values).size).toBe(values.length);
    for (const value of values) {
      expect(value).toHaveLength(VALUE_CHARS);
      expect(Buffer.from(value, 'base64')).toHaveLength(VALUE_BYTES);
    }
  });
});
