import type { Content, Envelope, Lane } from '../../core/protocol/envelope.js';
import type { NodeId } from '../../core/types.js';
import type { BusHandlers } from '../../ports/bus.js';
import { authenticate } from '../bus/authenticity.js';
import { createIntake, type Intake } from '../bus/intake.js';
import { misaddressed } from '../bus/localNode.js';
import type { Rejection } from '../bus/reporter.js';
import type { Ticking } from '../bus/ticking.js';
import type { BusContext, Carrier } from './context.js';
import { LANES } from './context.js';
import type { Frame } from './frames.js';
import { freshNonce, helloKey, openData, openHello, sealAck, sealWelcome, sessionKey } from './frames.js';

/**
 * The receiving half: who may send to this node, under which tag, and how much of it has come. A sender proves itself by its
 * first data under a tag that was made for it; then what it sent under an older tag counts no more.
 */

export interface Senders extends Ticking {
  onHello(frame: Frame): void;
  onData(lane: Lane, frame: Frame): void;
  /** What this node said to a sender came back: it is gone. */
  forget(peer: NodeId): void;
  /** The connection to the broker is lost, and with it everything that was on its way. */
  forgetAll(): void;
}

interface Session {
  readonly peer: NodeId;
  readonly dial: string;
  readonly tag: string;
  readonly key: Uint8Array | undefined;
  readonly received: Record<Lane, number>;
  /** Envelopes since the last acknowledgement. */
  readonly owed: Record<Lane, number>;
  acks: number;
  heardMs: number;
  ack: NodeJS.Immediate | undefined;
}

/** `current` has proved itself; `greeted` was made an answer to its hello, and has not. */
interface Sender {
  current?: Session;
  greeted?: Session;
}

interface SendersState {
  readonly context: BusContext;
  readonly carrier: Carrier;
  readonly intake: Intake;
  readonly onPeer: (peer: NodeId) => void;
  readonly helloKey: Uint8Array | undefined;
  readonly byPeer: Map<NodeId, Sender>;
  readonly byTag: Map<string, Session>;
}

/** Parts of a window: a sender hears of room long before it has none. */
const ACKS_PER_WINDOW = 4;

/** `onPeer`: a peer has just said hello. */
export function createSenders(
  context: BusContext,
  carrier: Carrier,
  onMessage: BusHandlers['onMessage'],
  onPeer: (peer: NodeId) => void,
): Senders {
  const { report, nowMs, tuning, node } = context;
  const state: SendersState = {
    ...{ context, carrier, onPeer, helloKey: helloKey(node.secret), byPeer: new Map(), byTag: new Map() },
    intake: createIntake({ report, nowMs, onMessage, transferAgeMs: tuning.transferAgeMs }),
  };
  return {
    onHello: (frame) => onHello(state, frame),
    onData: (lane, frame) => onData(state, lane, frame),
    forget: (peer) => forget(state, peer),
    forgetAll: () => [...state.byPeer.keys()].forEach((peer) => forget(state, peer)),
    tick: (now) => tick(state, now),
    excuse: (now) => state.byTag.forEach((session) => (session.heardMs = now)),
  };
}

function onHello(state: SendersState, frame: Frame): void {
  const { context, carrier } = state;
  const body = authenticate(frame.bytes, state.helloKey);
  if (!body) {
    context.report.reject('mac');
    return;
  }
  const envelope = openHello(body);
  const peer = envelope.header.sender;
  const reason = unwelcome(state, envelope);
  if (reason) {
    reject(state, reason, envelope);
    return;
  }
  const { dial, tag } = greet(state, peer, frame.nonce);
  carrier.publish('fast', peer, sealWelcome(context.node, peer, dial, tag));
  state.onPeer(peer);
}

function unwelcome({ context, byPeer }: SendersState, envelope: Envelope): Rejection | undefined {
  const peer = envelope.header.sender;
  if (!context.admits(peer)) return 'sender';
  if (!byPeer.has(peer) && byPeer.size >= context.tuning.sendersMax) return 'too_many';
  return misaddressed(context.node, envelope);
}

/** The same hello again gets the same tag. */
function greet(state: SendersState, peer: NodeId, dial: string): Session {
  const sender = state.byPeer.get(peer) ?? {};
  const known = [sender.current, sender.greeted].find((session) => session?.dial === dial);
  if (known) return known;
  const { node, nowMs } = state.context;
  const tag = freshNonce();
  const session: Session = {
    ...{
      peer,
      dial,
      tag,
      key: sessionKey(node.secret, dial, tag),
      acks: 0,
      heardMs: nowMs(),
      ack: undefined,
    },
    received: { fast: 0, large: 0, bulk: 0 },
    owed: { fast: 0, large: 0, bulk: 0 },
  };
  end(state, sender.greeted);
  state.byPeer.set(peer, { ...sender, greeted: session });
  state.byTag.set(tag, session);
  return session;
}

function onData(state: SendersState, lane: Lane, frame: Frame): void {
  const { report } = state.context;
  const session = state.byTag.get(frame.nonce);
  if (!session) {
    report.reject('stale');
    return;
  }
  const { peer } = session;
  const body = authenticate(frame.bytes, session.key);
  if (!body) {
    report.reject('mac', { peer });
    return;
  }
  const envelope = openData(body, () => report.reject('message', { peer }));
  const reason = misaddressed(state.context.node, envelope) ?? misspoken(session, lane, envelope);
  if (reason) {
    reject(state, reason, envelope);
    return;
  }
  prove(state, session);
  count(state, session, envelope);
  if (!isEmpty(envelope.content)) state.intake.take(session.tag, peer, envelope.content);
}

function misspoken(session: Session, lane: Lane, { header, content }: Envelope): Rejection | undefined {
  if (header.sender !== session.peer || content.lane !== lane) return 'sender';
  return header.counter > session.received[lane] ? undefined : 'replay';
}

function prove(state: SendersState, session: Session): void {
  const sender = state.byPeer.get(session.peer);
  if (sender?.greeted !== session) return;
  end(state, sender.current);
  state.byPeer.set(session.peer, { current: session });
}

/** Heartbeats are answered at once, in one turn together; other envelopes when a part of the window is used. */
function count(state: SendersState, session: Session, { header, content }: Envelope): void {
  const { nowMs, tuning } = state.context;
  const { lane } = content;
  session.received[lane] = header.counter;
  session.heardMs = nowMs();
  session.owed[lane]++;
  if (!isEmpty(content) && session.owed[lane] * ACKS_PER_WINDOW < tuning.window[lane]) return;
  session.ack ??= setImmediate(() => acknowledge(state, session));
}

function acknowledge({ context, carrier }: SendersState, session: Session): void {
  const { peer, tag, key, received } = session;
  session.ack = undefined;
  LANES.forEach((lane) => (session.owed[lane] = 0));
  const sealing = { kind: 'ack' as const, nonce: tag, to: peer, key, counter: ++session.acks };
  carrier.publish('fast', peer, sealAck(context.node, sealing, received));
}

function isEmpty(content: Content): boolean {
  return ('messages' in content ? content.messages : content.chunks).length === 0;
}

function reject({ context }: SendersState, reason: Rejection, { header }: Envelope): void {
  const { sender: peer, clusterId } = header;
  context.report.reject(reason, { peer, clusterId });
}

function forget(state: SendersState, peer: NodeId): void {
  const sender = state.byPeer.get(peer);
  state.byPeer.delete(peer);
  end(state, sender?.current);
  end(state, sender?.greeted);
}

function end(state: SendersState, session: Session | undefined): void {
  if (!session) return;
  clearImmediate(session.ack);
  state.byTag.delete(session.tag);
  state.intake.forget(session.tag);
}

/** Twice the patience of the senders: they know first. */
function tick(state: SendersState, nowMs: number): void {
  state.intake.expire(nowMs);
  const { silenceMs } = state.context.tuning;
  for (const session of state.byTag.values()) {
    if (nowMs - session.heardMs < 2 * silenceMs) continue;
    const { current } = state.byPeer.get(session.peer) ?? {};
    if (current === undefined || current === session) forget(state, session.peer);
    else end(state, session);
  }
}
