import { decodeMessage, encodeMessage } from '../../services/node/core/protocol/codec.js';
import type { Message } from '../../services/node/core/protocol/messages.js';
import type { NodeId } from '../../services/node/core/types.js';
import type { Bus, BusHandlers, PeerState } from '../../services/node/ports/bus.js';
import type { Figures } from './figures.js';
import type { Gate } from './gate.js';
import type { NetworkPlan } from './plan.js';
import { type Random, type Seed, stream } from './random.js';
import type { Schedule } from './schedule.js';
import type { Trace } from './trace.js';

/**
 * The network between simulated nodes: delays, losses, duplicates, cuts and clogs. Messages are bytes on the way. A
 * message is for one life of its receiver, as a connection is; one that is on its way outlives its sender. It goes to the
 * address that its sender was told last, and to nobody where its receiver is somewhere else.
 */
export interface Network {
  open(self: NodeId, address: string, gate: Gate, handlers: BusHandlers): Bus;
  readonly weather: Weather;
  /** Cuts and clogs may overlap: each is taken back by itself. */
  cut(links: readonly LinkName[], bounces: boolean): () => void;
  clog(links: readonly LinkName[]): () => void;
  /** Answers to probes of liveness are lost on the links, or late. */
  hush(links: readonly LinkName[], lateMs?: number): () => void;
  /** Part of what is about the document and about nodes comes again, up to so much later. */
  echo(sound: Echo): () => void;
}

export interface Echo {
  readonly rate: number;
  readonly lateMs: number;
}

/** Rates that hold now. */
export interface Weather {
  delayMs: number;
  jitterMs: number;
  lossRate: number;
  duplicationRate: number;
  bounceRate: number;
}

/** `from>to`. */
export type LinkName = string;

export interface NetworkParts {
  readonly seed: Seed;
  readonly plan: NetworkPlan;
  readonly schedule: Schedule;
  readonly trace: Trace;
  readonly figures: Figures;
  readonly members: readonly NodeId[];
}

interface Endpoint {
  readonly id: NodeId;
  readonly address: string;
  /** Where it has been told that others are. */
  readonly told: Map<NodeId, string>;
  readonly gate: Gate;
  readonly handlers: BusHandlers;
}

interface Packet {
  readonly from: Endpoint;
  readonly to: NodeId;
  readonly receiver: Endpoint;
  readonly bytes: Uint8Array;
  readonly remainingMs: number;
}

interface State extends NetworkParts {
  readonly endpoints: Map<NodeId, Endpoint>;
  readonly weather: Weather;
  readonly cuts: Map<LinkName, { bounces: boolean }[]>;
  readonly clogs: Map<LinkName, number>;
  readonly held: Map<LinkName, Packet[]>;
  readonly hushes: Map<LinkName, Set<{ readonly lateMs: number | undefined }>>;
  readonly echoes: Set<Echo>;
  readonly randoms: Map<LinkName, Random>;
}

export function createNetwork(parts: NetworkParts): Network {
  const maps = {
    endpoints: new Map(),
    cuts: new Map(),
    clogs: new Map(),
    held: new Map(),
    hushes: new Map(),
    echoes: new Set<Echo>(),
    randoms: new Map(),
  };
  const state: State = { ...parts, ...maps, weather: { ...parts.plan } };
  return {
    weather: state.weather,
    open: (id, address, gate, handlers) => {
      const endpoint = { id, address, gate, handlers, told: new Map<NodeId, string>() };
      state.endpoints.set(id, endpoint);
      return busOf(state, endpoint);
    },
    cut: (links, bounces) => cut(state, links, bounces),
    clog: (links) => clog(state, links),
    hush: (links, lateMs) => hush(state, links, lateMs),
    echo: (sound) => {
      state.echoes.add(sound);
      return () => void state.echoes.delete(sound);
    },
  };
}

function busOf(state: State, endpoint: Endpoint): Bus {
  const others = state.members.filter((id) => id !== endpoint.id);
  const stateOf = (id: NodeId): PeerState =>
    reached(state, endpoint, id)?.gate.open ? 'connected' : 'unreachable';
  let open = true;
  return {
    send: (to, message, remainingMs) => {
      if (open && remainingMs > 0) send(state, endpoint, to, message, remainingMs);
    },
    connect: (node, address) => {
      endpoint.told.set(node, address);
    },
    peers: () => new Map(others.map((id) => [id, stateOf(id)])),
    close: () => {
      open = false;
      return Promise.resolve();
    },
  };
}

function send(state: State, from: Endpoint, to: NodeId, message: Message, remainingMs: number): void {
  const link = `${from.id}>${to}`;
  const random = randomOf(state, link);
  // Always as many draws a message, so that one fault does not change the fate of later messages.
  const [fate, twice, bounce] = [random.fraction(), random.fraction(), random.fraction()];
  const delays = [delayOf(state, random), delayOf(state, random)] as const;
  const bytes = encodeMessage(message).slice();
  state.figures.countSent(message.type);
  const cuts = state.cuts.get(link);
  const receiver = reached(state, from, to);
  if (cuts) {
    state.figures.count('cutMessage');
    if (cuts.at(-1)?.bounces === true) comeBack(state, from, to, bytes, delays[0]);
  } else if (!receiver?.gate.open) {
    if (bounce < state.weather.bounceRate) comeBack(state, from, to, bytes, delays[0]);
  } else if (fate < state.weather.lossRate) state.figures.count('loss');
  else {
    const packet = { from, to, receiver, bytes, remainingMs };
    if (OF_VIEWS.has(message.type)) repeatLate(state, link, packet, message.type === 'document');
    const lateMs = message.type === 'pong' ? hushed(state, link) : 0;
    if (lateMs === undefined) return;
    carry(state, link, packet, delays[0] + lateMs);
    if (twice >= state.weather.duplicationRate) return;
    state.figures.count('duplicate');
    carry(state, link, packet, delays[1] + lateMs);
  }
}

/** Whoever listens where the sender looks for the node. */
function reached({ endpoints }: State, { told }: Endpoint, to: NodeId): Endpoint | undefined {
  const receiver = endpoints.get(to);
  return receiver?.address === told.get(to) ? receiver : undefined;
}

/** What nodes learn from of each other and of the document. */
const OF_VIEWS = new Set<Message['type']>([
  ...(['hello', 'found', 'foundVote', 'founded', 'prepare', 'promise', 'accept', 'accepted'] as const),
  ...(['document', 'fetchDocument', 'ping', 'pong'] as const),
]);

/** Documents are rare: each of them. */
function repeatLate(state: State, link: LinkName, packet: Packet, always: boolean): void {
  for (const { rate, lateMs } of state.echoes) {
    const random = randomOf(state, `${link} again`);
    if (random.chance(always ? 1 : rate)) carry(state, link, packet, random.fraction() * lateMs);
  }
}

/** How much later an answer comes than it would; undefined where it is lost. */
function hushed({ hushes }: State, link: LinkName): number | undefined {
  let lateMs = 0;
  for (const hush of hushes.get(link) ?? []) {
    if (hush.lateMs === undefined) return undefined;
    lateMs = Math.max(lateMs, hush.lateMs);
  }
  return lateMs;
}

function delayOf({ weather }: State, random: Random): number {
  return weather.delayMs - weather.jitterMs * Math.log(1 - random.fraction());
}

function randomOf(state: State, link: LinkName): Random {
  const known = state.randoms.get(link);
  if (known) return known;
  const made = stream(state.seed, `network ${link}`);
  state.randoms.set(link, made);
  return made;
}

function comeBack(state: State, from: Endpoint, to: NodeId, bytes: Uint8Array, afterMs: number): void {
  const { schedule, trace } = state;
  state.figures.count('unroutable');
  schedule.after(afterMs, () => {
    from.gate.enter(() => {
      trace.event(schedule.nowMs, `unroutable ${from.id}>${to}`, bytes);
      from.handlers.onUnroutable(to, decodeMessage(bytes));
    });
  });
}

function carry(state: State, link: LinkName, packet: Packet, afterMs: number): void {
  state.schedule.after(afterMs, () => {
    if (!state.clogs.has(link)) {
      arrive(state, packet);
      return;
    }
    state.figures.count('cloggedMessage');
    const held = state.held.get(link) ?? [];
    held.push(packet);
    state.held.set(link, held);
  });
}

function arrive({ schedule, trace }: State, { from, to, receiver, bytes, remainingMs }: Packet): void {
  receiver.gate.enter(() => {
    trace.event(schedule.nowMs, `message ${from.id}>${to}`, bytes);
    receiver.handlers.onMessage(from.id, decodeMessage(bytes.slice()), remainingMs);
  });
}

function cut(state: State, links: readonly LinkName[], bounces: boolean): () => void {
  const mine = { bounces };
  for (const link of links) state.cuts.set(link, [...(state.cuts.get(link) ?? []), mine]);
  return () => {
    for (const link of links) {
      const left = (state.cuts.get(link) ?? []).filter((other) => other !== mine);
      if (left.length > 0) state.cuts.set(link, left);
      else state.cuts.delete(link);
    }
  };
}

function hush({ hushes }: State, links: readonly LinkName[], lateMs: number | undefined): () => void {
  const mine = { lateMs };
  for (const link of links) hushes.set(link, (hushes.get(link) ?? new Set()).add(mine));
  return () => {
    for (const link of links) hushes.get(link)?.delete(mine);
  };
}

function clog(state: State, links: readonly LinkName[]): () => void {
  for (const link of links) state.clogs.set(link, (state.clogs.get(link) ?? 0) + 1);
  let clogged = true;
  return () => {
    if (!clogged) return;
    clogged = false;
    for (const link of links) unclog(state, link);
  };
}

/** What was held comes in another order than it was sent. */
function unclog(state: State, link: LinkName): void {
  const left = (state.clogs.get(link) ?? 1) - 1;
  if (left > 0) {
    state.clogs.set(link, left);
    return;
  }
  state.clogs.delete(link);
  const held = state.held.get(link) ?? [];
  state.held.delete(link);
  for (const packet of randomOf(state, `${link} unclogged`).shuffled(held)) arrive(state, packet);
}
