import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DecodeError } from '../../../services/node/core/protocol/bytes.js';
import { CHUNK_BYTES } from '../../../services/node/core/protocol/chunks.js';
import { messageBytes } from '../../../services/node/core/protocol/codec.js';
import type { Envelope } from '../../../services/node/core/protocol/envelope.js';
import {
  BATCH_MESSAGES_MAX,
  decodeEnvelope,
  encodeEnvelope,
  ENVELOPE_OVERHEAD_BYTES,
  PARCEL_OVERHEAD_BYTES,
} from '../../../services/node/core/protocol/envelope.js';
import type { Message } from '../../../services/node/core/protocol/messages.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { envelope } from '../../../scripts/fuzz/generators/envelopes.js';
import { expectOnlyDecodeErrors, mutated } from './hostile.js';

const HEADER = {
  clusterId: 'c',
  epoch: 1,
  sender: 'a' as NodeId,
  receiver: 'b' as NodeId,
  incarnation: 1,
  counter: 1,
};

/** Behind the format, three names of one letter, the epoch and the incarnation. */
const FORM_AT = 1 + 3 * 2 + 2;

function batch(count: number): Envelope {
  const pings = Array.from({ length: count }, (_, request): Message => ({
    type: 'ping',
    request,
    epoch: 1,
    heights: [],
  }));
  const messages = pings.map((message) => ({ message, remainingMs: 5 }));
  return { header: HEADER, content: { lane: 'fast', messages } };
}

describe('envelope codec', () => {
  it('an envelope comes back as it was', () => {
    fc.assert(
      fc.property(envelope, (sent) => {
        expect(decodeEnvelope(encodeEnvelope(sent))).toStrictEqual(sent);
      }),
      { numRuns: 1000 },
    );
  });

  it.each(['fast', 'large', 'bulk', 'bulkChunks'])(
    'a form that is not its content is refused: %s',
    (form) => {
      const code = 1 + ['fast', 'large', 'bulk', 'bulkChunks'].indexOf(form);
      const chunk = { transferId: 1, index: 0, count: 1, remainingMs: 1, bytes: new Uint8Array(1) };
      const isBatch = form === 'fast' || form === 'bulk';
      const bytes = encodeEnvelope(
        isBatch ? { header: HEADER, content: { lane: 'large', chunks: [chunk] } } : batch(1),
      );
      expect(bytes[FORM_AT]).toBe(isBatch ? 2 : 1);
      bytes[FORM_AT] = code;
      expect(() => decodeEnvelope(bytes)).toThrow(DecodeError);
    },
  );

  it('is no longer than the overheads and the measured messages say', () => {
    fc.assert(
      fc.property(envelope, (sent) => {
        const content =
          'messages' in sent.content
            ? sent.content.messages.reduce(
                (sum, each) => sum + messageBytes(each.message) + PARCEL_OVERHEAD_BYTES,
                0,
              )
            : sent.content.chunks.reduce((sum, each) => sum + each.bytes.length + PARCEL_OVERHEAD_BYTES, 0);
        expect(encodeEnvelope(sent).length).toBeLessThanOrEqual(ENVELOPE_OVERHEAD_BYTES + content);
      }),
      { numRuns: 500 },
    );
  });

  it('random bytes are an envelope or a DecodeError, nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expectOnlyDecodeErrors(() => decodeEnvelope(Uint8Array.of(1, ...bytes)));
      }),
      { numRuns: 5000 },
    );
  });

  it('changed, cut and lengthened envelopes are an envelope or a DecodeError, nothing else', () => {
    fc.assert(
      fc.property(mutated(envelope.map(encodeEnvelope)), (bytes) => {
        expectOnlyDecodeErrors(() => decodeEnvelope(bytes));
        expectOnlyDecodeErrors(() => decodeEnvelope(bytes, () => undefined));
      }),
      { numRuns: 3000 },
    );
  });

  it('a message that cannot be decoded is left out, and its neighbours are not', () => {
    const bytes = encodeEnvelope(batch(3));
    // Each parcel ends with its message: type, request number, number of heights.
    bytes[bytes.length - 3 - 8] = 0xee;
    const damaged: DecodeError[] = [];
    const { content } = decodeEnvelope(bytes, (error) => damaged.push(error));
    expect('messages' in content && content.messages.map(({ message }) => message.request)).toEqual([0, 2]);
    expect(damaged).toHaveLength(1);
    expect(() => decodeEnvelope(bytes)).toThrow(DecodeError);
  });

  it('a batch over its bound is neither written nor read', () => {
    expect(() => encodeEnvelope(batch(BATCH_MESSAGES_MAX + 1))).toThrow('invariant violated');
    const full = encodeEnvelope(batch(BATCH_MESSAGES_MAX));
    const at = full.indexOf(BATCH_MESSAGES_MAX);
    expect(decodeEnvelope(full).content.lane).toBe('fast');
    full[at] = BATCH_MESSAGES_MAX + 1;
    expect(() => decodeEnvelope(full)).toThrow(DecodeError);
  });

  it.each([-5, NaN])('a deadline of %d ms has passed when it arrives', (remainingMs) => {
    const message: Message = { type: 'ping', request: 1, epoch: 1, heights: [] };
    const sent: Envelope = {
      header: HEADER,
      content: { lane: 'fast', messages: [{ message, remainingMs }] },
    };
    expect(decodeEnvelope(encodeEnvelope(sent))).toMatchObject({
      content: { messages: [{ remainingMs: 0 }] },
    });
  });

  it.each([
    ['an index that the count does not have', { index: 2, count: 2, bytes: new Uint8Array(1) }],
    ['a count of none', { index: 0, count: 0, bytes: new Uint8Array(1) }],
    ['a count beyond any message', { index: 0, count: 2 ** 40, bytes: new Uint8Array(CHUNK_BYTES) }],
    ['a short chunk before the last', { index: 0, count: 2, bytes: new Uint8Array(10) }],
    ['an empty last chunk', { index: 1, count: 2, bytes: new Uint8Array(0) }],
    ['a chunk that is too long', { index: 0, count: 1, bytes: new Uint8Array(CHUNK_BYTES + 1) }],
  ])('a chunk with %s is refused', (_name, wrong) => {
    const sent: Envelope = {
      header: HEADER,
      content: { lane: 'large', chunks: [{ transferId: 1, remainingMs: 1, ...wrong }] },
    };
    expect(() => decodeEnvelope(encodeEnvelope(sent))).toThrow(DecodeError);
  });
});
