import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  freshNonce,
  openAck,
  openData,
  openHello,
  openWelcome,
  readFrame,
  sealAck,
  sealData,
  sealHello,
  sealWelcome,
  sessionKey,
  tagOf,
} from '../../../services/node/adapters/amqp-bus/frames.js';
import { parseBrokerUrl } from '../../../services/node/adapters/amqp-bus/url.js';
import { authenticate } from '../../../services/node/adapters/bus/authenticity.js';
import { DecodeError } from '../../../services/node/core/protocol/bytes.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { ping } from '../../contract/support/mailbox.js';

const SELF = 'a' as NodeId;
const PEER = 'b' as NodeId;
const SECRET = Buffer.from('a secret');

const nodeWith = (secret: Uint8Array | undefined) => ({
  ...{ self: SELF, clusterId: () => 'cluster', incarnation: 7, epoch: () => 3, secret },
});

const header = { clusterId: 'cluster', epoch: 3, sender: SELF, receiver: PEER, incarnation: 7, counter: 0 };
const content = { lane: 'fast' as const, messages: [{ message: ping(1), remainingMs: 5 }] };

describe('frames of the bus over a broker', () => {
  it.each([undefined, SECRET])('come back as what they were sealed from (secret: %s)', (secret) => {
    const node = nodeWith(secret);
    const [dial, tag] = [freshNonce(), freshNonce()];
    const key = sessionKey(secret, dial, tag);
    const sealing = { nonce: tag, to: PEER, key, counter: 9 };
    const body = (bytes: Uint8Array) => bytes.subarray(0, bytes.length - (secret ? 32 : 0));

    const hello = sealHello(node, PEER, dial);
    expect(readFrame(hello)).toMatchObject({
      kind: 'hello',
      nonce: dial,
      authenticated: secret !== undefined,
    });
    expect(openHello(body(hello)).header).toEqual(header);

    const welcome = sealWelcome(node, PEER, dial, tag);
    expect(readFrame(welcome)).toMatchObject({ kind: 'welcome', nonce: dial });
    expect(tagOf(readFrame(welcome)!)).toBe(tag);
    expect(openWelcome(body(welcome)).header).toEqual(header);

    const data = sealData(node, { ...sealing, kind: 'data' }, content, 100);
    expect(readFrame(data)).toMatchObject({ kind: 'data', nonce: tag });
    expect(openData(body(data))).toEqual({ header: { ...header, counter: 9 }, content });

    const acknowledged = { fast: 300, large: 0, bulk: 2 ** 40 };
    const ack = sealAck(node, { ...sealing, kind: 'ack' }, acknowledged);
    expect(readFrame(ack)).toMatchObject({ kind: 'ack', nonce: tag });
    expect(openAck(body(ack))).toMatchObject({ acknowledged, envelope: { header: { counter: 9 } } });
  });

  it('with a secret, are sound only as they are, and only under the two nonces that they were made for', () => {
    const [dial, tag] = [freshNonce(), freshNonce()];
    const key = sessionKey(SECRET, dial, tag);
    const sealing = { kind: 'data' as const, nonce: tag, to: PEER, key, counter: 1 };
    const data = sealData(nodeWith(SECRET), sealing, content, 100);
    expect(authenticate(data, key)).toBeDefined();
    expect(authenticate(data, sessionKey(SECRET, freshNonce(), tag))).toBeUndefined();
    expect(authenticate(data, sessionKey(SECRET, dial, freshNonce()))).toBeUndefined();
    for (let at = 0; at < data.length; at++) {
      const changed = Uint8Array.from(data);
      changed[at]! ^= 1;
      expect(authenticate(changed, key)).toBeUndefined();
    }
  });

  it('of any other bytes are none, or malformed, and nothing else', () => {
    const openers = { hello: openHello, welcome: openWelcome, data: openData, ack: openAck };
    const start = fc.constantFrom([], [0x52, 1, 1, 0], [0x52, 1, 2, 0], [0x52, 1, 3, 0], [0x52, 1, 4, 0]);
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 200 }), (head, tail) => {
        const frame = readFrame(Uint8Array.from([...head, ...tail]));
        if (!frame) return;
        try {
          openers[frame.kind](frame.bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the URL of a broker', () => {
  it.each([
    ['amqp://h', 'amqp', 'h', 5672, 'guest', 'guest', '/', 'amqp://h:5672'],
    [
      'amqps://u:p%40%2F@h.example/v%2Fw',
      'amqps',
      'h.example',
      5671,
      'u',
      'p@/',
      'v/w',
      'amqps://h.example:5671/v%2Fw',
    ],
    ['amqp://u:p@[::1]:1/', 'amqp', '::1', 1, 'u', 'p', '/', 'amqp://[::1]:1/'],
  ])('%s is read', (text, protocol, hostname, port, username, password, vhost, shown) => {
    expect(parseBrokerUrl(text)).toEqual({ protocol, hostname, port, username, password, vhost, shown });
  });

  it.each(['', 'h:5672', 'http://h', 'amqp://'])('%j is none', (text) => {
    expect(() => parseBrokerUrl(text)).toThrow('not the URL of a broker');
  });
});
