import { createReassembler, type Reassembler } from '../../core/protocol/chunks.js';
import { decodeMessage } from '../../core/protocol/codec.js';
import type { Content } from '../../core/protocol/envelope.js';
import type { NodeId } from '../../core/types.js';
import { MAC_BYTES } from '../bus/authenticity.js';
import type { BusContext } from './context.js';
import { type Frame, openAck, openData, openWelcome, readFrame } from './frames.js';

/**
 * What the broker hands back because nobody is there. Nothing was kept of it: the messages are read out of this node's own
 * frames, and a large one comes back when all its chunks have.
 */

export interface Returned {
  onReturn(bytes: Uint8Array): void;
  expire(nowMs: number): void;
}

export interface ReturnedHandlers {
  /** A hello or data, by its dial or tag. */
  onLinkReturned(nonce: string): void;
  /** An answer to a sender. */
  onAnswerReturned(peer: NodeId): void;
}

interface ReturnedState {
  readonly context: BusContext;
  readonly handlers: ReturnedHandlers;
  readonly chunks: Reassembler;
}

const BYTES_MAX = 64 * 1024 * 1024;
const TRANSFERS_MAX = 256;

export function createReturned(context: BusContext, handlers: ReturnedHandlers): Returned {
  const limits = { bytesMax: BYTES_MAX, transfersMax: TRANSFERS_MAX, ageMsMax: context.tuning.transferAgeMs };
  const state: ReturnedState = { context, handlers, chunks: createReassembler(limits) };
  return {
    onReturn: (bytes) => {
      const frame = readFrame(bytes);
      if (frame) onReturn(state, frame);
    },
    expire: (nowMs) => void state.chunks.expire(nowMs),
  };
}

function onReturn(state: ReturnedState, { kind, nonce, bytes, authenticated }: Frame): void {
  const { handlers } = state;
  const body = authenticated ? bytes.subarray(0, bytes.length - MAC_BYTES) : bytes;
  switch (kind) {
    case 'hello':
      handlers.onLinkReturned(nonce);
      break;
    case 'welcome':
      handlers.onAnswerReturned(openWelcome(body).header.receiver);
      break;
    case 'ack':
      handlers.onAnswerReturned(openAck(body).envelope.header.receiver);
      break;
    case 'data': {
      const { header, content } = openData(body);
      giveBack(state, nonce, header.receiver, content);
      handlers.onLinkReturned(nonce);
      break;
    }
  }
}

function giveBack({ context, chunks }: ReturnedState, nonce: string, to: NodeId, content: Content): void {
  if ('messages' in content) {
    for (const { message } of content.messages) context.giveBack(to, message);
    return;
  }
  for (const chunk of content.chunks) {
    const result = chunks.accept(`${content.lane} ${nonce}`, chunk, context.nowMs());
    if (result.status === 'complete') context.giveBack(to, decodeMessage(result.bytes));
  }
}
