import type { Lane } from '../core/protocol/envelope.js';
import type { Message } from '../core/protocol/messages.js';
import type { NodeId } from '../core/types.js';
import type { Bus, BusHandlers, PeerState } from '../ports/bus.js';
import type { Log, Metrics } from '../ports/telemetry.js';
import { createContext } from './bus/context.js';
import { createReturns, type Returns } from './bus/returns.js';
import { laneOf, sizeOf } from './bus/sizing.js';
import { startTicking } from './bus/ticking.js';
import { type HostPort, parseHostPort } from './tcp-bus/address.js';
import type { BusContext, TcpBusTuning } from './tcp-bus/context.js';
import { DEFAULT_TUNING } from './tcp-bus/context.js';
import type { Inbound } from './tcp-bus/inbound.js';
import { openInbound } from './tcp-bus/inbound.js';
import type { Link } from './tcp-bus/link.js';
import { openLink } from './tcp-bus/link.js';

/**
 * The bus without a broker: a TCP connection from every node to every other one for each lane. The dialling side sends,
 * the accepting side receives; both prove who they are (session.ts) and send heartbeats.
 */

export interface TcpBusOptions {
  readonly self: NodeId;
  /** '' before this node belongs to a cluster: then it talks to nodes of any, and of none. */
  readonly clusterId: () => string;
  /** Grows with each life of this node. */
  readonly incarnation: number;
  readonly epoch: () => number;
  readonly host: string;
  readonly port: number;
  /** Nodes that are known from the start, and their `host:port`; this node itself may be among them. */
  readonly peers: ReadonlyMap<NodeId, string>;
  /** Whether to listen to nodes that this one has not been told of. */
  readonly admitsStrangers?: boolean;
  /** The cluster secret: where it is set, all nodes must have the same one. */
  readonly secret?: Uint8Array;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tuning?: Partial<TcpBusTuning>;
}

export interface TcpBus extends Bus {
  /** Where it listens; chosen by the system where the options say 0. */
  readonly port: number;
}

type PeerLinks = Readonly<Record<Lane, Link>> & { readonly address: HostPort };
type Links = ReadonlyMap<NodeId, PeerLinks>;

interface BusState {
  readonly context: BusContext;
  readonly links: Map<NodeId, PeerLinks>;
  readonly inbound: Inbound;
  readonly returns: Returns;
  readonly stopTicking: () => void;
  readonly phase: { closing: boolean };
}

/**
 * Opens the listener, then dials every peer. Rejects where the listener's address cannot be had or a peer's is malformed;
 * peers that cannot be reached are no error.
 */
export async function openTcpBus(options: TcpBusOptions, handlers: BusHandlers): Promise<TcpBus> {
  const { self, host, port } = options;
  const addresses = [...options.peers].filter(([id]) => id !== self).map(parsePeer);
  const returns = createReturns(handlers);
  const links = new Map<NodeId, PeerLinks>();
  const tuning = { ...DEFAULT_TUNING, ...options.tuning };
  const admits = (id: NodeId) => options.admitsStrangers === true || links.has(id);
  const context = createContext(options, tuning, admits, returns);
  const phase = { closing: false };
  const onMessage: BusHandlers['onMessage'] = (from, message, remainingMs) => {
    if (!phase.closing) handlers.onMessage(from, message, remainingMs);
  };
  // A peer that has come back is answered over this node's own link to it: no pause must stand in the way.
  const onPeer = (peer: NodeId): void => {
    linksTo(links.get(peer)).forEach((link) => link.wake());
  };
  const inbound = await openInbound(context, { host, port }, onMessage, onPeer);
  for (const { id, address } of addresses) links.set(id, openLinks(context, id, address));
  const parts = () => [inbound, ...[...links.values()].flatMap(linksTo)];
  const { nowMs, report } = context;
  const stopTicking = startTicking(tuning, nowMs, parts, () => report.flush());
  const state: BusState = { context, links, inbound, returns, stopTicking, phase };
  let closed: Promise<void> | undefined;
  return {
    port: inbound.port,
    send: (to, message, remainingMs, bulk = false) => send(state, to, message, remainingMs, bulk),
    connect: (node, address) => {
      if (node !== self) connect(state, node, address);
    },
    peers: () => peerStates(links),
    close: () => (closed ??= close(state)),
  };
}

function openLinks(context: BusContext, id: NodeId, address: HostPort): PeerLinks {
  const open = (lane: Lane) => openLink(context, id, lane, address);
  return { address, fast: open('fast'), large: open('large'), bulk: open('bulk') };
}

/** Far more nodes than a cluster has; each costs three connections. */
const PEERS_MAX = 1024;

/** A node that has moved is dialled anew; what waited for its old address comes back. */
function connect({ context, links, phase }: BusState, node: NodeId, text: string): void {
  if (phase.closing) return;
  if (!links.has(node) && links.size >= PEERS_MAX) {
    context.report.log('warn', 'too many nodes to connect to', { node, peersMax: PEERS_MAX });
    return;
  }
  const address = hostPortOf(context, text);
  const known = links.get(node);
  if (!address || (known?.address.host === address.host && known.address.port === address.port)) return;
  linksTo(known).forEach((link) => link.abort());
  links.set(node, openLinks(context, node, address));
}

function hostPortOf({ report }: BusContext, text: string): HostPort | undefined {
  try {
    return parseHostPort(text);
  } catch (error) {
    report.log('warn', 'bus address cannot be used', { address: text, error: String(error) });
    return undefined;
  }
}

function parsePeer([id, text]: readonly [NodeId, string]) {
  return { id, address: parseHostPort(text) };
}

function send(state: BusState, to: NodeId, message: Message, remainingMs: number, bulk: boolean): void {
  const { context, links, phase } = state;
  const link = phase.closing ? undefined : links.get(to);
  const sizeBytes = link && sizeOf(context.report, message);
  if (link === undefined || sizeBytes === undefined) {
    context.giveBack(to, message);
    return;
  }
  link[laneOf(sizeBytes, bulk)].send({ message, sizeBytes, deadlineMs: context.nowMs() + remainingMs });
}

function peerStates(links: Links): ReadonlyMap<NodeId, PeerState> {
  return new Map(
    [...links].map(([id, to]) => [
      id,
      linksTo(to)
        .map((link) => link.state())
        .reduce(worse),
    ]),
  );
}

function linksTo(links: PeerLinks | undefined): Link[] {
  return links ? [links.fast, links.large, links.bulk] : [];
}

/** A peer counts as connected once messages of every kind reach it. */
function worse(a: PeerState, b: PeerState): PeerState {
  if (a === 'unreachable' || b === 'unreachable') return 'unreachable';
  return a === 'connecting' ? a : b;
}

/** Ordered: nothing more comes in, what was accepted goes out for a bounded time, then everything ends. */
async function close({ context, links, inbound, returns, stopTicking, phase }: BusState): Promise<void> {
  phase.closing = true;
  const all = [...links.values()].flatMap(linksTo);
  const listenerClosed = inbound.close();
  const flushed = Promise.all(all.map((link) => link.finish()));
  const deadline = setTimeout(() => all.forEach((link) => link.abort()), context.tuning.flushMs);
  await flushed;
  clearTimeout(deadline);
  await listenerClosed;
  stopTicking();
  returns.end();
  context.report.flush();
}
