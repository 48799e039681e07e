import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TcpBusOptions } from '../../services/node/adapters/tcp-bus.js';
import type { Message } from '../../services/node/core/protocol/messages.js';
import { A, B } from './bus.js';
import {
  asBytes,
  connected,
  disconnected,
  eventually,
  patternOf,
  ping,
  SAMPLES,
  writeOf,
} from './support/mailbox.js';
import type { TcpNode } from './support/tcpNodes.js';
import { IMPATIENT, openTcpNode } from './support/tcpNodes.js';
import type { TcpProxy } from './support/tcpProxy.js';
import { freePort, openTcpProxy } from './support/tcpProxy.js';

/** What the tcp bus does when links and processes go bad without a word. */

jest.setTimeout(60_000);

const sentBytes = ({ telemetry }: TcpNode) => telemetry.total('rondo_bus_bytes_total', { direction: 'sent' });

/** A listener that lets everybody in and never says a word. */
async function openMute(port: number): Promise<Server> {
  const server = createServer((socket) => void socket.on('error', () => undefined).resume());
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('tcp bus: failures', () => {
  let ports: { a: number; b: number };
  let nodes: TcpNode[];
  let children: ChildProcess[];
  let proxy: TcpProxy | undefined;

  beforeEach(async () => {
    ports = { a: await freePort(), b: await freePort() };
    nodes = [];
    children = [];
    proxy = undefined;
  });

  afterEach(async () => {
    await Promise.all(nodes.map(({ bus }) => bus.close()));
    for (const child of children) child.kill('SIGKILL');
    await proxy?.close();
  });

  async function openNode(self: typeof A, peerPort: number, overrides: Partial<TcpBusOptions> = {}) {
    const [own, peer] = self === A ? [ports.a, B] : [ports.b, A];
    const node = await openTcpNode(self, own, { [peer]: peerPort }, overrides);
    nodes.push(node);
    return node;
  }

  /** Node b as a process of its own that answers so many pings. */
  function spawnB(pings: number): ChildProcess {
    const loader = pathToFileURL(join(__dirname, 'support/tsLoader.mjs')).href;
    const args = ['--import', loader, join(__dirname, 'support/busChild.ts')];
    const child = spawn(process.execPath, [...args, `${ports.b}`, `${ports.a}`, `${pings}`], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    children.push(child);
    return child;
  }

  async function expectReturned({ bus, mail }: TcpNode, message: Message): Promise<void> {
    const before = mail.returned.length;
    bus.send(B, message, 10_000);
    await eventually('the message comes back', () => mail.returned.length > before);
    expect(mail.returned.slice(before)).toEqual([{ to: B, message }]);
  }

  it('a link that swallows everything is noticed by silence; when it heals, messages pass again', async () => {
    proxy = await openTcpProxy({ targetPort: ports.b });
    const a = await openNode(A, proxy.port);
    const b = await openNode(B, ports.a);
    await connected(a.bus, B);
    await connected(b.bus, A);
    proxy.stall();
    a.bus.send(B, ping(1), 60_000);
    await disconnected(a.bus, B);
    await expectReturned(a, ping(2));
    await expectReturned(a, writeOf(3, patternOf(1_000_000, 1)));
    expect(b.bus.peers().get(A)).toBe('connected');
    proxy.heal();
    await connected(a.bus, B);
    a.bus.send(B, ping(4), 60_000);
    await eventually('it arrives', () => b.mail.received.some(({ message }) => message.request === 4));
    // What was handed to the lost socket neither arrives nor comes back.
    expect(a.mail.returned.map(({ message }) => message.request)).toEqual([2, 3]);
    expect(b.mail.received.map(({ message }) => message.request)).toEqual([4]);
  });

  it.each([false, true])(
    'a large message whose connection breaks halfway starts again or comes back, once (bulk: %s)',
    async (bulk) => {
      proxy = await openTcpProxy({ targetPort: ports.b });
      const a = await openNode(A, proxy.port);
      const b = await openNode(B, ports.a);
      await connected(a.bus, B);
      const message = writeOf(1, patternOf(40 * 1024 * 1024, 1));
      proxy.stall();
      a.bus.send(B, message, 60_000, bulk);
      // More than the kernel and the socket hold: its last chunk cannot have been handed over.
      await eventually('a part is under way', () => sentBytes(a) > 1024 * 1024);
      proxy.heal();
      const outcomes = () => a.mail.returned.length + b.mail.received.length;
      await eventually('it arrives or comes back', () => outcomes() > 0);
      await connected(a.bus, B);
      a.bus.send(B, ping(2), 60_000);
      await eventually('the next one arrives', () => outcomes() === 2);
      for (const { message: arrived } of b.mail.received.filter((each) => each.message.type === 'write')) {
        expect(asBytes([arrived]).join() === asBytes([message]).join()).toBe(true);
      }
    },
  );

  it('messages for a peer that accepts and says nothing wait for the first attempt only', async () => {
    const mute = await openMute(ports.b);
    const a = await openNode(A, ports.b);
    await expectReturned(a, ping(1));
    await disconnected(a.bus, B);
    await expectReturned(a, ping(2));
    await a.bus.close();
    mute.close();
    await once(mute, 'close');
  });

  it('messages sent while the first connection is made arrive over it', async () => {
    const b = await openNode(B, ports.a);
    const a = await openNode(A, ports.b);
    expect(a.bus.peers().get(B)).toBe('connecting');
    for (const message of SAMPLES) a.bus.send(B, message, 10_000);
    await eventually('they arrive', () => b.mail.received.length === SAMPLES.length);
    expect(a.mail.returned).toEqual([]);
  });

  it('what waits for the first connection is bounded, and the excess comes back', async () => {
    const mute = await openMute(ports.b);
    const waiting = {
      fast: { messagesMax: 10, bytesMax: 1_000_000 },
      large: { messagesMax: 10, bytesMax: 150_000 },
      bulk: { messagesMax: 3, bytesMax: 150_000 },
    };
    const a = await openNode(A, ports.b, { tuning: { ...IMPATIENT, connectMs: 60_000, waiting } });
    for (let i = 1; i <= 15; i++) a.bus.send(B, ping(i), 60_000);
    for (let i = 21; i <= 25; i++) a.bus.send(B, writeOf(i, patternOf(70_000, 1)), 60_000);
    for (let i = 31; i <= 35; i++) a.bus.send(B, ping(i), 60_000, true);
    await eventually('the excess comes back', () => a.mail.returned.length === 10);
    const returned = a.mail.returned.map(({ message }) => message.request);
    expect(returned).toEqual([11, 12, 13, 14, 15, 23, 24, 25, 34, 35]);
    await a.bus.close();
    expect(a.mail.returned).toHaveLength(25);
    mute.close();
    await once(mute, 'close');
  });

  it('a process that was stopped for a while does not take its own absence for silence', async () => {
    const a = await openNode(A, ports.b);
    const b = await openNode(B, ports.a);
    await connected(a.bus, B);
    await connected(b.bus, A);
    const untilMs = performance.now() + 1500;
    while (performance.now() < untilMs);
    a.bus.send(B, ping(1), 10_000);
    await eventually('it arrives', () => b.mail.received.length === 1);
    const lost = [a, b].flatMap(({ telemetry }) => telemetry.lines.filter(({ level }) => level === 'warn'));
    expect(lost.filter(({ message }) => message === 'bus connection lost')).toEqual([]);
  });

  it('a peer that is stopped (SIGSTOP) is noticed, and reached again when it goes on', async () => {
    const a = await openNode(A, ports.b);
    const child = spawnB(1_000_000);
    await connected(a.bus, B);
    child.kill('SIGSTOP');
    await disconnected(a.bus, B);
    await expectReturned(a, ping(1));
    child.kill('SIGCONT');
    await connected(a.bus, B);
    const answered = () => a.mail.received.some(({ message }) => message.request === 2);
    // Its own connection to this node may take a moment longer.
    const again = setInterval(() => a.bus.send(B, ping(2), 1000), 50);
    try {
      await eventually('it answers', answered);
    } finally {
      clearInterval(again);
    }
  });

  it('a peer that is killed is unreachable at once', async () => {
    const a = await openNode(A, ports.b, { tuning: { heartbeatMs: 100, silenceMs: 600_000 } });
    const child = spawnB(1_000_000);
    await connected(a.bus, B);
    child.kill('SIGKILL');
    await disconnected(a.bus, B);
    // One lane may still be taken for open: what it is handed is lost.
    await eventually('a message comes back', () => {
      a.bus.send(B, ping(1), 10_000);
      return a.mail.returned.length > 0;
    });
  });

  it('a process whose bus is closed has nothing left that keeps it alive', async () => {
    const a = await openNode(A, ports.b);
    const child = spawnB(3);
    const exited = once(child, 'exit');
    await connected(a.bus, B);
    for (const request of [1, 2, 3]) a.bus.send(B, ping(request), 10_000);
    expect(await exited).toEqual([0, null]);
  });

  it('an address that is taken, or malformed, is an error, and nothing is left open', async () => {
    const b = await openNode(B, ports.a);
    const peers = new Map([[A, `127.0.0.1:${ports.a}`]]);
    await expect(openTcpNode(B, ports.b, {})).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await b.bus.close();
    for (const address of ['nowhere', ':80', 'host:', 'host:0', 'host:70000', '::1:80']) {
      const wrong = new Map([...peers, [A, address]]);
      await expect(openTcpNode(B, ports.b, {}, { peers: wrong })).rejects.toThrow('not a bus address');
    }
    await openNode(B, ports.a);
  });

  it('counts what passes, comes back and expires', async () => {
    const a = await openNode(A, ports.b);
    await expectReturned(a, ping(1));
    const b = await openNode(B, ports.a);
    await connected(a.bus, B);
    a.bus.send(B, ping(2), 10_000);
    a.bus.send(B, writeOf(3, patternOf(200_000, 1)), 10_000);
    a.bus.send(B, ping(4), 0);
    await eventually('they arrive', () => b.mail.received.length === 2);
    const messages = (node: TcpNode, direction: string) =>
      node.telemetry.total('rondo_bus_messages_total', { direction });
    // Told once a heartbeat.
    await eventually('they are counted', () => messages(b, 'received') + messages(a, 'expired') >= 3);
    await Promise.all([a.bus.close(), b.bus.close()]);
    expect([messages(a, 'sent'), messages(a, 'expired'), messages(b, 'received')]).toEqual([2, 1, 2]);
    expect(a.telemetry.total('rondo_bus_unroutable_total')).toBe(1);
    expect(a.telemetry.total('rondo_bus_bytes_total', { direction: 'sent' })).toBeGreaterThan(200_000);
  });
});
