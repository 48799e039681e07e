import type { ByteWriter } from '../../core/protocol/bytes.js';
import { mac } from '../bus/authenticity.js';

/** The stream between two nodes: frames behind their length, each with a code of authenticity where there is a secret. */

export const LENGTH_BYTES = 4;
/** No frame is longer; an envelope of the largest batch or chunk is well below. */
export const FRAME_BYTES_MAX = 128 * 1024;

/** Takes in what a socket gave. False: the stream announces a frame beyond the bound, and is of no use any more. */
type FeedFrames = (data: Uint8Array) => boolean;

/**
 * Cuts a stream into frames. `onFrame` gives the bound of the next frame's length in bytes, 0 to hear of no more.
 * Frames that arrive whole share memory with the input; others are copied once.
 */
export function createFrameReader(firstBytesMax: number, onFrame: (frame: Uint8Array) => number): FeedFrames {
  const head = new Uint8Array(LENGTH_BYTES);
  let headFilled = 0;
  let body: Uint8Array | undefined;
  let bodyFilled = 0;
  let bytesMax = firstBytesMax;

  /** Consumes bytes of a frame that is not here as a whole; gives the offset behind them. */
  function collect(data: Uint8Array, offset: number, target: Uint8Array, filled: number): number {
    const end = Math.min(data.length, offset + target.length - filled);
    target.set(data.subarray(offset, end), filled);
    return end;
  }

  return (data) => {
    let at = 0;
    while (at < data.length && bytesMax > 0) {
      if (body) {
        const end = collect(data, at, body, bodyFilled);
        bodyFilled += end - at;
        at = end;
        if (bodyFilled < body.length) continue;
        const frame = body;
        body = undefined;
        bytesMax = onFrame(frame);
        continue;
      }
      let length: number;
      if (headFilled === 0 && data.length - at >= LENGTH_BYTES) {
        length = lengthAt(data, at);
        at += LENGTH_BYTES;
      } else {
        const end = collect(data, at, head, headFilled);
        headFilled += end - at;
        at = end;
        if (headFilled < LENGTH_BYTES) continue;
        headFilled = 0;
        length = lengthAt(head, 0);
      }
      if (length === 0 || length > bytesMax) return false;
      if (data.length - at >= length) {
        at += length;
        bytesMax = onFrame(data.subarray(at - length, at));
      } else {
        body = new Uint8Array(length);
        bodyFilled = 0;
      }
    }
    return true;
  };
}

/**
 * Ends a frame whose body was written behind {@link LENGTH_BYTES} bytes of room: adds the code and fills in the length.
 */
export function finishFrame(out: ByteWriter, key: Uint8Array | undefined): Uint8Array {
  if (key) out.raw(mac(key, out.bytes().subarray(LENGTH_BYTES)));
  return out.putU32(0, out.length - LENGTH_BYTES).bytes();
}

function lengthAt(bytes: Uint8Array, at: number): number {
  let length = 0;
  for (let i = at; i < at + LENGTH_BYTES; i++) length = length * 0x100 + (bytes[i] ?? 0);
  return length;
}
