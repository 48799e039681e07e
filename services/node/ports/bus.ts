import type { Message } from '../core/protocol/messages.js';
import type { NodeId } from '../core/types.js';

export interface BusHandlers {
  onMessage(from: NodeId, message: Message, remainingMs: number): void;
  /** The message was certainly not delivered: its destination is closed, unknown, or over its bound. */
  onUnroutable(to: NodeId, message: Message): void;
}

export type PeerState = 'connected' | 'connecting' | 'unreachable';

/**
 * Carries messages to other nodes: at most once, unordered, possibly twice. What cannot be routed comes back at once as
 * unroutable; what was handed over and lost does not come back. Handlers are never called from inside `send`.
 */
export interface Bus {
  /**
   * Never throws and never blocks. `remainingMs` is what is left of the request's deadline; expired messages are dropped.
   * `bulk` messages have a lane of their own with its own flow control, so that they never stand in the way of requests.
   */
  send(to: NodeId, message: Message, remainingMs: number, bulk?: boolean): void;
  /** The node is to be found there from now on; one that was there already is left as it is. Never throws. */
  connect(node: NodeId, address: string): void;
  /** What the bus itself sees of every other node. */
  peers(): ReadonlyMap<NodeId, PeerState>;
  /** Stops taking messages, flushes what is queued for at most a second, closes every connection. Idempotent. */
  close(): Promise<void>;
}
