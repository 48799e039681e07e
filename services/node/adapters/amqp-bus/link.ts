import type { Content, Lane } from '../../core/protocol/envelope.js';
import type { NodeId } from '../../core/types.js';
import type { PeerState } from '../../ports/bus.js';
import type { Waiting } from '../bus/outgoing.js';
import type { Ticking } from '../bus/ticking.js';
import type { BusContext, Carrier } from './context.js';
import { LANES } from './context.js';
import { createFlows, type Flows } from './flows.js';
import type { Acknowledged } from './frames.js';
import { freshNonce, sealData, sealHello, sessionKey } from './frames.js';

/**
 * The sending half towards one peer: says hello, goes on saying it in the background, packs what was sent in one turn of the
 * event loop together. Messages wait only while a first hello is under way; after a failed one they come back at once until
 * the peer is reached again, so that a dead peer, or a broker that is away, costs its callers no time.
 */

export type LostCause =
  /** The broker has no queue of the peer's. */
  'unroutable' | 'silent' | 'timeout' | 'broker';

export interface Link extends Ticking {
  /** Takes the message, or gives it back as unroutable. */
  send(lane: Lane, waiting: Waiting): void;
  state(): PeerState;
  /** The peer was just heard of: says hello now where it would have waited, and asks whether it is still the same. */
  wake(): void;
  /** There is room again on the way to the broker. */
  onRoom(): void;
  onWelcome(tag: string): void;
  /** Of what comes under its tag. */
  key(): Uint8Array | undefined;
  onAck(counter: number, acknowledged: Acknowledged): void;
  lost(cause: LostCause): void;
  /** Sends what is queued, then closes; resolves when closed. What is sent from now on comes back. */
  finish(): Promise<void>;
  /** Closes now; what is still queued comes back. */
  abort(): void;
}

/** By which a link is found again when something comes for it: its dial while it says hello, then its tag. */
export type LinksByNonce = Map<string, { readonly link: Link; readonly peer: NodeId }>;

const BULK_PACKETS_PER_TURN = 2;

type Phase =
  | {
      readonly name: 'greeting';
      readonly nonce: string;
      readonly queueing: boolean;
      readonly deadline: NodeJS.Timeout;
    }
  | {
      readonly name: 'open';
      readonly nonce: string;
      readonly key: Uint8Array | undefined;
      readonly sinceMs: number;
    }
  | { readonly name: 'waiting'; readonly redial: NodeJS.Timeout }
  | { readonly name: 'closed' };

interface LinkState {
  readonly context: BusContext;
  readonly carrier: Carrier;
  readonly byNonce: LinksByNonce;
  readonly peer: NodeId;
  readonly flows: Flows;
  readonly onClosed: () => void;
  readonly closed: Promise<void>;
  readonly self: () => Link;
  phase: Phase;
  acks: number;
  /** The peer has to acknowledge this heartbeat before the timer ends, or it is not the same any more. */
  doubt: { readonly counter: number; readonly timer: NodeJS.Timeout } | undefined;
  redialMs: number;
  pump: NodeJS.Immediate | undefined;
  finishing: boolean;
}

export function openLink(context: BusContext, carrier: Carrier, byNonce: LinksByNonce, peer: NodeId): Link {
  let onClosed: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (onClosed = resolve));
  const state: LinkState = {
    ...{ context, carrier, byNonce, peer, onClosed, closed, self: () => link },
    flows: createFlows(context),
    ...{ phase: { name: 'closed' }, acks: 0, doubt: undefined, pump: undefined, finishing: false },
    redialMs: context.tuning.redialMsMin,
  };
  const link: Link = {
    send: (lane, waiting) => send(state, lane, waiting),
    state: () => peerState(state),
    wake: () => wake(state),
    onRoom: () => schedulePump(state),
    onWelcome: (tag) => opened(state, tag),
    key: () => (state.phase.name === 'open' ? state.phase.key : undefined),
    onAck: (counter, acknowledged) => onAck(state, counter, acknowledged),
    lost: (cause) => lost(state, cause),
    tick: (nowMs) => tick(state, nowMs),
    excuse: (nowMs) => state.flows.excuse(nowMs),
    finish: () => finish(state),
    abort: () => close(state),
  };
  greet(state, true);
  return link;
}

function peerState({ phase }: LinkState): PeerState {
  if (phase.name === 'open') return 'connected';
  return phase.name === 'greeting' && phase.queueing ? 'connecting' : 'unreachable';
}

function send(link: LinkState, lane: Lane, waiting: Waiting): void {
  const reachable = !link.finishing && peerState(link) !== 'unreachable';
  if (reachable && link.flows.offer(lane, waiting)) schedulePump(link);
  else link.context.giveBack(link.peer, waiting.message);
}

/**
 * Not in this turn of the event loop but in the next one, so that what has come in meanwhile travels along: an envelope
 * costs the broker and both ends far more than another message in it. A loop that has nothing to do turns at once.
 */
function schedulePump(link: LinkState): void {
  link.pump ??= setImmediate(() => {
    link.pump = setImmediate(() => {
      link.pump = undefined;
      pump(link);
    });
  });
}

/**
 * Publishes until the window is full; the rest stays here, where it can still expire or come back. Bulk work gets a small
 * part of each turn of the event loop, so that requests need not wait for it here either.
 */
function pump(link: LinkState): void {
  if (link.phase.name !== 'open') return;
  const { context, carrier, flows } = link;
  const nowMs = context.nowMs();
  for (const lane of LANES) {
    let left = lane === 'bulk' ? BULK_PACKETS_PER_TURN : Infinity;
    while (left-- > 0 && carrier.hasRoom(lane)) {
      const packet = flows.next(lane, nowMs);
      if (!packet) break;
      publish(link, packet.content, packet.contentBytes, nowMs);
      context.report.moved('sent', packet.messages);
    }
  }
  if (link.finishing && flows.isIdle()) close(link);
  else if (LANES.some((lane) => flows.mayGoOn(lane) && carrier.hasRoom(lane))) schedulePump(link);
}

/** Gives the number under which it will be acknowledged. */
function publish(link: LinkState, content: Content, contentBytes: number, nowMs: number): number {
  const { phase, flows, context, peer, carrier } = link;
  if (phase.name !== 'open') return 0;
  const { nonce, key } = phase;
  const counter = flows.count(content.lane, nowMs);
  const sealing = { kind: 'data' as const, nonce, key, to: peer, counter };
  carrier.publish(content.lane, peer, sealData(context.node, sealing, content, contentBytes));
  return counter;
}

function greet(link: LinkState, queueing: boolean): void {
  const { context, byNonce, peer } = link;
  const nonce = freshNonce();
  const deadline = setTimeout(() => lost(link, 'timeout'), context.tuning.connectMs);
  link.phase = { name: 'greeting', nonce, queueing, deadline };
  byNonce.set(nonce, { link: link.self(), peer });
  sayHello(link);
}

function sayHello({ phase, context, carrier, peer }: LinkState): void {
  if (phase.name !== 'greeting' || carrier.state() !== 'ready') return;
  carrier.publish('fast', peer, sealHello(context.node, peer, phase.nonce));
}

function wake(link: LinkState): void {
  switch (link.phase.name) {
    case 'waiting':
      leavePhase(link);
      greet(link, false);
      break;
    case 'greeting':
      sayHello(link);
      break;
    case 'open':
      if (!link.doubt) beginDoubt(link);
      break;
    case 'closed':
      break;
  }
}

function beginDoubt(link: LinkState): void {
  const { nowMs, tuning } = link.context;
  const counter = publish(link, heartbeat('fast'), 0, nowMs());
  const timer = setTimeout(() => lost(link, 'timeout'), tuning.connectMs);
  link.doubt = { counter, timer };
}

function opened(link: LinkState, tag: string): void {
  const { phase, context, byNonce, peer } = link;
  if (phase.name !== 'greeting') return;
  const nowMs = context.nowMs();
  const key = sessionKey(context.node.secret, phase.nonce, tag);
  leavePhase(link);
  link.phase = { name: 'open', nonce: tag, key, sinceMs: nowMs };
  link.acks = 0;
  byNonce.set(tag, { link: link.self(), peer });
  link.flows.restart(nowMs);
  context.report.log('info', 'bus connected', { peer });
  // The other side counts from its first data on.
  heartbeats(link, nowMs);
  pump(link);
}

function onAck(link: LinkState, counter: number, acknowledged: Acknowledged): void {
  if (link.phase.name !== 'open' || counter <= link.acks) return;
  link.acks = counter;
  link.flows.onAck(acknowledged, link.context.nowMs());
  if (link.doubt && acknowledged.fast >= link.doubt.counter) endDoubt(link);
  if (link.finishing || !link.flows.isIdle()) schedulePump(link);
}

function endDoubt(link: LinkState): void {
  clearTimeout(link.doubt?.timer);
  link.doubt = undefined;
}

function heartbeat(lane: Lane): Content {
  return lane === 'large' ? { lane, chunks: [] } : { lane, messages: [] };
}

function heartbeats(link: LinkState, nowMs: number): void {
  for (const lane of LANES) publish(link, heartbeat(lane), 0, nowMs);
}

function tick(link: LinkState, nowMs: number): void {
  if (link.phase.name !== 'open') return;
  if (link.flows.isSilent(link.context.tuning.silenceMs, nowMs)) lost(link, 'silent');
  else heartbeats(link, nowMs);
}

function lost(link: LinkState, cause: LostCause): void {
  const { phase, context, peer } = link;
  if (phase.name === 'waiting' || phase.name === 'closed') return;
  const { redialMsMin, redialMsMax, heartbeatMs } = context.tuning;
  if (phase.name === 'open') context.report.log('warn', 'bus connection lost', { peer, cause });
  else if (phase.queueing) context.report.log('warn', 'bus peer cannot be reached', { peer, cause });
  const worked = phase.name === 'open' && context.nowMs() - phase.sinceMs >= heartbeatMs;
  if (worked) link.redialMs = redialMsMin;
  leavePhase(link);
  giveBackAll(link);
  if (link.finishing) {
    close(link);
    return;
  }
  link.phase = { name: 'waiting', redial: setTimeout(() => wake(link), link.redialMs) };
  link.redialMs = Math.min(redialMsMax, 2 * link.redialMs);
}

function finish(link: LinkState): Promise<void> {
  link.finishing = true;
  if (link.phase.name === 'open') pump(link);
  else if (link.phase.name === 'waiting' || link.flows.isIdle()) close(link);
  return link.closed;
}

function close(link: LinkState): void {
  if (link.phase.name === 'closed') return;
  leavePhase(link);
  link.finishing = true;
  giveBackAll(link);
  link.onClosed();
}

function giveBackAll({ flows, context, peer }: LinkState): void {
  for (const message of flows.drain()) context.giveBack(peer, message);
}

/** Nothing that belongs to the phase finds the link any more. */
function leavePhase(link: LinkState): void {
  const { phase, byNonce } = link;
  clearImmediate(link.pump);
  link.pump = undefined;
  endDoubt(link);
  if (phase.name === 'greeting') clearTimeout(phase.deadline);
  if (phase.name === 'waiting') clearTimeout(phase.redial);
  if (phase.name === 'greeting' || phase.name === 'open') byNonce.delete(phase.nonce);
  link.phase = { name: 'closed' };
}
