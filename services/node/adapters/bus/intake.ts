import { DecodeError } from '../../core/protocol/bytes.js';
import type { Chunk, Reassembler } from '../../core/protocol/chunks.js';
import { createReassembler } from '../../core/protocol/chunks.js';
import { decodeMessage, MESSAGE_BYTES_MAX } from '../../core/protocol/codec.js';
import type { Content } from '../../core/protocol/envelope.js';
import type { Message } from '../../core/protocol/messages.js';
import type { NodeId } from '../../core/types.js';
import type { BusHandlers } from '../../ports/bus.js';
import type { Reporter } from './reporter.js';

/**
 * What was received, on its way to the core: batches as they are, large messages put together again. What a peer sends
 * cannot cost more than its bounds, and never ends the process.
 */

export interface Intake {
  /** `source`: the connection or session that the content came by; transfers belong to it. */
  take(source: string, from: NodeId, content: Content): void;
  /** A source that is gone: what it left unfinished is dropped. */
  forget(source: string): void;
  /** Drops what was not finished in time. */
  expire(nowMs: number): void;
}

export interface IntakeOptions {
  readonly report: Reporter;
  readonly nowMs: () => number;
  readonly onMessage: BusHandlers['onMessage'];
  readonly transferAgeMs: number;
}

type ChunkLane = Extract<Content, { chunks: unknown }>['lane'];

interface IntakeState extends IntakeOptions {
  /** One for each lane: bulk work must not take the room of requests. */
  readonly reassemblers: Readonly<Record<ChunkLane, Reassembler>>;
}

/** One largest message, and others beside it. */
const REASSEMBLY_BYTES_MAX = MESSAGE_BYTES_MAX + 64 * 1024 * 1024;
const TRANSFERS_MAX = 256;

export function createIntake(options: IntakeOptions): Intake {
  const limits = {
    bytesMax: REASSEMBLY_BYTES_MAX,
    transfersMax: TRANSFERS_MAX,
    ageMsMax: options.transferAgeMs,
  };
  const [large, bulk] = [createReassembler(limits), createReassembler(limits)];
  const state: IntakeState = { ...options, reassemblers: { large, bulk } };
  return {
    take: (source, from, content) => take(state, source, from, content),
    forget: (source) => {
      large.forget(source);
      bulk.forget(source);
    },
    expire: (nowMs) => {
      for (let dropped = large.expire(nowMs) + bulk.expire(nowMs); dropped > 0; dropped--) {
        options.report.reject('transfer', { detail: 'not finished in time' });
      }
    },
  };
}

function take(state: IntakeState, source: string, from: NodeId, content: Content): void {
  if ('chunks' in content) {
    const reassembler = state.reassemblers[content.lane];
    for (const chunk of content.chunks) onChunk(state, reassembler, source, from, chunk);
    return;
  }
  state.report.moved('received', content.messages.length);
  for (const { message, remainingMs } of content.messages) {
    state.onMessage(from, message, remainingMs);
  }
}

function onChunk(
  state: IntakeState,
  reassembler: Reassembler,
  source: string,
  peer: NodeId,
  chunk: Chunk,
): void {
  const { report, nowMs } = state;
  const result = reassembler.accept(source, chunk, nowMs());
  if (result.status === 'refused') report.reject('transfer', { peer });
  if (result.status !== 'complete') return;
  const message = decoded(state, peer, result.bytes);
  if (!message) return;
  report.moved('received', 1);
  state.onMessage(peer, message, result.remainingMs);
}

function decoded({ report }: IntakeState, peer: NodeId, bytes: Uint8Array): Message | undefined {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    report.reject('message', { peer });
    return undefined;
  }
}
