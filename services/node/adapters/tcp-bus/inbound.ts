import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { NodeId } from '../../core/types.js';
import type { BusHandlers } from '../../ports/bus.js';
import { createIntake, type Intake } from '../bus/intake.js';
import type { Ticking } from '../bus/ticking.js';
import type { HostPort } from './address.js';
import type { Connection } from './connection.js';
import { openConnection } from './connection.js';
import type { BusContext } from './context.js';

/**
 * The receiving half: a listener, the connections of other nodes, large messages put together again. It sends nothing
 * but heartbeats. What a peer sends cannot cost more than its bounds, and never ends the process.
 */

export interface Inbound extends Ticking {
  readonly port: number;
  /** Destroys every connection at once; resolves when the listener is closed too. */
  close(): Promise<void>;
}

interface InboundState {
  readonly context: BusContext;
  readonly intake: Intake;
  readonly onPeer: (peer: NodeId) => void;
  readonly connections: Set<Connection>;
  /** The newest connection of each sender and lane. */
  readonly current: Map<string, Connection>;
  accepted: number;
}

/** `onPeer`: a peer has just connected and proved who it is. Resolves when the listener is open; rejects where the address cannot be had. */
export async function openInbound(
  context: BusContext,
  address: HostPort,
  onMessage: BusHandlers['onMessage'],
  onPeer: (peer: NodeId) => void,
): Promise<Inbound> {
  const { report, nowMs, tuning } = context;
  const intake = createIntake({ report, nowMs, onMessage, transferAgeMs: tuning.transferAgeMs });
  const state: InboundState = {
    ...{ context, intake, onPeer, connections: new Set(), current: new Map() },
    accepted: 0,
  };
  const server = createServer((socket) => accept(state, socket));
  server.maxConnections = tuning.acceptedMax;
  server.on('drop', () => report.reject('too_many'));
  await listen(server, address);
  return {
    port: (server.address() as AddressInfo).port,
    tick: (now) => {
      intake.expire(now);
      for (const connection of state.connections) connection.tick(now);
    },
    excuse: (now) => state.connections.forEach((connection) => connection.excuse(now)),
    close: () => close(state, server),
  };
}

function listen(server: Server, { host, port }: HostPort): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      // Out of file descriptors, for one: the connection is lost, its sender dials again.
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function close(state: InboundState, server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const connection of state.connections) connection.destroy('closing');
  return closed;
}

function accept(state: InboundState, socket: Socket): void {
  const source = String(++state.accepted);
  let key: string | undefined;
  const connection = openConnection(state.context, socket, undefined, {
    onOpen: (remote) => {
      key = `${remote.lane} ${remote.peer}`;
      replace(state, key, connection);
      state.onPeer(remote.peer);
    },
    onContent: (from, content) => state.intake.take(source, from, content),
    onDrain: () => undefined,
    onClose: () => {
      state.connections.delete(connection);
      if (key !== undefined && state.current.get(key) === connection) state.current.delete(key);
      state.intake.forget(source);
    },
  });
  state.connections.add(connection);
}

/** The older one belongs to an earlier life of the sender, or its end has not been noticed here. */
function replace(state: InboundState, key: string, connection: Connection): void {
  const older = state.current.get(key);
  state.current.set(key, connection);
  older?.destroy('replaced');
}
