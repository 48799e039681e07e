import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DecodeError } from '../../../services/node/core/protocol/bytes.js';
import { decodeMessage, encodeMessage, messageBytes } from '../../../services/node/core/protocol/codec.js';
import {
  type Candidate,
  DOCUMENT_CHARS_MAX,
  VERSION_KEY_BYTES,
} from '../../../services/node/core/protocol/membershipMessages.js';
import type { Message, NodeHeight } from '../../../services/node/core/protocol/messages.js';
import { HEIGHTS_MAX } from '../../../services/node/core/protocol/messages.js';
import type { Actor, Key, NodeId } from '../../../services/node/core/types.js';
import { message, messagesByType } from '../../../scripts/fuzz/generators/messages.js';
import { expectOnlyDecodeErrors, mutated } from './hostile.js';

const ping: Message = { type: 'ping', request: 7, epoch: 5, heights: [] };
const record = { clock: [], siblings: [], marks: [] };
const height: NodeHeight = { node: 'n' as NodeId, actor: 'a' as Actor, incarnation: 1, sequence: 1 };

const ballot = { round: 2, node: 'n' as NodeId, proposal: 3 };
const candidate: Candidate = {
  ...{ id: 'n' as NodeId, actor: 'a' as Actor, voter: 'v' },
  ...{ busAddress: 'b', httpAddress: 'h', weight: 1, zone: '' },
};
const hello: Message = { type: 'hello', request: 7, candidate, expects: 3, epoch: 0, known: [candidate] };
const versionKey = new Uint8Array(VERSION_KEY_BYTES).fill(0xab);
const CANDIDATE_HEX = '016e 0161 0176 0162 0168 01 00';
const KEY_HEX = 'ab'.repeat(VERSION_KEY_BYTES);

const LONG = 'x'.repeat(300);

/** The format on the wire, which other nodes rely on. */
const GOLDEN: readonly [string, Message][] = [
  ['01 07 016b 05 00', { type: 'read', request: 7, key: 'k' as Key, since: 5, strict: false }],
  ['01 07 016b 05 01', { type: 'read', request: 7, key: 'k' as Key, since: 5, strict: true }],
  ['03 07 016b 05 00 000000', { type: 'write', request: 7, key: 'k' as Key, since: 5, record }],
  [
    '03 07 016b 05 01 016e 000000',
    { type: 'write', request: 7, key: 'k' as Key, since: 5, record, hintFor: height.node },
  ],
  ['02 07 05 06', { type: 'readReply', request: 7, answer: { status: 'otherEpoch', epoch: 6 } }],
  ['04 8101 00', { type: 'writeReply', request: 129, answer: 'stored' }],
  ['04 07 03 06', { type: 'writeReply', request: 7, answer: { status: 'otherEpoch', epoch: 6 } }],
  ['07 07 05 00', ping],
  ['08 07 05 01 016e 0161 01 01', { type: 'pong', request: 7, epoch: 5, heights: [height] }],
  ['20 07 05 02 016e 03', { type: 'prepare', request: 7, epoch: 5, ballot }],
  ['21 07 00', { type: 'promise', request: 7, answer: { status: 'promised' } }],
  [
    '21 07 01 02 016e 03 027b7d',
    { type: 'promise', request: 7, answer: { status: 'promised', accepted: { ballot, document: '{}' } } },
  ],
  ['21 07 02 02 016e 03', { type: 'promise', request: 7, answer: { status: 'refused', promised: ballot } }],
  ['22 07 02 016e 03 027b7d', { type: 'accept', request: 7, ballot, document: '{}' }],
  ['23 07 00', { type: 'accepted', request: 7, answer: { status: 'accepted' } }],
  ['23 07 01 02 016e 03', { type: 'accepted', request: 7, answer: { status: 'refused', promised: ballot } }],
  ['24 07 027b7d', { type: 'document', request: 7, document: '{}' }],
  ['25 07 05', { type: 'fetchDocument', request: 7, epoch: 5 }],
  [`26 07 ${CANDIDATE_HEX} 03 00 01 ${CANDIDATE_HEX}`, hello],
  [`27 07 04 ${KEY_HEX} 027b7d`, { type: 'found', request: 7, attempt: 4, versionKey, document: '{}' }],
  ['28 07 04 00', { type: 'foundVote', request: 7, attempt: 4, answer: { status: 'voted' } }],
  ['28 07 04 01 05', { type: 'foundVote', request: 7, attempt: 4, answer: { status: 'bound', attempt: 5 } }],
  ['28 07 04 02', { type: 'foundVote', request: 7, attempt: 4, answer: { status: 'refused' } }],
  [`29 07 ${KEY_HEX} 027b7d`, { type: 'founded', request: 7, versionKey, document: '{}' }],
];

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

describe('message codec', () => {
  it.each(Object.entries(messagesByType))('%s comes back as it was', (_type, arbitrary) => {
    fc.assert(
      fc.property(arbitrary as fc.Arbitrary<Message>, (sent) => {
        expect(decodeMessage(encodeMessage(sent))).toStrictEqual(sent);
      }),
      { numRuns: 500 },
    );
  });

  it.each(GOLDEN)('%s means what it always meant', (hex, meaning) => {
    expect(encodeMessage(meaning)).toEqual(bytesOf(hex));
    expect(decodeMessage(bytesOf(hex))).toStrictEqual(meaning);
  });

  it.each([
    ['a strictness that is neither', '01 07 016b 05 02'],
    ['a hint that is neither asked for nor not', '03 07 016b 05 02 016e 000000'],
    ['a hint for nobody', '03 07 016b 05 01 00 000000'],
    ['a hint for a node with too long a name', `03 07 016b 05 01 8102 ${'61'.repeat(257)} 000000`],
    ['one height too many', `07 07 05 11 ${'016e 0161 01 01'.repeat(17)}`],
    ['heights that are not there', '07 07 05 02 016e 0161 01 01'],
    ['a height of no node', '07 07 05 01 00 0161 01 01'],
    ['a height of an actor without a name', '07 07 05 01 016e 00 01 01'],
    ['a height of an actor with too long a name', `07 07 05 01 016e 21 ${'61'.repeat(33)} 01 01`],
    ['a height with half a name', '07 07 05 01 01ff 0161 01 01'],
    ['a ballot of nobody', '20 07 05 02 00 03'],
    ['a promise that is none', '21 07 03'],
    ['a document that is no text', '24 07 01ff'],
    ['a document over its bound', `24 07 818040 ${'20'.repeat(DOCUMENT_CHARS_MAX + 1)}`],
    ['one candidate too many', `26 07 ${CANDIDATE_HEX} 03 00 41 ${CANDIDATE_HEX.repeat(65)}`],
    ['a candidate without a name', '26 07 00 0161 0176 0162 0168 01 00 03 00 00'],
    ['a version key that is too short', `29 07 ${KEY_HEX.slice(2)}`],
    ['a vote that is none', '28 07 04 03'],
  ])('%s is refused', (_name, hex) => {
    expect(() => decodeMessage(bytesOf(hex))).toThrow(DecodeError);
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
    const sent: Message = { type: 'pong', request, epoch: 1, heights: [] };
    expect(decodeMessage(encodeMessage(sent))).toStrictEqual(sent);
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
    const write = encodeMessage({ type: 'write', request: 1, key: 'k' as Key, since: 1, record });
    const lying = Uint8Array.of(...write.subarray(0, -3), 0xff, 0xff, 0xff, 0x7f);
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
    ['an empty key', { type: 'read', request: 1, key: '' as Key, since: 1, strict: false }],
    [
      'a key that is too long',
      { type: 'read', request: 1, key: 'k'.repeat(4097) as Key, since: 1, strict: false },
    ],
    ['a negative number', { ...ping, request: -1 }],
    ['a fraction', { ...ping, request: 1.5 }],
    ['a number beyond the safe ones', { ...ping, request: 2 ** 53 }],
    [
      'a hint for nobody',
      { type: 'write', request: 1, key: 'k' as Key, since: 1, record, hintFor: '' as NodeId },
    ],
    ['one height too many', { ...ping, heights: new Array<NodeHeight>(HEIGHTS_MAX + 1).fill(height) }],
    ['a height of an actor without a name', { ...ping, heights: [{ ...height, actor: '' as Actor }] }],
    ['a height of an actor that is too long', { ...ping, heights: [{ ...height, actor: LONG as Actor }] }],
    ['a height of a node that is too long', { ...ping, heights: [{ ...height, node: LONG as NodeId }] }],
    [
      'a ballot of nobody',
      { type: 'prepare', request: 1, epoch: 1, ballot: { ...ballot, node: '' as NodeId } },
    ],
    ['a ballot of no number', { type: 'prepare', request: 1, epoch: 1, ballot: { ...ballot, round: 0.5 } }],
    [
      'a document over its bound',
      { type: 'document', request: 1, document: ' '.repeat(DOCUMENT_CHARS_MAX + 1) },
    ],
    ['a candidate without a name', { ...hello, candidate: { ...candidate, id: '' as NodeId } }],
    ['a candidate with too long a zone', { ...hello, known: [{ ...candidate, zone: LONG }] }],
    ['one candidate too many', { ...hello, known: new Array<Candidate>(65).fill(candidate) }],
    ['a short version key', { type: 'founded', request: 1, versionKey: new Uint8Array(31), document: '' }],
    ['a height that is none', { ...ping, heights: [{ ...height, sequence: -1 }] }],
  ])('%s is not written', (_name, wrong) => {
    expect(() => messageBytes(wrong)).toThrow('invariant violated');
  });
});
