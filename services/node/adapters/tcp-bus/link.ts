import { connect } from 'node:net';
import type { Lane } from '../../core/protocol/envelope.js';
import type { NodeId } from '../../core/types.js';
import type { PeerState } from '../../ports/bus.js';
import type { Outgoing, Waiting } from '../bus/outgoing.js';
import { createOutgoing } from '../bus/outgoing.js';
import type { HostPort } from './address.js';
import type { CloseCause, Connection } from './connection.js';
import { openConnection } from './connection.js';
import type { BusContext } from './context.js';

/**
 * The sending half towards one peer on one lane: dials, keeps dialling in the background, packs what was sent in one
 * turn of the event loop together. Messages wait only while a first attempt is under way; after a failed one they come
 * back at once until the peer is reached again, so that a dead peer costs its callers no time.
 */

export interface Link {
  /** Takes the message, or gives it back as unroutable. */
  send(waiting: Waiting): void;
  state(): PeerState;
  /** The peer was just heard of: dials now where it would have waited. */
  wake(): void;
  tick(nowMs: number): void;
  excuse(nowMs: number): void;
  /** Sends what is queued, then closes; resolves when closed. What is sent from now on comes back. */
  finish(): Promise<void>;
  /** Closes now; what is still queued comes back. */
  abort(): void;
}

const BULK_PACKETS_PER_TURN = 2;

type Phase =
  | {
      readonly name: 'dialling';
      readonly connection: Connection;
      readonly queueing: boolean;
      readonly deadline: NodeJS.Timeout;
    }
  | { readonly name: 'open'; readonly connection: Connection; readonly sinceMs: number }
  | { readonly name: 'waiting'; readonly redial: NodeJS.Timeout }
  | { readonly name: 'closed' };

interface LinkState {
  readonly context: BusContext;
  readonly peer: NodeId;
  readonly lane: Lane;
  readonly address: HostPort;
  readonly outgoing: Outgoing;
  readonly onClosed: () => void;
  readonly closed: Promise<void>;
  phase: Phase;
  redialMs: number;
  pump: NodeJS.Immediate | undefined;
  finishing: boolean;
}

export function openLink(context: BusContext, peer: NodeId, lane: Lane, address: HostPort): Link {
  const { waiting, redialMsMin } = context.tuning;
  let onClosed: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (onClosed = resolve));
  const state: LinkState = {
    ...{ context, peer, lane, address, onClosed, closed },
    outgoing: createOutgoing(lane, waiting[lane], () => context.report.moved('expired', 1)),
    phase: { name: 'closed' },
    redialMs: redialMsMin,
    pump: undefined,
    finishing: false,
  };
  dial(state, true);
  return {
    send: (message) => send(state, message),
    state: () => peerState(state),
    wake: () => wake(state),
    tick: (nowMs) => connectionOf(state)?.tick(nowMs),
    excuse: (nowMs) => connectionOf(state)?.excuse(nowMs),
    finish: () => finish(state),
    abort: () => close(state, 'closing'),
  };
}

function connectionOf({ phase }: LinkState): Connection | undefined {
  return phase.name === 'dialling' || phase.name === 'open' ? phase.connection : undefined;
}

function peerState({ phase }: LinkState): PeerState {
  if (phase.name === 'open') return 'connected';
  return phase.name === 'dialling' && phase.queueing ? 'connecting' : 'unreachable';
}

function send(link: LinkState, waiting: Waiting): void {
  const reachable = !link.finishing && peerState(link) !== 'unreachable';
  if (reachable && link.outgoing.offer(waiting)) schedulePump(link);
  else link.context.giveBack(link.peer, waiting.message);
}

function schedulePump(link: LinkState): void {
  link.pump ??= setImmediate(() => {
    link.pump = undefined;
    pump(link);
  });
}

/**
 * Hands packets to the socket until it has enough; the rest stays here, where it can still expire or come back. Bulk work
 * gets a small part of each turn of the event loop, so that requests need not wait for it here either.
 */
function pump(link: LinkState): void {
  const { phase, outgoing, context, lane } = link;
  if (phase.name !== 'open') return;
  const nowMs = context.nowMs();
  let left = lane === 'bulk' ? BULK_PACKETS_PER_TURN : Infinity;
  while (left-- > 0 && hasRoom(link, phase.connection)) {
    const packet = outgoing.next(nowMs);
    if (!packet) break;
    phase.connection.send(packet.content, packet.contentBytes);
    context.report.moved('sent', packet.messages);
  }
  if (outgoing.isEmpty()) {
    if (link.finishing) phase.connection.end();
  } else if (hasRoom(link, phase.connection)) {
    schedulePump(link);
  }
}

/** Where there is none, the socket tells when it is drained. */
function hasRoom({ context }: LinkState, connection: Connection): boolean {
  return connection.backlogBytes() < context.tuning.backlogBytes;
}

function dial(link: LinkState, queueing: boolean): void {
  const { context, peer, lane, address } = link;
  const remote = { peer, lane };
  const connection = openConnection(context, connect(address), remote, {
    onOpen: () => opened(link, connection),
    onContent: () => undefined,
    onDrain: () => pump(link),
    onClose: (cause) => lost(link, cause),
  });
  const deadline = setTimeout(() => connection.destroy('timeout'), context.tuning.connectMs);
  link.phase = { name: 'dialling', connection, queueing, deadline };
}

function wake(link: LinkState): void {
  if (link.phase.name !== 'waiting') return;
  stopTimers(link);
  dial(link, false);
}

function opened(link: LinkState, connection: Connection): void {
  stopTimers(link);
  link.phase = { name: 'open', connection, sinceMs: link.context.nowMs() };
  log(link, 'info', 'bus connected');
  pump(link);
}

/** A connection that worked and was closed is dialled again at once; whatever else happened waits its turn. */
function lost(link: LinkState, cause: CloseCause): void {
  const { phase, context } = link;
  stopTimers(link);
  link.outgoing.restart();
  if (link.finishing) {
    close(link, cause);
    return;
  }
  const { redialMsMin, redialMsMax, heartbeatMs } = context.tuning;
  const worked = phase.name === 'open' && context.nowMs() - phase.sinceMs >= heartbeatMs;
  if (phase.name === 'open') log(link, 'warn', 'bus connection lost', cause);
  else if (peerState(link) === 'connecting') log(link, 'warn', 'bus peer cannot be reached', cause);
  if (worked) link.redialMs = redialMsMin;
  if (worked && cause === 'ended') {
    dial(link, true);
    return;
  }
  giveBackAll(link);
  link.phase = { name: 'waiting', redial: setTimeout(() => dial(link, false), link.redialMs) };
  link.redialMs = Math.min(redialMsMax, 2 * link.redialMs);
}

function finish(link: LinkState): Promise<void> {
  link.finishing = true;
  if (link.phase.name === 'open') pump(link);
  else if (link.phase.name === 'waiting' || link.outgoing.isEmpty()) close(link, 'closing');
  return link.closed;
}

function close(link: LinkState, cause: CloseCause): void {
  if (link.phase.name === 'closed') return;
  const connection = connectionOf(link);
  stopTimers(link);
  link.finishing = true;
  link.phase = { name: 'closed' };
  connection?.destroy(cause);
  giveBackAll(link);
  link.onClosed();
}

function giveBackAll(link: LinkState): void {
  for (const message of link.outgoing.drain()) link.context.giveBack(link.peer, message);
}

function stopTimers(link: LinkState): void {
  clearImmediate(link.pump);
  link.pump = undefined;
  if (link.phase.name === 'dialling') clearTimeout(link.phase.deadline);
  if (link.phase.name === 'waiting') clearTimeout(link.phase.redial);
}

function log(link: LinkState, level: 'info' | 'warn', message: string, cause?: CloseCause): void {
  link.context.report.log(level, message, { peer: link.peer, lane: link.lane, cause });
}
