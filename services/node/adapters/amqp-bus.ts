import { readFile } from 'node:fs/promises';
import type { Lane } from '../core/protocol/envelope.js';
import type { Message } from '../core/protocol/messages.js';
import type { NodeId } from '../core/types.js';
import type { Bus, BusHandlers } from '../ports/bus.js';
import type { Log, Metrics } from '../ports/telemetry.js';
import type { Broker } from './amqp-bus/broker.js';
import { openBroker } from './amqp-bus/broker.js';
import type { AmqpBusTuning, BusContext, Carrier } from './amqp-bus/context.js';
import { DEFAULT_TUNING } from './amqp-bus/context.js';
import { dispatch } from './amqp-bus/dispatch.js';
import type { Link, LinksByNonce } from './amqp-bus/link.js';
import { openLink } from './amqp-bus/link.js';
import { createReturned } from './amqp-bus/returned.js';
import { createSenders } from './amqp-bus/senders.js';
import { parseBrokerUrl } from './amqp-bus/url.js';
import { createContext } from './bus/context.js';
import { createReturns, type Returns } from './bus/returns.js';
import { laneOf, sizeOf } from './bus/sizing.js';
import { startTicking } from './bus/ticking.js';

/**
 * The bus over RabbitMQ: every node consumes queues of its own, bound under its id to one exchange of the cluster, and
 * publishes to those of the others. The broker only carries: who is there, what has come and how much may be on its way the
 * nodes tell each other (frames.ts), so that nothing of an earlier connection counts on a later one, and a node that stops
 * reading costs the broker a bounded amount. There are no confirms and no acknowledgements of the broker's: what is lost with
 * it is lost, and the sender's deadline tells.
 */

export interface AmqpBusOptions {
  readonly self: NodeId;
  /** '' before this node belongs to a cluster: then it talks to nodes of any, and of none. */
  readonly clusterId: () => string;
  /** Grows with each life of this node. */
  readonly incarnation: number;
  readonly epoch: () => number;
  /** Brokers of one cluster, tried one after the other: `amqp://user:password@host:port/vhost`, or `amqps:`. */
  readonly urls: readonly string[];
  /** Certificates of those who sign for the brokers, where it is none of the known ones. */
  readonly caFile?: string;
  /** Clusters that share a virtual host have one each. */
  readonly exchange: string;
  /** Nodes that are known from the start; this node itself may be among them. */
  readonly peers: Iterable<NodeId>;
  /** Whether to listen to nodes that this one has not been told of. */
  readonly admitsStrangers?: boolean;
  /** The cluster secret: where it is set, all nodes must have the same one. */
  readonly secret?: Uint8Array;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tuning?: Partial<AmqpBusTuning>;
}

interface BusState {
  readonly context: BusContext;
  readonly broker: Broker;
  readonly links: Map<NodeId, Link>;
  readonly byNonce: LinksByNonce;
  readonly returns: Returns;
  readonly stopTicking: () => void;
  readonly phase: { closing: boolean };
}

/**
 * Goes on attaching itself to a broker in the background: one that cannot be reached is no error. Rejects where a URL is
 * malformed, there is none, or the file of certificates cannot be read.
 */
export async function openAmqpBus(options: AmqpBusOptions, handlers: BusHandlers): Promise<Bus> {
  const urls = options.urls.map(parseBrokerUrl);
  if (urls.length === 0) throw new Error('The bus over a broker needs the URL of one.');
  const ca = options.caFile === undefined ? undefined : await readFile(options.caFile);
  const { self, exchange } = options;
  const returns = createReturns(handlers);
  const links = new Map<NodeId, Link>();
  const byNonce: LinksByNonce = new Map();
  const tuning = { ...DEFAULT_TUNING, ...options.tuning };
  const admits = (id: NodeId) => options.admitsStrangers === true || links.has(id);
  const context = createContext(options, tuning, admits, returns);
  const phase = { closing: false };
  const onMessage: BusHandlers['onMessage'] = (from, message, remainingMs) => {
    if (!phase.closing) handlers.onMessage(from, message, remainingMs);
  };
  const each = (act: (link: Link) => void): void => links.forEach((link) => act(link));
  const carrier: Carrier = {
    state: () => broker.state(),
    hasRoom: (lane) => broker.hasRoom(lane),
    publish: (lane, to, frame) => broker.publish(lane, to, frame),
  };
  // A peer that has come back is answered over this node's own link to it: no pause must stand in the way.
  const senders = createSenders(context, carrier, onMessage, (peer) => links.get(peer)?.wake());
  const returned = createReturned(context, {
    onLinkReturned: (nonce) => byNonce.get(nonce)?.link.lost('unroutable'),
    onAnswerReturned: (peer) => senders.forget(peer),
  });
  const broker = openBroker(
    context,
    { urls, ca, exchange, self },
    {
      onDelivery: (lane, frame) => dispatch(context, senders, byNonce, lane, frame),
      onReturn: (frame) => returned.onReturn(frame),
      onRoom: () => each((link) => link.onRoom()),
      onReady: () => each((link) => link.wake()),
      onAway: () => {
        senders.forgetAll();
        each((link) => link.lost('broker'));
      },
    },
  );
  registerGauges(options.metrics, broker);
  for (const id of options.peers) if (id !== self) links.set(id, openLink(context, broker, byNonce, id));
  const onTick = (nowMs: number): void => {
    returned.expire(nowMs);
    context.report.flush();
  };
  const parts = () => [senders, ...links.values()];
  const stopTicking = startTicking(context.tuning, context.nowMs, parts, onTick);
  const state: BusState = { context, broker, links, byNonce, returns, stopTicking, phase };
  let closed: Promise<void> | undefined;
  return {
    send: (to, message, remainingMs, bulk = false) => send(state, to, message, remainingMs, bulk),
    connect: (node) => {
      if (node !== self) connect(state, node);
    },
    peers: () => new Map([...links].map(([id, link]) => [id, link.state()])),
    close: () => (closed ??= close(state)),
  };
}

function registerGauges(metrics: Metrics, broker: Broker): void {
  metrics.gauge('rondo_broker_connected', () => Number(broker.state() !== 'away'));
  metrics.gauge('rondo_broker_blocked', () => Number(broker.state() === 'blocked'));
}

/** Far more nodes than a cluster has. */
const PEERS_MAX = 1024;

/** Where a node is to be found is the broker's affair. */
function connect({ context, broker, links, byNonce, phase }: BusState, node: NodeId): void {
  if (phase.closing || links.has(node)) return;
  if (links.size >= PEERS_MAX) {
    context.report.log('warn', 'too many nodes to connect to', { node, peersMax: PEERS_MAX });
    return;
  }
  links.set(node, openLink(context, broker, byNonce, node));
}

function send(state: BusState, to: NodeId, message: Message, remainingMs: number, bulk: boolean): void {
  const { context, links, phase } = state;
  const link = phase.closing ? undefined : links.get(to);
  const sizeBytes = link && sizeOf(context.report, message);
  if (link === undefined || sizeBytes === undefined) {
    context.giveBack(to, message);
    return;
  }
  const lane: Lane = laneOf(sizeBytes, bulk);
  link.send(lane, { message, sizeBytes, deadlineMs: context.nowMs() + remainingMs });
}

/** Ordered: nothing more comes in, what was accepted goes out for a bounded time, then everything ends. */
async function close({ context, broker, links, returns, stopTicking, phase }: BusState): Promise<void> {
  phase.closing = true;
  const all = [...links.values()];
  const deadline = setTimeout(() => all.forEach((link) => link.abort()), context.tuning.flushMs);
  await Promise.all(all.map((link) => link.finish()));
  clearTimeout(deadline);
  await broker.close();
  stopTicking();
  returns.end();
  context.report.flush();
}
