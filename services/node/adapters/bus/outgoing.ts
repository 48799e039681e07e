import { chunkOf } from '../../core/protocol/chunks.js';
import { encodeMessage } from '../../core/protocol/codec.js';
import type { Content, Lane, Parcel } from '../../core/protocol/envelope.js';
import { BATCH_BYTES_MAX, BATCH_MESSAGES_MAX, PARCEL_OVERHEAD_BYTES } from '../../core/protocol/envelope.js';
import type { Message } from '../../core/protocol/messages.js';

/**
 * What waits for one destination on one lane, bounded in messages and bytes (I14), and how it is packed into frames.
 * Nothing waits beyond its own deadline: an expired message is dropped when its turn comes.
 */

export interface Waiting {
  readonly message: Message;
  /** Upper bound of the encoded length. */
  readonly sizeBytes: number;
  readonly deadlineMs: number;
}

export interface Packet {
  readonly content: Content;
  readonly contentBytes: number;
  /** Messages that this packet carries the last part of. */
  readonly messages: number;
}

export interface Outgoing {
  /** False where the message does not fit. */
  offer(waiting: Waiting): boolean;
  /** The next frame's content, or undefined when there is nothing to send. */
  next(nowMs: number): Packet | undefined;
  isEmpty(): boolean;
  /** The connection was lost: what was sent in part starts again. */
  restart(): void;
  /** Everything not wholly handed over; nothing waits afterwards. */
  drain(): Message[];
}

interface OutgoingLimits {
  readonly messagesMax: number;
  readonly bytesMax: number;
}

/** What may wait for one destination, in messages and in bytes; one message may be larger when nothing else waits. */
export type WaitingLimits = Readonly<Record<Lane, OutgoingLimits>>;

export const WAITING_LIMITS: WaitingLimits = {
  fast: { messagesMax: 16_384, bytesMax: 8 * 1024 * 1024 },
  large: { messagesMax: 256, bytesMax: 64 * 1024 * 1024 },
  bulk: { messagesMax: 4096, bytesMax: 16 * 1024 * 1024 },
};

export function createOutgoing(lane: Lane, limits: OutgoingLimits, onExpired: () => void): Outgoing {
  const queue = createQueue(limits, onExpired);
  const transfer = createTransfer(queue, lane === 'bulk' ? lane : 'large');
  const batchLane = lane === 'bulk' ? lane : 'fast';
  return {
    offer: (waiting) => queue.offer(waiting),
    next: (nowMs) => {
      if (transfer.isUnderWay()) return transfer.next(nowMs);
      const oldest = queue.peek(nowMs);
      if (!oldest) return undefined;
      return isLarge(oldest) ? transfer.next(nowMs) : nextBatch(queue, batchLane, nowMs);
    },
    isEmpty: () => queue.isEmpty(),
    restart: () => transfer.restart(),
    drain: () => {
      transfer.restart();
      return queue.drain();
    },
  };
}

/** Too large for a batch. */
export function isLarge({ sizeBytes }: Pick<Waiting, 'sizeBytes'>): boolean {
  return sizeBytes > BATCH_BYTES_MAX;
}

function nextBatch(queue: Queue, lane: 'fast' | 'bulk', nowMs: number): Packet | undefined {
  const messages: Parcel[] = [];
  let contentBytes = 0;
  while (messages.length < BATCH_MESSAGES_MAX) {
    const waiting = queue.peek(nowMs);
    if (!waiting || (messages.length > 0 && contentBytes + waiting.sizeBytes > BATCH_BYTES_MAX)) break;
    queue.take();
    messages.push({ message: waiting.message, remainingMs: waiting.deadlineMs - nowMs });
    contentBytes += waiting.sizeBytes + PARCEL_OVERHEAD_BYTES;
  }
  return { content: { lane, messages }, contentBytes, messages: messages.length };
}

/** One large message on its way in chunks: it stays at the head of the queue until the last one is handed over. */
interface Transfer {
  isUnderWay(): boolean;
  /** The next chunk of the message at the head. */
  next(nowMs: number): Packet | undefined;
  restart(): void;
}

function createTransfer(queue: Queue, lane: 'large' | 'bulk'): Transfer {
  let encoded: Uint8Array | undefined;
  let transferId = 0;
  let index = 0;

  function restart(): void {
    encoded = undefined;
    index = 0;
  }

  return {
    // Half of a message is of no use: once begun it is finished, expired or not.
    isUnderWay: () => encoded !== undefined,
    next: (nowMs) => {
      const waiting = queue.head();
      if (!waiting) return undefined;
      if (!encoded) {
        encoded = encodeMessage(waiting.message);
        transferId++;
      }
      const chunk = chunkOf(encoded, transferId, index++, waiting.deadlineMs - nowMs);
      const last = index === chunk.count;
      if (last) {
        queue.take();
        restart();
      }
      const contentBytes = chunk.bytes.length + PARCEL_OVERHEAD_BYTES;
      return { content: { lane, chunks: [chunk] }, contentBytes, messages: last ? 1 : 0 };
    },
    restart,
  };
}

interface Queue {
  offer(waiting: Waiting): boolean;
  /** The oldest one as it is. */
  head(): Waiting | undefined;
  /** The oldest one that has not expired; drops those that have. */
  peek(nowMs: number): Waiting | undefined;
  take(): void;
  isEmpty(): boolean;
  drain(): Message[];
}

function createQueue(limits: OutgoingLimits, onExpired: () => void): Queue {
  let items: Waiting[] = [];
  /** Index of the oldest: taking from the front of an array would move all others. */
  let front = 0;
  let bytes = 0;

  const isEmpty = () => front === items.length;

  function take(): void {
    bytes -= items[front]?.sizeBytes ?? 0;
    front++;
    if (isEmpty()) items = [];
    else if (front >= COMPACT_AT) items = items.slice(front);
    else return;
    front = 0;
  }

  return {
    offer: (waiting) => {
      // One that is larger than the bound may go alone.
      const overBytes = bytes + waiting.sizeBytes > limits.bytesMax && !isEmpty();
      if (overBytes || items.length - front >= limits.messagesMax) return false;
      items.push(waiting);
      bytes += waiting.sizeBytes;
      return true;
    },
    head: () => items[front],
    peek: (nowMs) => {
      for (;;) {
        const oldest = items[front];
        if (!oldest || oldest.deadlineMs > nowMs) return oldest;
        onExpired();
        take();
      }
    },
    take,
    isEmpty,
    drain: () => {
      const messages = items.slice(front).map(({ message }) => message);
      items = [];
      front = 0;
      bytes = 0;
      return messages;
    },
  };
}

const COMPACT_AT = 1024;
