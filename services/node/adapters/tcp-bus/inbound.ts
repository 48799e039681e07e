import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { DecodeError } from '../../core/protocol/bytes.js';
import type { Chunk, Reassembler } from '../../core/protocol/chunks.js';
import { createReassembler } from '../../core/protocol/chunks.js';
import { decodeMessage, MESSAGE_BYTES_MAX } from '../../core/protocol/codec.js';
import type { Content } from '../../core/protocol/envelope.js';
import type { Message } from '../../core/protocol/messages.js';
import type { NodeId } from '../../core/types.js';
import type { BusHandlers } from '../../ports/bus.js';
import type { HostPort } from './address.js';
import type { Connection } from './connection.js';
import { openConnection } from './connection.js';
import type { BusContext } from './context.js';

/**
 * The receiving half: a listener, the connections of other nodes, large messages put together again. It sends nothing
 * but heartbeats. What a peer sends cannot cost more than its bounds, and never ends the process.
 */

export interface Inbound {
  readonly port: number;
  tick(nowMs: number): void;
  excuse(nowMs: number): void;
  /** Destroys every connection at once; resolves when the listener is closed too. */
  close(): Promise<void>;
}

type ChunkLane = Extract<Content, { chunks: unknown }>['lane'];

interface InboundState {
  readonly context: BusContext;
  readonly onMessage: BusHandlers['onMessage'];
  readonly onPeer: (peer: NodeId) => void;
  readonly connections: Set<Connection>;
  /** The newest connection of each sender and lane. */
  readonly current: Map<string, Connection>;
  /** One for each lane: bulk work must not take the room of requests. */
  readonly reassemblers: Readonly<Record<ChunkLane, Reassembler>>;
  accepted: number;
}

/** One largest message, and others beside it. */
const REASSEMBLY_BYTES_MAX = MESSAGE_BYTES_MAX + 64 * 1024 * 1024;
const TRANSFERS_MAX = 256;

/** `onPeer`: a peer has just connected and proved who it is. Resolves when the listener is open; rejects where the address cannot be had. */
export async function openInbound(
  context: BusContext,
  address: HostPort,
  onMessage: BusHandlers['onMessage'],
  onPeer: (peer: NodeId) => void,
): Promise<Inbound> {
  const limits = {
    bytesMax: REASSEMBLY_BYTES_MAX,
    transfersMax: TRANSFERS_MAX,
    ageMsMax: context.tuning.transferAgeMs,
  };
  const state: InboundState = {
    ...{ context, onMessage, onPeer, connections: new Set(), current: new Map() },
    reassemblers: { large: createReassembler(limits), bulk: createReassembler(limits) },
    accepted: 0,
  };
  const server = createServer((socket) => accept(state, socket));
  server.maxConnections = context.tuning.acceptedMax;
  server.on('drop', () => context.report.reject('too_many'));
  await listen(server, address);
  return {
    port: (server.address() as AddressInfo).port,
    tick: (nowMs) => {
      const { large, bulk } = state.reassemblers;
      for (let dropped = large.expire(nowMs) + bulk.expire(nowMs); dropped > 0; dropped--) {
        context.report.reject('transfer', { detail: 'not finished in time' });
      }
      for (const connection of state.connections) connection.tick(nowMs);
    },
    excuse: (nowMs) => state.connections.forEach((connection) => connection.excuse(nowMs)),
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
    onContent: (from, content) => deliver(state, source, from, content),
    onDrain: () => undefined,
    onClose: () => {
      state.connections.delete(connection);
      if (key !== undefined && state.current.get(key) === connection) state.current.delete(key);
      state.reassemblers.large.forget(source);
      state.reassemblers.bulk.forget(source);
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

function deliver(state: InboundState, source: string, from: NodeId, content: Content): void {
  if ('chunks' in content) {
    const reassembler = state.reassemblers[content.lane];
    for (const chunk of content.chunks) onChunk(state, reassembler, source, from, chunk);
    return;
  }
  state.context.report.moved('received', content.messages.length);
  for (const { message, remainingMs } of content.messages) {
    state.onMessage(from, message, remainingMs);
  }
}

function onChunk(
  state: InboundState,
  reassembler: Reassembler,
  source: string,
  peer: NodeId,
  chunk: Chunk,
): void {
  const { report, nowMs } = state.context;
  const result = reassembler.accept(source, chunk, nowMs());
  if (result.status === 'refused') report.reject('transfer', { peer });
  if (result.status !== 'complete') return;
  const message = decoded(state, peer, result.bytes);
  if (!message) return;
  report.moved('received', 1);
  state.onMessage(peer, message, result.remainingMs);
}

function decoded(state: InboundState, peer: NodeId, bytes: Uint8Array): Message | undefined {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    state.context.report.reject('message', { peer });
    return undefined;
  }
}
