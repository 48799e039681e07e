import type { SharedContext } from '../bus/context.js';
import type { WaitingLimits } from '../bus/outgoing.js';
import { WAITING_LIMITS } from '../bus/outgoing.js';

/** Times and bounds of a bus. The defaults are what a cluster runs with; tests shorten the times. */
export interface TcpBusTuning {
  readonly heartbeatMs: number;
  /** A connection on which nothing was heard for so long is closed. */
  readonly silenceMs: number;
  /** An accepted connection that has not said who it is by then is closed. */
  readonly helloMs: number;
  /** From dialling until the other side has proved who it is. */
  readonly connectMs: number;
  readonly redialMsMin: number;
  readonly redialMsMax: number;
  readonly flushMs: number;
  readonly transferAgeMs: number;
  /** Connections of other nodes at one time, three for each of them as a rule. */
  readonly acceptedMax: number;
  readonly waiting: WaitingLimits;
  /** What may wait in a socket beyond what the kernel took; more stays in the queue. */
  readonly backlogBytes: number;
}

export const DEFAULT_TUNING: TcpBusTuning = {
  heartbeatMs: 1000,
  silenceMs: 5000,
  helloMs: 5000,
  connectMs: 1000,
  redialMsMin: 50,
  redialMsMax: 1000,
  flushMs: 1000,
  transferAgeMs: 30_000,
  acceptedMax: 768,
  waiting: WAITING_LIMITS,
  backlogBytes: 1024 * 1024,
};

export type BusContext = SharedContext<TcpBusTuning>;
