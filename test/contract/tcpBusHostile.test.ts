import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { createReporter } from '../../services/node/adapters/bus/reporter.js';
import type { Rejection } from '../../services/node/adapters/bus/reporter.js';
import { PREAMBLE_BYTES } from '../../services/node/adapters/tcp-bus/session.js';
import type { Chunk } from '../../services/node/core/protocol/chunks.js';
import { CHUNK_BYTES } from '../../services/node/core/protocol/chunks.js';
import { encodeMessage } from '../../services/node/core/protocol/codec.js';
import type { Content, Lane } from '../../services/node/core/protocol/envelope.js';
import type { NodeId } from '../../services/node/core/types.js';
import { A, B, C } from './bus.js';
import { connected, eventually, ping } from './support/mailbox.js';
import type { RawPeerOptions } from '../../scripts/fuzz/bus/rawPeer.js';
import { openRawPeer, openRawSocket } from '../../scripts/fuzz/bus/rawPeer.js';
import { turns } from './support/records.js';
import type { TcpNode } from './support/tcpNodes.js';
import { CLUSTER, IMPATIENT, openTcpNode } from './support/tcpNodes.js';
import { recordTelemetry } from './support/telemetry.js';
import { freePort, openTcpProxy } from './support/tcpProxy.js';

/** What the tcp bus does with sockets that are not, or only pretend to be, another node of its cluster. */

jest.setTimeout(60_000);

const SECRET = new TextEncoder().encode('the secret');
const pings = (...requests: number[]) => ({
  lane: 'fast' as const,
  messages: requests.map((request) => ({ message: ping(request), remainingMs: 1000 })),
});

/** A chunk that announces a second one. */
const firstOfTwo = (transferId: number): Chunk => {
  return { transferId, index: 0, count: 2, remainingMs: 1000, bytes: new Uint8Array(CHUNK_BYTES) };
};

/** A frame that announces its own length. */
function framed(body: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** Node a is real and sends to b, which is under attack; c is a peer that only the test plays. */
describe('tcp bus: hostile input', () => {
  let ports: { a: number; b: number; c: number };
  let a: TcpNode | undefined;
  let b: TcpNode;

  beforeEach(async () => {
    ports = { a: await freePort(), b: await freePort(), c: await freePort() };
    a = undefined;
  });

  afterEach(async () => {
    await Promise.all([a?.bus.close(), b.bus.close()]);
  });

  const openB = async (overrides = {}) => {
    b = await openTcpNode(B, ports.b, { [A]: ports.a, [C]: ports.c }, overrides);
  };

  const rejected = (reason: Rejection) => b.telemetry.total('rondo_bus_rejected_total', { reason });

  /** The node goes on serving its true peers. */
  async function expectServing(overrides = {}): Promise<void> {
    a ??= await openTcpNode(A, ports.a, { [B]: ports.b }, overrides);
    await connected(a.bus, B);
    const before = b.mail.received.length;
    a.bus.send(B, ping(before), 1000);
    await eventually('a true message arrives', () => b.mail.received.length > before);
  }

  const asC = (options: Partial<RawPeerOptions> = {}): RawPeerOptions => ({
    ...{ port: ports.b, self: C, receiver: B, clusterId: CLUSTER, lane: 'fast' },
    ...options,
  });

  describe('before a peer has said who it is', () => {
    it.each<[string, Uint8Array | string]>([
      ['an HTTP request', 'GET / HTTP/1.1\r\n\r\n'],
      ['a length of 4 GiB', Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 2, 3)],
      ['a length of nothing', new Uint8Array(100)],
      ['another magic', framed(new Uint8Array(PREAMBLE_BYTES).fill(1))],
      ['a short preamble', framed(Uint8Array.of(0x52, 0x4e, 0x44, 0x4f, 1))],
      [
        'another version',
        framed(Uint8Array.of(0x52, 0x4e, 0x44, 0x4f, 9, ...new Uint8Array(PREAMBLE_BYTES - 5))),
      ],
    ])('%s closes the connection and is counted', async (_name, bytes) => {
      await openB();
      const socket = await openRawSocket(ports.b);
      socket.write(bytes);
      await eventually('the connection is closed', () => socket.isClosed());
      expect(rejected('protocol')).toBe(1);
      await expectServing();
    });

    it('a connection that breaks off in the middle of a frame leaves nothing behind', async () => {
      await openB();
      const peer = await openRawPeer(asC());
      peer.write(peer.seal(pings(1)).subarray(0, 20));
      await turns(2);
      peer.destroy();
      await expectServing();
      expect(b.mail.received.filter(({ from }) => from === C)).toEqual([]);
    });

    it('silence, and a hello that comes byte by byte, are ended by the deadline', async () => {
      await openB();
      const silent = await openRawSocket(ports.b);
      const slow = await openRawSocket(ports.b);
      const bytes = framed(new Uint8Array(PREAMBLE_BYTES));
      let at = 0;
      const drip = setInterval(() => slow.write(bytes.subarray(at, ++at)), 100);
      try {
        await eventually('both are closed', () => silent.isClosed() && slow.isClosed());
      } finally {
        clearInterval(drip);
      }
      expect(rejected('no_hello')).toBe(2);
      await expectServing();
    });

    it('more connections than the bound are refused; when some are gone, others are let in', async () => {
      await openB({ tuning: { ...IMPATIENT, helloMs: 60_000, acceptedMax: 4 } });
      const sockets = await Promise.all([1, 2, 3, 4].map(() => openRawSocket(ports.b)));
      const fifth = await openRawSocket(ports.b);
      await eventually('the fifth is closed', () => fifth.isClosed());
      expect(rejected('too_many')).toBe(1);
      expect(sockets.some((socket) => socket.isClosed())).toBe(false);
      sockets.forEach((socket) => socket.destroy());
      await expectServing();
    });

    it('random bytes, before and after the preamble and the hello, end connections and nothing else', async () => {
      await openB();
      const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
      await fc.assert(
        fc.asyncProperty(bytes, fc.nat(3), async (noise, stage) => {
          const socket =
            stage === 0 ? await openRawSocket(ports.b) : await openRawPeer(asC(), stage === 2 || stage === 3);
          socket.write(stage === 3 ? framed(noise) : noise);
          await turns(1);
          socket.destroy();
        }),
        { numRuns: 300 },
      );
      await expectServing();
      expect(b.mail.received.filter(({ from }) => from === C)).toEqual([]);
    });
  });

  describe('who may speak', () => {
    it.each<[Rejection, Partial<RawPeerOptions>]>([
      ['cluster', { clusterId: 'another cluster' }],
      ['receiver', { receiver: C }],
      ['sender', { self: 'nobody' as NodeId }],
      ['sender', { self: B }],
      ['mac', { secret: SECRET }],
    ])('a hello with a wrong %s is refused: %j', async (reason, wrong) => {
      await openB();
      const peer = await openRawPeer(asC(wrong));
      await eventually('the connection is closed', () => peer.isClosed());
      expect(rejected(reason)).toBe(1);
      await expectServing();
    });

    it.each<[string, Uint8Array | undefined]>([
      ['another secret', new TextEncoder().encode('another secret')],
      ['no secret', undefined],
    ])(
      'where a secret is set, a peer with %s is not heard, and its messages come back',
      async (_name, secret) => {
        await openB({ secret: SECRET });
        a = await openTcpNode(A, ports.a, { [B]: ports.b }, secret ? { secret } : {});
        a.bus.send(B, ping(1), 1000);
        const { mail } = a;
        await eventually('the message comes back', () => mail.returned.length === 1);
        await eventually('b has refused it', () => rejected('mac') > 0);
        expect(a.bus.peers().get(B)).not.toBe('connected');
        expect(b.mail.received).toEqual([]);
      },
    );

    it('two nodes of different clusters at swapped addresses never connect', async () => {
      await openB();
      a = await openTcpNode(A, ports.a, { [B]: ports.b }, { clusterId: () => 'another cluster' });
      await eventually('b has refused it', () => rejected('cluster') > 1);
      expect(a.bus.peers().get(B)).not.toBe('connected');
      expect(b.bus.peers().get(A)).not.toBe('connected');
    });

    it('a new connection of a sender replaces its older one', async () => {
      await openB();
      const older = await openRawPeer(asC());
      older.write(older.seal(pings(1)));
      await eventually('the older one is heard', () => b.mail.received.length === 1);
      const other = await openRawPeer(asC({ lane: 'large' }));
      const newer = await openRawPeer(asC());
      await eventually('the older one is closed', () => older.isClosed());
      newer.write(newer.seal(pings(2)));
      await eventually('the newer one is heard', () => b.mail.received.length === 2);
      expect([newer.isClosed(), other.isClosed()]).toEqual([false, false]);
    });
  });

  describe('from a peer that is let in', () => {
    it('a message of an unknown type is dropped and counted, its neighbours and the connection are kept', async () => {
      await openB();
      const peer = await openRawPeer(asC());
      const frame = peer.seal(pings(1, 2, 3));
      // The last bytes of each parcel: type, request number and number of heights of the ping.
      frame[frame.length - 3 - 9] = 0xee;
      peer.write(frame);
      peer.write(peer.seal(pings(4)));
      await eventually('the others arrive', () => b.mail.received.length === 3);
      expect(b.mail.received.map(({ message }) => message.request)).toEqual([1, 3, 4]);
      expect(rejected('message')).toBe(1);
      expect(peer.isClosed()).toBe(false);
    });

    it.each<[Rejection, Uint8Array]>([
      ['malformed', framed(Uint8Array.of(1, 2, 3))],
      ['overlong', Uint8Array.of(0, 0x10, 0, 0)],
    ])('a frame that is %s closes the connection', async (reason, bytes) => {
      await openB();
      const peer = await openRawPeer(asC());
      peer.write(peer.seal(pings(1)));
      peer.write(bytes);
      await eventually('the connection is closed', () => peer.isClosed());
      expect(rejected(reason)).toBe(1);
      expect(b.mail.received).toHaveLength(1);
      await expectServing();
    });

    it.each<['fast' | 'bulk', Uint8Array | undefined]>([
      ['fast', undefined],
      ['fast', SECRET],
      ['bulk', SECRET],
    ])('a frame sent twice is delivered once (lane %s, secret: %s)', async (lane, secret) => {
      const authenticated = secret ? { secret } : {};
      await openB(authenticated);
      const peer = await openRawPeer(asC({ lane, ...authenticated }));
      const frame = peer.seal({ ...pings(1), lane });
      peer.write(frame);
      peer.write(peer.seal({ ...pings(2), lane }));
      peer.write(frame);
      await eventually('the connection is closed', () => peer.isClosed());
      expect(b.mail.received.map(({ message }) => message.request)).toEqual([1, 2]);
      expect(rejected('replay')).toBe(1);
      await expectServing(authenticated);
    });

    it('with a secret, a frame with any bit changed is refused', async () => {
      await openB({ secret: SECRET });
      for (const at of [4, 10, 40, -40, -1]) {
        const peer = await openRawPeer(asC({ secret: SECRET }));
        const frame = peer.seal(pings(1));
        frame[at < 0 ? frame.length + at : at]! ^= 0x10;
        peer.write(frame);
        await eventually('the connection is closed', () => peer.isClosed());
      }
      expect(rejected('mac')).toBe(5);
      expect(b.mail.received).toEqual([]);
    });

    it.each([false, true])(
      'with a secret, a whole recorded connection is worth nothing (receiver restarted: %s)',
      async (restarted) => {
        await openB({ secret: SECRET });
        const recording: Buffer[] = [];
        const proxy = await openTcpProxy({
          targetPort: ports.b,
          onUpstream: (data, connection) => {
            if (connection === 1) recording.push(data);
            return data;
          },
        });
        try {
          const peer = await openRawPeer(asC({ port: proxy.port, secret: SECRET }));
          peer.write(peer.seal(pings(1)));
          await eventually('the message arrives', () => b.mail.received.length === 1);
          peer.destroy();
          if (restarted) await b.bus.close();
          if (restarted) await openB({ secret: SECRET });
          const replay = await openRawSocket(ports.b);
          replay.write(Buffer.concat(recording));
          await eventually('the connection is closed', () => replay.isClosed());
        } finally {
          await proxy.close();
        }
        expect(rejected('mac')).toBe(1);
        expect(b.mail.received).toHaveLength(restarted ? 0 : 1);
      },
    );

    it.each(['large', 'bulk'] as const)(
      'a %s message that is never finished is dropped at its age, and counted',
      async (lane) => {
        await openB({ tuning: { ...IMPATIENT, transferAgeMs: 200 } });
        const peer = await openRawPeer(asC({ lane }));
        peer.write(peer.seal({ lane, chunks: [firstOfTwo(1)] }));
        await eventually('it is dropped', () => rejected('transfer') === 1);
        expect(b.mail.received).toEqual([]);
      },
    );

    it('bulk messages that are never finished take no room from those of requests', async () => {
      await openB({ tuning: { ...IMPATIENT, silenceMs: 10_000 } });
      const [bulk, large] = await Promise.all([
        openRawPeer(asC({ lane: 'bulk' })),
        openRawPeer(asC({ lane: 'large' })),
      ]);
      for (let id = 1; id <= 300; id++) {
        bulk.write(bulk.seal({ lane: 'bulk', chunks: [firstOfTwo(id)] }));
        if (id % 10 === 0) await turns(1);
      }
      await eventually('the excess is refused', () => rejected('transfer') > 0);
      const bytes = encodeMessage(ping(1));
      large.write(large.seal({ lane: 'large', chunks: [{ ...firstOfTwo(1), count: 1, bytes }] }));
      await eventually('a large one arrives', () => b.mail.received.length === 1);
      expect(bulk.isClosed()).toBe(false);
    });

    it.each<[Lane, Content]>([
      ['fast', { lane: 'bulk', messages: [] }],
      ['bulk', { lane: 'fast', messages: [] }],
      ['large', { lane: 'bulk', chunks: [] }],
    ])('one of lane %s that says it is of another is closed', async (lane, content) => {
      await openB();
      const peer = await openRawPeer(asC({ lane }));
      peer.write(peer.seal(content));
      await eventually('the connection is closed', () => peer.isClosed());
      expect(rejected('sender')).toBe(1);
      await expectServing();
    });

    it('a large message that is none is dropped and counted, the connection is kept', async () => {
      await openB();
      const peer = await openRawPeer(asC({ lane: 'large' }));
      const chunk = { transferId: 1, index: 0, count: 1, remainingMs: 1000, bytes: Uint8Array.of(99, 1) };
      peer.write(peer.seal({ lane: 'large', chunks: [chunk] }));
      await eventually('it is dropped', () => rejected('message') === 1);
      expect(peer.isClosed()).toBe(false);
    });

    it('one that falls silent is closed', async () => {
      await openB();
      const peer = await openRawPeer(asC());
      await eventually('b greets back', () => peer.frames.length >= 2);
      await eventually('the connection is closed', () => peer.isClosed());
      await expectServing();
    });
  });

  it('rejections are counted all and logged in part', () => {
    let nowMs = 0;
    const telemetry = recordTelemetry();
    const { lines } = telemetry;
    const report = createReporter(telemetry.log, telemetry.metrics, () => nowMs);
    for (let i = 0; i < 1000; i++) report.reject('malformed');
    expect(telemetry.total('rondo_bus_rejected_total', { reason: 'malformed' })).toBe(1000);
    expect(lines).toHaveLength(20);
    nowMs = 10_000;
    report.reject('mac');
    expect(lines).toHaveLength(21);
  });
});
