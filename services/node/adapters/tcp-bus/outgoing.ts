import type { Chunk } from '../../core/protocol/chunks.js';
import { chunkOf } from '../../core/protocol/chunks.js';
import { encodeMessage } from '../../core/protocol/codec.js';
import type { Lane, Parcel } from '../../core/protocol/envelope.js';
import { BATCH_BYTES_MAX, BATCH_MESSAGES_MAX, PARCEL_OVERHEAD_BYTES } from '../../core/protocol/envelope.js';
import type { Message } from '../../core/protocol/messages.js';
import type { Content } from './session.js';

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

export interface OutgoingLimits {
  readonly messagesMax: number;
  readonly bytesMax: number;
}

export function createOutgoing(lane: Lane, limits: OutgoingLimits, onExpired: () => void): Outgoing {
  const queue = createQueue(limits, onExpired);
  return lane === 'fast' ? createBatches(queue) : createTransfers(queue);
}

function createBatches(queue: Queue): Outgoing {
  return {
    offer: (waiting) => queue.offer(waiting),
    next: (nowMs) => nextBatch(queue, nowMs),
    isEmpty: () => queue.isEmpty(),
    restart: () => undefined,
    drain: () => queue.drain(),
  };
}

function nextBatch(queue: Queue, nowMs: number): Packet | undefined {
  const messages: Parcel[] = [];
  let contentBytes = 0;
  while (messages.length < BATCH_MESSAGES_MAX) {
    const waiting = queue.peek(nowMs);
    if (!waiting || (messages.length > 0 && contentBytes + waiting.sizeBytes > BATCH_BYTES_MAX)) break;
    queue.take();
    messages.push({ message: waiting.message, remainingMs: waiting.deadlineMs - nowMs });
    contentBytes += waiting.sizeBytes + PARCEL_OVERHEAD_BYTES;
  }
  if (messages.length === 0) return undefined;
  return { content: { lane: 'fast', messages }, contentBytes, messages: messages.length };
}

/** The message under way stays at the head of the queue until its last chunk is handed over. */
function createTransfers(queue: Queue): Outgoing {
  let encoded: Uint8Array | undefined;
  let transferId = 0;
  let index = 0;

  function restart(): void {
    encoded = undefined;
    index = 0;
  }

  function nextChunk(nowMs: number): { chunk: Chunk; last: boolean } | undefined {
    // Half of a message is of no use: once begun it is finished, expired or not.
    const waiting = encoded ? queue.head() : queue.peek(nowMs);
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
    return { chunk, last };
  }

  return {
    offer: (waiting) => queue.offer(waiting),
    next: (nowMs) => {
      const next = nextChunk(nowMs);
      if (!next) return undefined;
      const contentBytes = next.chunk.bytes.length + PARCEL_OVERHEAD_BYTES;
      return { content: { lane: 'large', chunks: [next.chunk] }, contentBytes, messages: next.last ? 1 : 0 };
    },
    isEmpty: () => queue.isEmpty(),
    restart,
    drain: () => {
      restart();
      return queue.drain();
    },
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
