import { messageBytes, MESSAGE_BYTES_MAX } from '../../core/protocol/codec.js';
import type { Lane } from '../../core/protocol/envelope.js';
import type { Message } from '../../core/protocol/messages.js';
import { isLarge } from './outgoing.js';
import type { Reporter } from './reporter.js';

/** Upper bound of the encoded size, or undefined where the message cannot travel: a fault of the caller, not its crash. */
export function sizeOf(report: Reporter, message: Message): number | undefined {
  try {
    const bytes = messageBytes(message);
    if (bytes <= MESSAGE_BYTES_MAX) return bytes;
    report.log('error', 'bus message is too large', { type: message.type, bytes });
  } catch (error) {
    report.log('error', 'bus message cannot be encoded', { type: message.type, error: String(error) });
  }
  return undefined;
}

export function laneOf(sizeBytes: number, bulk: boolean): Lane {
  if (bulk) return 'bulk';
  return isLarge({ sizeBytes }) ? 'large' : 'fast';
}
