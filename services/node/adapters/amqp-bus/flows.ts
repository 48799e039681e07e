import type { Lane } from '../../core/protocol/envelope.js';
import type { Message } from '../../core/protocol/messages.js';
import type { Packet, Waiting } from '../bus/outgoing.js';
import { createOutgoing, type Outgoing } from '../bus/outgoing.js';
import type { BusContext } from './context.js';
import { LANES } from './context.js';
import type { Acknowledged } from './frames.js';

/** What waits for one peer on each lane, and how much of it may be on its way: a window of unacknowledged envelopes. */
export interface Flows {
  /** False where the message does not fit. */
  offer(lane: Lane, waiting: Waiting): boolean;
  /** The next envelope's content, or undefined where nothing waits or the window is full. */
  next(lane: Lane, nowMs: number): Packet | undefined;
  /** Whether something waits that the window has room for. */
  mayGoOn(lane: Lane): boolean;
  isIdle(): boolean;
  /** The number of an envelope that is sent now. */
  count(lane: Lane, nowMs: number): number;
  onAck(acknowledged: Acknowledged, nowMs: number): void;
  /** Whether something was owed an acknowledgement for so long on some lane, and none came. */
  isSilent(silenceMs: number, nowMs: number): boolean;
  excuse(nowMs: number): void;
  /** A new session: all is counted from the start. */
  restart(nowMs: number): void;
  /** Everything not wholly published; nothing waits afterwards. */
  drain(): Message[];
}

interface Flow {
  readonly outgoing: Outgoing;
  readonly window: number;
  sent: number;
  acknowledged: number;
  /** When the peer last acknowledged something, or began to owe it. */
  progressMs: number;
}

export function createFlows({ tuning, report }: BusContext): Flows {
  const open = (lane: Lane): Flow => {
    const outgoing = createOutgoing(lane, tuning.waiting[lane], () => report.moved('expired', 1));
    return { outgoing, window: tuning.window[lane], sent: 0, acknowledged: 0, progressMs: 0 };
  };
  const flows: Readonly<Record<Lane, Flow>> = {
    fast: open('fast'),
    large: open('large'),
    bulk: open('bulk'),
  };
  const all = LANES.map((lane) => flows[lane]);
  return {
    offer: (lane, waiting) => flows[lane].outgoing.offer(waiting),
    next: (lane, nowMs) => (hasRoom(flows[lane]) ? flows[lane].outgoing.next(nowMs) : undefined),
    mayGoOn: (lane) => hasRoom(flows[lane]) && !flows[lane].outgoing.isEmpty(),
    isIdle: () => all.every(({ outgoing }) => outgoing.isEmpty()),
    count: (lane, nowMs) => count(flows[lane], nowMs),
    onAck: (acknowledged, nowMs) => LANES.forEach((lane) => onAck(flows[lane], acknowledged[lane], nowMs)),
    isSilent: (silenceMs, nowMs) =>
      all.some((flow) => flow.sent > flow.acknowledged && nowMs - flow.progressMs >= silenceMs),
    excuse: (nowMs) => all.forEach((flow) => (flow.progressMs = nowMs)),
    restart: (nowMs) =>
      all.forEach((flow) => Object.assign(flow, { sent: 0, acknowledged: 0, progressMs: nowMs })),
    drain: () => all.flatMap(({ outgoing }) => outgoing.drain()),
  };
}

function hasRoom({ sent, acknowledged, window }: Flow): boolean {
  return sent - acknowledged < window;
}

function count(flow: Flow, nowMs: number): number {
  if (flow.sent === flow.acknowledged) flow.progressMs = nowMs;
  return ++flow.sent;
}

function onAck(flow: Flow, acknowledged: number, nowMs: number): void {
  if (acknowledged <= flow.acknowledged || acknowledged > flow.sent) return;
  flow.acknowledged = acknowledged;
  flow.progressMs = nowMs;
}
