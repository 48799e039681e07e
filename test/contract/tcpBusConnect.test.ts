import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { NodeId } from '../../services/node/core/types.js';
import { A, B, C } from './bus.js';
import { connected, disconnected, eventually, patternOf, ping, writeOf } from './support/mailbox.js';
import type { TcpNode } from './support/tcpNodes.js';
import { CLUSTER, openTcpNode } from './support/tcpNodes.js';
import { freePort } from './support/tcpProxy.js';

/** Nodes that are found while the bus runs, and nodes that belong to no cluster yet. */

jest.setTimeout(60_000);

const REMAINING_MS = 60_000;

describe('tcp bus: nodes that come to be known', () => {
  let ports: number[];
  let nodes: TcpNode[];

  beforeEach(async () => {
    ports = [await freePort(), await freePort(), await freePort()];
    nodes = [];
  });

  afterEach(async () => {
    await Promise.all(nodes.map(({ bus }) => bus.close()));
  });

  const open = async (...args: Parameters<typeof openTcpNode>): Promise<TcpNode> => {
    const node = await openTcpNode(...args);
    nodes.push(node);
    return node;
  };
  const portOf = (index: number) => ports[index] ?? 0;
  const at = (index: number) => `127.0.0.1:${portOf(index)}`;

  it('a port that the system chose is told', async () => {
    const a = await open(A, 0, {}, { admitsStrangers: true });
    const b = await open(B, portOf(1), { [A]: a.bus.port });
    await connected(b.bus, A);
    b.bus.send(A, ping(1), REMAINING_MS);
    await eventually('it is heard there', () => a.mail.received.length === 1);
  });

  it('no more than 1,024 nodes are connected to, whoever says that there are more (I14)', async () => {
    const a = await open(A, portOf(0), {});
    for (let i = 0; i < 1100; i++) a.bus.connect(`stranger-${String(i)}` as NodeId, at(1));
    expect(a.bus.peers().size).toBe(1024);
    a.bus.connect(B, at(1));
    a.bus.send(B, ping(1), REMAINING_MS);
    await eventually('what is for one of the others comes back', () => a.mail.returned.length === 1);
  });

  it('a node that has moved is reached at its new address; what waited for the old one comes back', async () => {
    const a = await open(A, portOf(0), { [B]: portOf(1) });
    const before = await open(B, portOf(1), { [A]: portOf(0) });
    await connected(a.bus, B);
    await before.bus.close();
    await disconnected(a.bus, B);
    const after = await open(B, portOf(2), { [A]: portOf(0) });
    a.bus.send(B, ping(1), REMAINING_MS);
    await eventually('what was for the old address comes back', () => a.mail.returned.length === 1);
    a.bus.connect(B, at(2));
    await connected(a.bus, B);
    a.bus.send(B, ping(2), REMAINING_MS);
    a.bus.send(B, writeOf(3, patternOf(1_000_000, 1)), REMAINING_MS);
    await eventually('it is heard at the new one', () => after.mail.received.length === 2);
  });

  it('a connection to the old address of a node that has moved is given up, though somebody answers there', async () => {
    const a = await open(A, portOf(0), { [B]: portOf(1) });
    const old = await open(B, portOf(1), { [A]: portOf(0) });
    await connected(a.bus, B);
    const moved = await open(B, portOf(2), {}, { admitsStrangers: true });
    a.bus.connect(B, at(2));
    await connected(a.bus, B);
    a.bus.send(B, ping(1), REMAINING_MS);
    await eventually('it is heard at the new one', () => moved.mail.received.length === 1);
    expect(old.mail.received).toEqual([]);
  });

  it.each([true, false])(
    'a stranger is heard only where strangers are admitted: %p',
    async (admitsStrangers) => {
      const b = await open(B, portOf(1), {}, { admitsStrangers });
      const a = await open(A, portOf(0), { [B]: portOf(1) });
      const rejected = () => b.telemetry.total('rondo_bus_rejected_total', { reason: 'sender' });
      if (admitsStrangers) await connected(a.bus, B);
      a.bus.send(B, ping(1), REMAINING_MS);
      await eventually('it is heard or turned away', () => b.mail.received.length + rejected() > 0);
      expect([b.mail.received.length, rejected() > 0]).toEqual(admitsStrangers ? [1, false] : [0, true]);
    },
  );

  it('nodes of no cluster yet talk to each other and to those of any', async () => {
    const a = await open(A, portOf(0), { [B]: portOf(1), [C]: portOf(2) }, { clusterId: () => '' });
    const b = await open(B, portOf(1), { [A]: portOf(0), [C]: portOf(2) }, { clusterId: () => '' });
    const c = await open(C, portOf(2), { [A]: portOf(0), [B]: portOf(1) });
    await Promise.all([connected(a.bus, B, C), connected(b.bus, A, C), connected(c.bus, A, B)]);
    for (const [from, to] of pairs([a, b, c])) from.bus.send(to, ping(1), REMAINING_MS);
    await eventually('all hear the others', () => [a, b, c].every(({ mail }) => mail.received.length === 2));
  });

  it('a node that learns its cluster keeps its connections, and those to another cluster end', async () => {
    let clusterId = '';
    const a = await open(A, portOf(0), { [B]: portOf(1), [C]: portOf(2) }, { clusterId: () => clusterId });
    const b = await open(B, portOf(1), { [A]: portOf(0) });
    const c = await open(C, portOf(2), { [A]: portOf(0) }, { clusterId: () => 'another' });
    await Promise.all([connected(a.bus, B, C), connected(b.bus, A), connected(c.bus, A)]);
    clusterId = CLUSTER;
    a.bus.send(B, ping(1), REMAINING_MS);
    a.bus.send(C, ping(2), REMAINING_MS);
    await eventually('the own cluster hears it', () => b.mail.received.length === 1);
    await disconnected(a.bus, C);
    expect(a.bus.peers().get(B)).toBe('connected');
    expect(c.mail.received).toEqual([]);
    const lines = c.telemetry.lines.filter(({ message }) => message.includes('another cluster'));
    expect(lines.length).toBeGreaterThan(0);
  });
});

/** Everybody with the id of everybody else. */
function pairs(nodes: readonly TcpNode[]): (readonly [from: TcpNode, to: NodeId])[] {
  const ids = [A, B, C];
  return nodes.flatMap((from, i) => ids.filter((_, j) => j !== i).map((to) => [from, to] as const));
}
