import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DecodeError } from '../../../services/node/core/protocol/bytes.js';
import { decodeMessage, encodeMessage, messageBytes } from '../../../services/node/core/protocol/codec.js';
import type { Message } from '../../../services/node/core/protocol/messages.js';
import type { Key } from '../../../services/node/core/types.js';
import { message, messagesByType } from './arbitraries.js';
import { expectOnlyDecodeErrors, mutated } from './hostile.js';

const ping: Message = { type: 'ping', request: 7 };

describe('message codec', () => {
  it.each(Object.entries(messagesByType))('%s comes back as it was', (_type, arbitrary) => {
    fc.assert(
      fc.property(arbitrary as fc.Arbitrary<Message>, (sent) => {
        expect(decodeMessage(encodeMessage(sent))).toStrictEqual(sent);
      }),
      { numRuns: 500 },
    );
  });

  it('the measured size is never below the encoded one', () => {
    fc.assert(
      fc.property(message, (sent) => {
        const bound = messageBytes(sent);
        const { length } = encodeMessage(sent);
        expect(length).toBeLessThanOrEqual(bound);
      }),
      { numRuns: 2000 },
    );
  });

  it('a request number of the 2,000,000th life of a node survives', () => {
    const request = 2_000_000 * 2 ** 32 + 0xffff_ffff;
    expect(decodeMessage(encodeMessage({ type: 'pong', request }))).toStrictEqual({ type: 'pong', request });
  });

  it('random bytes are a message or a DecodeError, nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expectOnlyDecodeErrors(() => decodeMessage(bytes));
      }),
      { numRuns: 5000 },
    );
  });

  it('changed, cut and lengthened messages are a message or a DecodeError, nothing else', () => {
    fc.assert(
      fc.property(mutated(message.map(encodeMessage)), (bytes) => {
        expectOnlyDecodeErrors(() => decodeMessage(bytes));
      }),
      { numRuns: 5000 },
    );
  });

  it('every true prefix of a message is refused', () => {
    fc.assert(
      fc.property(message, fc.nat(), (sent, cut) => {
        const bytes = encodeMessage(sent);
        expect(() => decodeMessage(bytes.subarray(0, cut % bytes.length))).toThrow(DecodeError);
      }),
      { numRuns: 2000 },
    );
  });

  it.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['an unknown type', (bytes) => Uint8Array.of(0, ...bytes.subarray(1))],
    ['a trailing byte', (bytes) => Uint8Array.of(...bytes, 0)],
    ['nothing', () => new Uint8Array(0)],
    ['an endless integer', (bytes) => Uint8Array.of(bytes[0]!, ...new Array<number>(50).fill(0xff))],
    ['a padded integer', (bytes) => Uint8Array.of(bytes[0]!, 0x87, 0x00)],
  ])('%s is refused', (_name, change) => {
    expect(() => decodeMessage(change(encodeMessage(ping)))).toThrow(DecodeError);
  });

  it('a record that claims many entries in few bytes is refused without room being made for them', () => {
    const write = encodeMessage({
      type: 'write',
      request: 1,
      key: 'k' as Key,
      record: { clock: [], siblings: [], marks: [] },
    });
    const lying = Uint8Array.of(...write.subarray(0, 4), 0xff, 0xff, 0xff, 0x7f);
    expect(() => decodeMessage(lying)).toThrow(DecodeError);
  });

  it('an unknown error code is refused', () => {
    const outcome = { ok: false, code: 'overloaded', outcome: 'none' } as const;
    const bytes = encodeMessage({ type: 'forwardReply', request: 1, answer: { status: 'done', outcome } });
    const text = Buffer.from(bytes).toString('latin1').replace('overloaded', 'constructo');
    expect(() => decodeMessage(Buffer.from(text, 'latin1'))).toThrow(DecodeError);
    const inherited = Buffer.from(bytes).toString('latin1').replace('\noverloaded', '\x08toString');
    expect(() => decodeMessage(Buffer.from(inherited, 'latin1'))).toThrow(DecodeError);
  });

  it.each<[string, Message]>([
    ['an empty key', { type: 'read', request: 1, key: '' as Key }],
    ['a key that is too long', { type: 'read', request: 1, key: 'k'.repeat(4097) as Key }],
    ['a negative number', { type: 'ping', request: -1 }],
    ['a fraction', { type: 'ping', request: 1.5 }],
    ['a number beyond the safe ones', { type: 'ping', request: 2 ** 53 }],
  ])('%s is not written', (_name, wrong) => {
    expect(() => messageBytes(wrong)).toThrow('invariant violated');
  });
});
