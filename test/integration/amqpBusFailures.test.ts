import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectTcp, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type Server } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type Channel, type ChannelModel, connect } from 'amqplib';
import { makeCertificate } from '../../scripts/services/certificates.js';
import type { AmqpBusOptions } from '../../services/node/adapters/amqp-bus.js';
import type { Rejection } from '../../services/node/adapters/bus/reporter.js';
import type { Message } from '../../services/node/core/protocol/messages.js';
import type { NodeId } from '../../services/node/core/types.js';
import { A, B, C } from '../contract/bus.js';
import {
  asBytes,
  connected,
  disconnected,
  eventually,
  patternOf,
  ping,
  writeOf,
} from '../contract/support/mailbox.js';
import { openTcpProxy, type TcpProxy } from '../contract/support/tcpProxy.js';
import { type AmqpNode, IMPATIENT, openAmqpNode } from './support/amqpNodes.js';
import { useBroker } from './support/broker.js';
import { describeWithServices } from './support/required.js';

/** What the bus over a broker does when broker, links and nodes go bad. */

jest.setTimeout(90_000);

const SECRET = Buffer.from('the secret');

const rejected = ({ telemetry }: AmqpNode, reason: Rejection) =>
  telemetry.total('rondo_bus_rejected_total', { reason });

/** Frames that carry messages or are heartbeats; the others are said anew all the time. */
const isData = (frame: Buffer) => frame[2] === 3;

const requestsTo = ({ mail }: AmqpNode) => mail.received.map(({ message }) => message.request);

describeWithServices('amqp bus: failures', ['rabbitmq'], () => {
  const shared = useBroker();
  let exchange: string;
  let nodes: AmqpNode[];
  let proxies: TcpProxy[];

  beforeEach(() => {
    exchange = `rondo-${randomBytes(4).toString('hex')}`;
    nodes = [];
    proxies = [];
  });

  afterEach(async () => {
    await Promise.all(nodes.map(({ bus }) => bus.close()));
    await Promise.all(proxies.map((proxy) => proxy.close()));
  });

  async function open(self: NodeId, peers: readonly NodeId[], options: Partial<AmqpBusOptions> = {}) {
    const node = await openAmqpNode(self, peers, { exchange, urls: [shared.urlAt()], ...options });
    nodes.push(node);
    return node;
  }

  async function openPair(options: Partial<AmqpBusOptions> = {}) {
    const [a, b] = await Promise.all([open(A, [B], options), open(B, [A], options)]);
    await Promise.all([connected(a.bus, B), connected(b.bus, A)]);
    return { a, b };
  }

  async function proxied(): Promise<{ proxy: TcpProxy; urls: readonly string[] }> {
    const proxy = await openTcpProxy({ targetPort: shared.port });
    proxies.push(proxy);
    return { proxy, urls: [shared.urlAt(proxy.port)] };
  }

  async function expectReturned({ bus, mail }: AmqpNode, ...messages: Message[]): Promise<void> {
    const before = mail.returned.length;
    for (const message of messages) bus.send(B, message, 60_000);
    await eventually('they come back', () => mail.returned.length >= before + messages.length);
    const returned = mail.returned.slice(before).map(({ message }) => message);
    expect(asBytes(returned)).toEqual(asBytes(messages));
  }

  async function expectPassing(from: AmqpNode, to: AmqpNode, request: number): Promise<void> {
    from.bus.send(B, ping(request), 60_000);
    from.bus.send(B, writeOf(request + 1, patternOf(300_000, request)), 60_000);
    from.bus.send(B, ping(request + 2), 60_000, true);
    const wanted = [request, request + 1, request + 2];
    await eventually('they arrive', () => wanted.every((each) => requestsTo(to).includes(each)));
    expect(requestsTo(to).filter((each) => wanted.includes(each))).toHaveLength(3);
  }

  describe('the broker', () => {
    it('is killed: all comes back at once; when it is there again, messages pass', async () => {
      const { a, b } = await openPair();
      shared.broker.kill('SIGKILL');
      await disconnected(a.bus, B);
      await expectReturned(a, ping(1), writeOf(2, patternOf(1_000_000, 1)));
      await shared.restart();
      await Promise.all([connected(a.bus, B), connected(b.bus, A)]);
      await expectPassing(a, b, 10);
      expect(requestsTo(b)).not.toContain(1);
    });

    it('is stopped (SIGSTOP): nodes notice by themselves; when it goes on, messages pass, and no old ones', async () => {
      const { a, b } = await openPair();
      shared.broker.kill('SIGSTOP');
      try {
        a.bus.send(B, ping(1), 60_000);
        await disconnected(a.bus, B);
        await expectReturned(a, ping(2), writeOf(3, patternOf(1_000_000, 1)));
      } finally {
        shared.broker.kill('SIGCONT');
      }
      await Promise.all([connected(a.bus, B), connected(b.bus, A)]);
      await expectPassing(a, b, 10);
      // What the broker had not taken when the link was given up belongs to a session that is over, or came through in it.
      expect(requestsTo(b).filter((request) => request < 10)).not.toEqual(expect.arrayContaining([2]));
      expect(a.mail.returned.map(({ message }) => message.request)).not.toContain(1);
    });

    it('has no memory left: all comes back at once, and the metrics say why; with memory again, messages pass', async () => {
      const { a, b } = await openPair();
      expect([
        a.telemetry.gauge('rondo_broker_connected'),
        a.telemetry.gauge('rondo_broker_blocked'),
      ]).toEqual([1, 0]);
      await shared.broker.ctl(['set_vm_memory_high_watermark', '0']);
      try {
        await disconnected(a.bus, B);
        await eventually('it is told', () => a.telemetry.gauge('rondo_broker_blocked') === 1);
        await expectReturned(a, ping(1), writeOf(2, patternOf(1_000_000, 1)));
      } finally {
        await shared.broker.ctl(['set_vm_memory_high_watermark', '0.4']);
      }
      await Promise.all([connected(a.bus, B), connected(b.bus, A)]);
      expect(a.telemetry.gauge('rondo_broker_blocked')).toBe(0);
      await expectPassing(a, b, 10);
    });

    it('is not there at first: nodes find each other when it is', async () => {
      const { proxy, urls } = await proxied();
      await proxy.close();
      proxies = [];
      const a = await open(A, [B], { urls });
      await expectReturned(a, ping(1));
      await eventually('it is told', () =>
        a.telemetry.lines.some(({ message }) => message === 'the broker cannot be reached'),
      );
      expect(a.telemetry.gauge('rondo_broker_connected')).toBe(0);
    });

    it('accepts and says nothing: nothing waits for it, and closing ends the attempt', async () => {
      const { proxy, urls } = await proxied();
      proxy.stall();
      const a = await open(A, [B], { urls });
      await expectReturned(a, ping(1));
      await eventually('it was dialled', () => proxy.openSockets() > 0);
      await a.bus.close();
      await eventually('nothing is left open', () => proxy.openSockets() === 0);
    });

    it('loses the exchange: a closed channel is made anew', async () => {
      const { a, b } = await openPair();
      const { model, channel } = await rawChannel();
      await channel.deleteExchange(exchange);
      await model.close();
      await eventually('it is noticed', () =>
        [a, b].every(({ telemetry }) => telemetry.lines.some(({ message }) => message.includes('is lost'))),
      );
      await Promise.all([connected(a.bus, B), connected(b.bus, A)]);
      await expectPassing(a, b, 10);
    });

    it('is another one of the list when the first is gone', async () => {
      const { proxy, urls } = await proxied();
      const b = await open(B, [A]);
      const a = await open(A, [B], { urls: [...urls, shared.urlAt()] });
      await connected(a.bus, B);
      await proxy.close();
      proxies = [];
      await expectEventuallyPassing(a, b);
    });

    it('has a certificate of our own authority; of another one, no node talks to it', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'rondo-tls-'));
      const certificates = makeCertificate(join(folder, 'ours'), 'broker');
      const others = makeCertificate(join(folder, 'others'), 'broker');
      const server = await openTls(certificates.certFile, certificates.keyFile);
      try {
        const url = shared.urlAt((server.address() as AddressInfo).port).replace('amqp:', 'amqps:');
        const b = await open(B, [A], { urls: [url], caFile: certificates.caFile });
        const a = await open(A, [B], { urls: [url], caFile: certificates.caFile });
        const stranger = await open(C, [B], { urls: [url], caFile: others.caFile });
        await Promise.all([connected(a.bus, B), connected(b.bus, A)]);
        await expectPassing(a, b, 10);
        await eventually('it is told', () =>
          stranger.telemetry.lines.some(({ message }) => message === 'the broker cannot be reached'),
        );
        expect(stranger.telemetry.gauge('rondo_broker_connected')).toBe(0);
      } finally {
        await Promise.all(nodes.map(({ bus }) => bus.close()));
        server.close();
        rmSync(folder, { recursive: true, force: true });
      }
    });

    it('turns a wrong password away, which is said without the password', async () => {
      const url = new URL(shared.urlAt());
      url.password = 'not-the-password';
      const a = await open(A, [B], { urls: [url.href] });
      await eventually('it is told', () => a.telemetry.lines.length > 0);
      expect(JSON.stringify(a.telemetry.lines)).toContain('ACCESS');
      expect(JSON.stringify(a.telemetry.lines)).not.toContain('not-the-password');
    });
  });

  describe('a node', () => {
    it('that is cut off answers for itself, the others go on; healed, it is reached again', async () => {
      const { proxy, urls } = await proxied();
      const [a, b, c] = await Promise.all([open(A, [B, C], { urls }), open(B, [A, C]), open(C, [A, B])]);
      await Promise.all([connected(a.bus, B, C), connected(b.bus, A, C), connected(c.bus, A, B)]);
      proxy.stall();
      await Promise.all([disconnected(a.bus, B), disconnected(b.bus, A), disconnected(c.bus, A)]);
      await expectReturned(a, ping(1));
      await expectPassing(c, b, 10);
      expect(c.bus.peers().get(B)).toBe('connected');
      proxy.heal();
      await Promise.all([connected(a.bus, B, C), connected(b.bus, A, C)]);
      await expectPassing(a, b, 20);
      expect(requestsTo(b)).not.toContain(1);
    });

    it('whose queues are gone gives back what is on its way to it, small and large, before anything was noticed', async () => {
      const { a, b } = await openPair({ tuning: { ...IMPATIENT, heartbeatMs: 30_000, silenceMs: 60_000 } });
      await b.bus.close();
      expect(a.bus.peers().get(B)).toBe('connected');
      await expectReturned(a, ping(1), writeOf(2, patternOf(1_000_000, 1)), ping(3));
      expect(a.bus.peers().get(B)).toBe('unreachable');
    });

    it('that runs twice under one name gets each message once; when the older one ends, the younger goes on', async () => {
      const older = await open(B, []);
      const a = await open(A, [B]);
      await connected(a.bus, B);
      const younger = await open(B, [A], { incarnation: 2 });
      await connected(younger.bus, A);
      const sent = Array.from({ length: 500 }, (_, i) => ping(i + 1));
      for (const message of sent) a.bus.send(B, message, 60_000);
      const outcomes = () => [...requestsTo(older), ...requestsTo(younger)];
      await eventually('they arrive', () => outcomes().length + a.mail.returned.length >= sent.length);
      expect(new Set(outcomes()).size).toBe(outcomes().length);
      await older.bus.close();
      await expectEventuallyPassing(a, younger);
    });

    it.each<[string, Rejection, Partial<AmqpBusOptions>, Partial<AmqpBusOptions>]>([
      ['of another cluster', 'cluster', {}, { clusterId: () => 'another cluster' }],
      ['with another secret', 'mac', { secret: SECRET }, { secret: Buffer.from('another') }],
      ['without the secret', 'mac', { secret: SECRET }, {}],
      ['with a secret where there is none', 'mac', {}, { secret: SECRET }],
    ])('%s is not heard, and its messages come back', async (_, reason, ours, theirs) => {
      const b = await open(B, [A], ours);
      const a = await open(A, [B], theirs);
      await expectReturned(a, ping(1), writeOf(2, patternOf(300_000, 1)));
      await eventually('it is refused', () => rejected(b, reason) > 0 && rejected(a, reason) > 0);
      expect(a.bus.peers().get(B)).not.toBe('connected');
      expect(b.mail.received).toEqual([]);
    });
  });

  describe('what is not, or no longer, from a node', () => {
    it.each([false, true])(
      'recorded frames are taken by nobody again: not in this life, nor in the next (secret: %s)',
      async (isSecret) => {
        const options = isSecret ? { secret: SECRET } : {};
        const recorder = await record(B);
        const { a, b } = await openPair(options);
        await expectPassing(a, b, 10);
        await a.bus.close();
        const frames = [...recorder.frames];
        const data = frames.filter(isData).length;
        expect(data).toBeGreaterThan(0);
        await recorder.replay(frames);
        await eventually('they are refused', () => rejected(b, 'replay') + rejected(b, 'stale') >= data);
        expect(b.mail.received).toHaveLength(3);
        await b.bus.close();
        const next = await open(B, [A], options);
        await eventually('it is there', () => next.telemetry.gauge('rondo_broker_connected') === 1);
        await recorder.replay(frames);
        await eventually('they are refused', () => rejected(next, 'stale') >= data);
        expect(next.mail.received).toEqual([]);
        await recorder.close();
      },
    );

    it('an earlier connection of a sender counts no more once its next one has spoken', async () => {
      const { proxy, urls } = await proxied();
      const recorder = await record(B);
      const b = await open(B, [A]);
      const a = await open(A, [B], { urls });
      await connected(a.bus, B);
      a.bus.send(B, ping(1), 60_000);
      await eventually('it arrives', () => requestsTo(b).includes(1));
      const frames = [...recorder.frames];
      proxy.heal();
      await eventually('it is noticed', () =>
        a.telemetry.lines.some(({ message }) => message.includes('lost')),
      );
      await connected(a.bus, B);
      a.bus.send(B, ping(2), 60_000);
      await eventually('it arrives', () => requestsTo(b).includes(2));
      const before = rejected(b, 'stale');
      await recorder.replay(frames);
      await eventually('they are refused', () => rejected(b, 'stale') > before);
      expect(requestsTo(b)).toEqual([1, 2]);
      await recorder.close();
    });

    it('with a secret, no frame with a bit changed is taken', async () => {
      const recorder = await record(B);
      const { a, b } = await openPair({ secret: SECRET });
      const before = recorder.frames.length;
      a.bus.send(B, ping(1), 60_000);
      await eventually('it is recorded', () => recorder.frames.length > before && requestsTo(b).length === 1);
      const changed = recorder.frames
        .slice(before)
        .filter(isData)
        .map((frame) => {
          const copy = Buffer.from(frame);
          copy[copy.length - 40]! ^= 1;
          return copy;
        });
      await recorder.replay(changed);
      await eventually('it is refused', () => rejected(b, 'mac') >= changed.length);
      expect(requestsTo(b)).toEqual([1]);
      await expectPassing(a, b, 10);
      await recorder.close();
    });

    it('noise is counted and dropped, and the node goes on serving', async () => {
      const recorder = await record(B);
      const { a, b } = await openPair();
      const noise = Array.from({ length: 200 }, (_, i) => {
        const bytes = Buffer.from(patternOf(1 + ((i * 37) % 300), i));
        // Every second one begins as a frame of some kind does.
        return i % 2 === 0 ? bytes : Buffer.concat([Buffer.from([0x52, 1, 1 + ((i >> 1) % 4), 0]), bytes]);
      });
      await recorder.replay([Buffer.alloc(0), ...noise]);
      await eventually('it is refused', () => rejected(b, 'protocol') > 50 && rejected(b, 'malformed') > 0);
      await expectPassing(a, b, 10);
      await recorder.close();
    });
  });

  it('of messages that no node takes, none is left at the broker', async () => {
    const { a, b } = await openPair();
    await expectPassing(a, b, 10);
    await Promise.all([a.bus.close(), b.bus.close()]);
    const left = await shared.broker.ctl(['list_queues', '--silent', '-p', 'rondo', 'name', 'messages']);
    expect(left).not.toContain(exchange);
  });

  /** Both sides may still have to notice that the other one, or the way to it, is new. */
  async function expectEventuallyPassing(from: AmqpNode, to: AmqpNode): Promise<void> {
    const again = setInterval(() => from.bus.send(B, ping(7777), 1000), 50);
    try {
      await eventually('it arrives', () => requestsTo(to).includes(7777));
    } finally {
      clearInterval(again);
    }
  }

  async function rawChannel(): Promise<{ model: ChannelModel; channel: Channel }> {
    const model = await connect(shared.urlAt());
    return { model, channel: await model.createChannel() };
  }

  /** Listens to what is sent to a node on the lane of requests, as whoever may use the broker can, and can send it again. */
  async function record(node: NodeId) {
    const { model, channel } = await rawChannel();
    const frames: Buffer[] = [];
    await channel.assertExchange(exchange, 'direct', { durable: false });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    const replayed = randomBytes(8).toString('hex');
    await channel.consume(
      queue,
      (message) => {
        if (message && message.properties.messageId !== replayed) frames.push(message.content);
      },
      { noAck: true },
    );
    await channel.bindQueue(queue, exchange, `${node}.fast`);
    return {
      frames,
      replay: async (again: readonly Buffer[]) => {
        for (const frame of again) channel.publish(exchange, `${node}.fast`, frame, { messageId: replayed });
        await channel.checkExchange(exchange);
      },
      close: () => model.close(),
    };
  }

  /** Speaks TLS in front of the broker. */
  async function openTls(certFile: string, keyFile: string): Promise<Server> {
    const server = createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (near) => {
      const far = connectTcp(shared.port, '127.0.0.1');
      near.pipe(far).pipe(near);
      for (const [one, other] of [[near, far] as const, [far, near] as const]) {
        one.on('error', () => undefined);
        one.on('close', () => other.destroy());
      }
    });
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return server;
  }
});
