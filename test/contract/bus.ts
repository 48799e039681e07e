import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Message } from '../../services/node/core/protocol/messages.js';
import type { Key, NodeId } from '../../services/node/core/types.js';
import type { Bus } from '../../services/node/ports/bus.js';
import {
  asBytes,
  connected,
  createMailbox,
  disconnected,
  eventually,
  patternOf,
  ping,
  pong,
  SAMPLES,
  writeOf,
} from './support/mailbox.js';
import type { Mailbox } from './support/mailbox.js';
import { turns } from './support/records.js';

/** Nodes a, b and c that know each other, and d, which knows nobody and hears everybody; none is open at the start. */
export interface BusHarness {
  open(id: NodeId, mailbox: Mailbox): Promise<Bus>;
  /** Where there is a broker: a node is found by its name, whatever address it is said to have. */
  readonly needsNoAddress?: boolean;
  /** Where the node is to be found. */
  addressOf(id: NodeId): string;
  /** From now on nothing that is sent to c is read; where there are sockets. */
  readonly stallC?: () => void;
  dispose(): Promise<void>;
}

export const A = 'a' as NodeId;
export const B = 'b' as NodeId;
export const C = 'c' as NodeId;
export const D = 'd' as NodeId;

const MIB = 1024 * 1024;
const REMAINING_MS = 60_000;

interface Node {
  readonly bus: Bus;
  readonly mail: Mailbox;
}

/** What every implementation of ports/bus.ts must do. */
export function describeBus(name: string, create: () => Promise<BusHarness>): void {
  jest.setTimeout(60_000);
  describe(`bus contract: ${name}`, () => {
    let harness: BusHarness;
    let buses: Bus[];

    beforeEach(async () => {
      buses = [];
      harness = await create();
    });

    afterEach(async () => {
      await Promise.all(buses.map((bus) => bus.close()));
      await harness.dispose();
    });

    async function open(id: NodeId): Promise<Node> {
      const mail = createMailbox();
      const bus = await harness.open(id, mail);
      buses.push(bus);
      return { bus, mail };
    }

    async function openPair(): Promise<{ a: Node; b: Node }> {
      const [a, b] = await Promise.all([open(A), open(B)]);
      await Promise.all([connected(a.bus, B), connected(b.bus, A)]);
      return { a, b };
    }

    const sendAll = ({ bus }: Node, to: NodeId, messages: readonly Message[], bulk = false) => {
      for (const message of messages) bus.send(to, message, REMAINING_MS, bulk);
    };

    const arrived = ({ mail }: Node, count: number) =>
      eventually(`${count} messages arrive`, () => mail.received.length >= count);

    const messagesOf = ({ mail }: Node) => mail.received.map(({ message }) => message);

    describe('delivery', () => {
      it('every type of message arrives byte-exact, from its sender', async () => {
        const { a, b } = await openPair();
        sendAll(a, B, SAMPLES);
        await arrived(b, SAMPLES.length);
        expect(asBytes(messagesOf(b))).toEqual(asBytes(SAMPLES));
        expect(b.mail.received.every(({ from }) => from === A)).toBe(true);
        expect(a.mail.received).toEqual([]);
      });

      it('values arrive as plain bytes, not as a Buffer', async () => {
        const { a, b } = await openPair();
        sendAll(a, B, [writeOf(1, patternOf(10, 1)), writeOf(2, patternOf(MIB, 2))]);
        await arrived(b, 2);
        for (const message of messagesOf(b)) {
          const value = message.type === 'write' ? message.record.siblings[0]?.value : undefined;
          expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype);
        }
      });

      it.each([0, 65_000, 65_536, 70_000, 5 * MIB, 20 * MIB])(
        'a record with a value of %d bytes arrives byte-exact, small messages beside it',
        async (length) => {
          const { a, b } = await openPair();
          const sent = [ping(1), writeOf(2, patternOf(length, 3)), ping(3)];
          sendAll(a, B, sent);
          await arrived(b, sent.length);
          expect(asBytes(messagesOf(b)).join() === asBytes(sent).join()).toBe(true);
        },
      );

      it('many small messages of one turn arrive once each', async () => {
        const { a, b } = await openPair();
        const sent = Array.from({ length: 5000 }, (_, i) => writeOf(i + 1, patternOf(i % 200, i)));
        sendAll(a, B, sent);
        await arrived(b, sent.length);
        await turns(5);
        expect(asBytes(messagesOf(b))).toEqual(asBytes(sent));
        expect(a.mail.returned).toEqual([]);
      });

      it('both directions carry small and large messages at once', async () => {
        const { a, b } = await openPair();
        const sent = Array.from({ length: 300 }, (_, i) =>
          writeOf(i + 1, patternOf(i % 50 === 0 ? MIB : 100, i)),
        );
        sendAll(a, B, sent);
        sendAll(b, A, sent);
        await Promise.all([arrived(a, sent.length), arrived(b, sent.length)]);
        expect(asBytes(messagesOf(a)).join() === asBytes(sent).join()).toBe(true);
        expect(asBytes(messagesOf(b)).join() === asBytes(sent).join()).toBe(true);
      });

      it('a message sent from inside a handler arrives', async () => {
        const { a, b } = await openPair();
        b.mail.onMessage = (from, message) => b.bus.send(from, pong(message.request), 1000);
        a.bus.send(B, ping(1), REMAINING_MS);
        await arrived(a, 1);
        expect(messagesOf(a)).toEqual([pong(1)]);
      });

      it('the remaining time arrives with it and has not grown; what has expired is dropped', async () => {
        const { a, b } = await openPair();
        a.bus.send(B, ping(1), 0);
        a.bus.send(B, writeOf(2, patternOf(MIB, 1)), -1);
        a.bus.send(B, ping(3), 5000);
        a.bus.send(B, writeOf(4, patternOf(MIB, 1)), 5000);
        await arrived(b, 2);
        expect(
          messagesOf(b)
            .map(({ request }) => request)
            .sort(),
        ).toEqual([3, 4]);
        for (const { remainingMs } of b.mail.received) {
          expect(remainingMs).toBeGreaterThan(0);
          expect(remainingMs).toBeLessThanOrEqual(5000);
        }
        expect(a.mail.returned).toEqual([]);
      });
    });

    describe('bulk', () => {
      const requestsOf = (node: Node) => messagesOf(node).map(({ request }) => request);

      it('messages of every type and size arrive byte-exact, ordinary ones beside them', async () => {
        const { a, b } = await openPair();
        const sizes = [0, 65_000, 65_536, 70_000, 5 * MIB];
        const large = sizes.map((length, i) => writeOf(100 + i, patternOf(length, i)));
        sendAll(a, B, [...large, ...SAMPLES], true);
        sendAll(a, B, SAMPLES);
        await arrived(b, large.length + 2 * SAMPLES.length);
        const sent = asBytes([...large, ...SAMPLES, ...SAMPLES]);
        expect(asBytes(messagesOf(b)).join() === sent.join()).toBe(true);
        expect(a.mail.returned).toEqual([]);
      });

      it('a message larger than all that may wait arrives, when nothing waits', async () => {
        const { a, b } = await openPair();
        for (const request of [1, 2]) {
          sendAll(a, B, [writeOf(request, patternOf(20 * MIB, request))], true);
          await arrived(b, request);
        }
        expect(requestsOf(b)).toEqual([1, 2]);
      });

      it('requests sent behind a flood of it, small and large, arrive before its end', async () => {
        const { a, b } = await openPair();
        const flood = Array.from({ length: 1500 }, (_, i) => writeOf(i + 1, patternOf(4096, i)));
        const requests = [ping(10_000), writeOf(10_001, patternOf(MIB, 1))];
        sendAll(a, B, [writeOf(9999, patternOf(6 * MIB, 1)), ...flood], true);
        sendAll(a, B, requests);
        await arrived(b, 1 + flood.length + requests.length);
        const last = Math.max(...requests.map(({ request }) => requestsOf(b).indexOf(request)));
        expect(last).toBeLessThan(b.mail.received.length - 1);
        expect(a.mail.returned).toEqual([]);
      });

      it('what is over its bound comes back, the rest arrives, requests are not touched', async () => {
        const { a, b } = await openPair();
        const flood = Array.from({ length: 10_000 }, (_, i) => ping(i + 1));
        sendAll(a, B, flood, true);
        const requests = Array.from({ length: 5000 }, (_, i) => ping(20_000 + i));
        sendAll(a, B, requests);
        const ended = () => a.mail.returned.length + b.mail.received.length;
        await eventually('all arrive or come back', () => ended() === flood.length + requests.length);
        const returned = a.mail.returned.map(({ message }) => message.request);
        expect(returned.length).toBeGreaterThan(0);
        expect(returned.filter((request) => request > flood.length)).toEqual([]);
        expect(new Set([...returned, ...requestsOf(b)]).size).toBe(flood.length + requests.length);
        sendAll(a, B, [ping(30_000)], true);
        await eventually('there is room again', () => requestsOf(b).includes(30_000));
      });

      it('what has expired is dropped, what cannot be routed comes back', async () => {
        const { a, b } = await openPair();
        a.bus.send(B, ping(1), 0, true);
        a.bus.send(B, writeOf(2, patternOf(MIB, 1)), -1, true);
        sendAll(a, C, [ping(3), writeOf(4, patternOf(MIB, 1))], true);
        sendAll(a, B, [ping(5)], true);
        await arrived(b, 1);
        await eventually('it comes back', () => a.mail.returned.length === 2);
        expect(requestsOf(b)).toEqual([5]);
        expect(a.mail.returned.map(({ to, message }) => [to, message.request])).toEqual([
          [C, 3],
          [C, 4],
        ]);
      });
    });

    describe('unroutable', () => {
      async function expectReturned(node: Node, to: NodeId, message: Message): Promise<void> {
        const before = node.mail.returned.length;
        node.bus.send(to, message, REMAINING_MS);
        expect(node.mail.returned).toHaveLength(before);
        await eventually('the message comes back', () => node.mail.returned.length > before);
        expect(node.mail.returned.slice(before)).toEqual([{ to, message }]);
      }

      it('a message to a node that nobody knows, or to the node itself, comes back', async () => {
        const { a } = await openPair();
        await expectReturned(a, 'nobody' as NodeId, ping(1));
        await expectReturned(a, '__proto__' as NodeId, ping(2));
        await expectReturned(a, A, ping(3));
      });

      it('a message to a node that was never started comes back, small or large', async () => {
        const a = await open(A);
        await expectReturned(a, B, ping(1));
        await expectReturned(a, B, writeOf(2, patternOf(MIB, 1)));
        expect(a.bus.peers().get(B)).not.toBe('connected');
      });

      it('a message to a node that has closed comes back, small or large', async () => {
        const { a, b } = await openPair();
        await b.bus.close();
        await disconnected(a.bus, B);
        await expectReturned(a, B, ping(1));
        await expectReturned(a, B, writeOf(2, patternOf(MIB, 1)));
      });

      it('a message that cannot be encoded comes back, and its neighbours arrive', async () => {
        const { a, b } = await openPair();
        a.bus.send(B, ping(1), REMAINING_MS);
        await expectReturned(a, B, { ...SAMPLES[0]!, key: 'k'.repeat(5000) as Key } as Message);
        a.bus.send(B, ping(3), REMAINING_MS);
        await arrived(b, 2);
        expect(messagesOf(b)).toEqual([ping(1), ping(3)]);
      });

      it('a message sent again from inside onUnroutable comes back later, not from inside send', async () => {
        const a = await open(A);
        const depths: number[] = [];
        let depth = 0;
        a.mail.onUnroutable = (to, message) => {
          depths.push(++depth);
          if (depths.length < 10) a.bus.send(to, message, REMAINING_MS);
          depth--;
        };
        a.bus.send(B, ping(1), REMAINING_MS);
        await eventually('it came back ten times', () => depths.length === 10);
        expect(Math.max(...depths)).toBe(1);
      });

      it('a node that starts late, or starts again at the same place, is reached without anything sent', async () => {
        const a = await open(A);
        await disconnected(a.bus, B);
        for (const life of [1, 2, 3]) {
          const b = await open(B);
          await connected(a.bus, B);
          await connected(b.bus, A);
          a.bus.send(B, ping(life), REMAINING_MS);
          a.bus.send(B, writeOf(life, patternOf(MIB, 1)), REMAINING_MS);
          b.bus.send(A, ping(100 + life), REMAINING_MS);
          await arrived(b, 2);
          await arrived(a, life);
          await b.bus.close();
          await disconnected(a.bus, B);
        }
        expect(messagesOf(a)).toEqual([ping(101), ping(102), ping(103)]);
      });

      it('the loss of one peer is not noticed by another', async () => {
        const { a, b } = await openPair();
        const c = await open(C);
        await connected(a.bus, C);
        await b.bus.close();
        await disconnected(a.bus, B);
        sendAll(a, C, SAMPLES);
        await arrived(c, SAMPLES.length);
        expect([...a.bus.peers()].sort()).toEqual([
          [B, 'unreachable'],
          [C, 'connected'],
        ]);
      });
    });

    describe('connect', () => {
      it('a node that was not known is reached, hears, and answers once it is told where', async () => {
        const [a, d] = await Promise.all([open(A), open(D)]);
        await expectUnknown(a, D);
        a.bus.connect(D, harness.addressOf(D));
        await connected(a.bus, D);
        d.mail.onMessage = (from, message) => {
          d.bus.connect(from, harness.addressOf(from));
          d.mail.received.push({ from, message, remainingMs: 0 });
        };
        sendAll(a, D, [ping(1), writeOf(2, patternOf(MIB, 1))]);
        sendAll(a, D, [ping(3)], true);
        await arrived(d, 3);
        await connected(d.bus, A);
        sendAll(d, A, [ping(4)]);
        await arrived(a, 1);
        expect(a.mail.received[0]).toMatchObject({ from: D, message: ping(4) });
      });

      it('the same address again, or one that is none, leaves a node where it is', async () => {
        const { a, b } = await openPair();
        for (const address of [harness.addressOf(B), 'nowhere', '', ':1', 'host:']) {
          a.bus.connect(B, address);
          expect(a.bus.peers().get(B)).toBe('connected');
        }
        sendAll(a, B, [ping(1)]);
        await arrived(b, 1);
        expect(a.mail.returned).toEqual([]);
      });

      it('a node at no address at all stays unknown, until it is told of a sound one', async () => {
        const [a, d] = await Promise.all([open(A), open(D)]);
        a.bus.connect(D, 'nowhere');
        if (!harness.needsNoAddress) {
          await expectUnknown(a, D);
          a.bus.connect(D, harness.addressOf(D));
        }
        await connected(a.bus, D);
        sendAll(a, D, [ping(2)]);
        await arrived(d, 1);
      });

      it('to the node itself, or after the end, changes nothing', async () => {
        const a = await open(A);
        a.bus.connect(A, harness.addressOf(A));
        expect(a.bus.peers().has(A)).toBe(false);
        await a.bus.close();
        a.bus.connect(D, harness.addressOf(D));
        expect(a.bus.peers().has(D)).toBe(false);
      });

      async function expectUnknown(node: Node, to: NodeId): Promise<void> {
        const before = node.mail.returned.length;
        node.bus.send(to, ping(0), REMAINING_MS);
        await eventually('it comes back', () => node.mail.returned.length > before);
        expect(node.bus.peers().has(to)).toBe(false);
      }
    });

    describe('a peer that reads no more', () => {
      it.each([
        ['requests', false],
        ['bulk work', true],
      ])(
        'is sent no more %s than a bound; the excess comes back, then what was not handed over',
        async (_, bulk) => {
          const { a } = await openPair();
          if (!harness.stallC) return;
          await open(C);
          await connected(a.bus, C);
          harness.stallC();
          const value = patternOf(1000, 1);
          const flood = 100_000;
          for (let i = 1; i <= flood; i++) {
            a.bus.send(C, writeOf(i, value), REMAINING_MS, bulk);
            if (i % 1000 === 0) await turns(1);
          }
          // 100 MB were sent: what the kernel takes and what waits here is a small part of it.
          await eventually('the excess comes back', () => a.mail.returned.length > flood / 2);
          await disconnected(a.bus, C);
          await eventually('what waited comes back', () => a.mail.returned.length > (flood * 3) / 4);
          sendAll(a, B, [ping(1)]);
          const requests = new Set(a.mail.returned.map(({ message }) => message.request));
          expect(requests.size).toBe(a.mail.returned.length);
        },
      );
    });

    describe('close', () => {
      it('what was sent before it arrives', async () => {
        const { a, b } = await openPair();
        const sent = Array.from({ length: 2000 }, (_, i) => writeOf(i + 1, patternOf(100, i)));
        sendAll(a, B, [...sent, writeOf(9999, patternOf(5 * MIB, 1))]);
        sendAll(a, B, SAMPLES, true);
        await a.bus.close();
        await arrived(b, sent.length + 1 + SAMPLES.length);
        expect(a.mail.returned).toEqual([]);
      });

      it('is idempotent, also while nobody is there', async () => {
        const a = await open(A);
        const first = a.bus.close();
        await Promise.all([first, a.bus.close()]);
        await a.bus.close();
        const again = await open(A);
        await again.bus.close();
      });

      it('what is sent during it comes back, what is sent after it is dropped', async () => {
        const { a, b } = await openPair();
        const closed = a.bus.close();
        a.bus.send(B, ping(1), REMAINING_MS);
        await closed;
        expect(a.mail.returned).toEqual([{ to: B, message: ping(1) }]);
        a.bus.send(B, ping(2), REMAINING_MS);
        b.bus.send(A, ping(3), REMAINING_MS);
        await eventually('the other side is told', () => b.mail.returned.length === 1);
        expect(a.mail).toMatchObject({ received: [], returned: [{ message: ping(1) }] });
        expect(b.mail.received).toEqual([]);
      });

      it('nothing is called after it, with traffic in both directions', async () => {
        const { a, b } = await openPair();
        const flood = setInterval(() => {
          sendAll(a, B, SAMPLES);
          sendAll(b, A, SAMPLES);
          sendAll(a, C, SAMPLES);
          sendAll(a, B, SAMPLES, true);
        }, 1);
        try {
          await arrived(a, 100);
          await a.bus.close();
          const { received, returned } = a.mail;
          const counts = [received.length, returned.length];
          await eventually('the other side goes on', () => b.mail.returned.length > 100);
          expect([received.length, returned.length]).toEqual(counts);
        } finally {
          clearInterval(flood);
        }
      });

      it('leaves no open handle', async () => {
        const before = handles();
        const { a, b } = await openPair();
        sendAll(a, B, SAMPLES);
        sendAll(b, A, [...SAMPLES, writeOf(1, patternOf(MIB, 1))]);
        sendAll(a, C, SAMPLES);
        await Promise.all([a.bus.close(), b.bus.close()]);
        await eventually('handles are released', () => handles() <= before);
      });
    });
  });
}

/** Sockets, listeners and connection attempts of this process. */
function handles(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource.includes('TCP')).length;
}
