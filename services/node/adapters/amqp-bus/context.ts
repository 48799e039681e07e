import type { Lane } from '../../core/protocol/envelope.js';
import type { NodeId } from '../../core/types.js';
import type { SharedContext } from '../bus/context.js';
import type { WaitingLimits } from '../bus/outgoing.js';
import { WAITING_LIMITS } from '../bus/outgoing.js';

/** Times and bounds of a bus. The defaults are what a cluster runs with; tests shorten the times. */
export interface AmqpBusTuning {
  /** Between nodes; the broker's own heartbeat is another. */
  readonly heartbeatMs: number;
  /** A peer that acknowledged nothing for so long is taken for gone; what waits for it at the broker is dropped then. */
  readonly silenceMs: number;
  /** From a hello until the other side has proved who it is; messages wait for the first one. */
  readonly connectMs: number;
  readonly redialMsMin: number;
  readonly redialMsMax: number;
  /** From dialling a broker until all queues are there. */
  readonly brokerMs: number;
  readonly brokerRetryMsMin: number;
  readonly brokerRetryMsMax: number;
  readonly flushMs: number;
  readonly transferAgeMs: number;
  /** Other nodes that are heard at one time. */
  readonly sendersMax: number;
  readonly waiting: WaitingLimits;
  /**
   * Envelopes on their way to one peer that it has not acknowledged: this bounds what lies in the sockets and in the
   * broker's queue when a peer stops reading, and keeps bulk work from filling either.
   */
  readonly window: Readonly<Record<Lane, number>>;
}

export const DEFAULT_TUNING: AmqpBusTuning = {
  heartbeatMs: 1000,
  silenceMs: 5000,
  connectMs: 1000,
  redialMsMin: 50,
  redialMsMax: 1000,
  brokerMs: 5000,
  brokerRetryMsMin: 100,
  brokerRetryMsMax: 2000,
  flushMs: 1000,
  transferAgeMs: 30_000,
  sendersMax: 1024,
  waiting: WAITING_LIMITS,
  window: { fast: 128, large: 64, bulk: 16 },
};

export const LANES: readonly Lane[] = ['fast', 'large', 'bulk'];

export type BusContext = SharedContext<AmqpBusTuning>;

/** The way to other nodes, as far as it is open. */
export interface Carrier {
  /** 'blocked': the broker has no memory or disk left and takes nothing. */
  state(): 'away' | 'ready' | 'blocked';
  /** Whether enough of what was published on a lane has reached the socket. */
  hasRoom(lane: Lane): boolean;
  /** Where the broker is not ready, or loses it, the frame is lost. */
  publish(lane: Lane, to: NodeId, frame: Uint8Array): void;
}
