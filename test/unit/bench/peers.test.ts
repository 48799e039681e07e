import { describe, expect, it } from '@jest/globals';
import { consul, etcd } from '../../../scripts/bench/peers.js';
import { KEY_CHARS, keyText, piecesOf, STORED_PREFIX, VALUE_BYTES } from '../../../scripts/bench/requests.js';
import { valueSource } from '../../../scripts/bench/values.js';
import { seededRandom } from '../../../scripts/support/random.js';

const FILLS = { key: keyText(STORED_PREFIX, 7), value: valueSource(1, seededRandom(1))() };

function requestOf(shape: (typeof etcd.requests)['get']): { readonly head: string; readonly body: string } {
  const text = piecesOf(shape, 'h:1')
    .map((piece) => ('text' in piece ? piece.text : FILLS[piece.fill]))
    .join('');
  const [head = '', body = ''] = text.split('\r\n\r\n');
  return { head, body };
}

describe('bench: what peers are asked', () => {
  it('etcd: its JSON gateway gets key and value in base64, of the bytes that Rondo gets', () => {
    const put = requestOf(etcd.requests.put);
    expect(put.head).toContain('POST /v3/kv/put HTTP/1.1');
    const { key, value } = JSON.parse(put.body) as { readonly key: string; readonly value: string };
    expect(Buffer.from(key, 'base64')).toHaveLength((KEY_CHARS / 4) * 3);
    expect(Buffer.from(value, 'base64')).toHaveLength(VALUE_BYTES);
    const get = requestOf(etcd.requests.get);
    expect(get.head).toContain('POST /v3/kv/range HTTP/1.1');
    // Not serializable, which would be answered from a member's own state.
    expect(JSON.parse(get.body)).toEqual({ key });
  });

  it('Consul: the key goes into the path, the value is the body', () => {
    const put = requestOf(consul.requests.put);
    expect(put.head).toContain(`PUT /v1/kv/${FILLS.key} HTTP/1.1`);
    expect(put.body).toBe(FILLS.value);
    expect(requestOf(consul.requests.get)).toMatchObject({ body: '' });
  });
});
