import type { HttpLimits } from './limits.js';

/** What one exchange takes up. */
export interface Holding {
  /** Counts towards `requestsMax`. */
  admitted: boolean;
  /** Counted towards `bytesMax`. */
  bytes: number;
}

/** How much more may be live (I14): requests, and the bytes of their bodies and replies. */
export interface Room {
  /** Counts the exchange as live, or says which bound forbids it. `bytes`: of its body, where known. */
  admit(holding: Holding, bytes: number): 'requests' | 'bytes' | undefined;
  /** Counts further bytes; false, and nothing counted, where they would exceed the bound. */
  hold(holding: Holding, bytes: number): boolean;
  /** Counts the exchange no longer. Idempotent. */
  discount(holding: Holding): void;
}

export function createRoom({ requestsMax, bytesMax }: HttpLimits): Room {
  let requests = 0;
  let bytesHeld = 0;

  function hold(holding: Holding, bytes: number): boolean {
    if (bytesHeld + bytes > bytesMax) return false;
    bytesHeld += bytes;
    holding.bytes += bytes;
    return true;
  }

  return {
    hold,
    admit(holding, bytes) {
      if (requests >= requestsMax) return 'requests';
      if (!hold(holding, bytes)) return 'bytes';
      holding.admitted = true;
      requests++;
      return undefined;
    },
    discount(holding) {
      if (holding.admitted) requests--;
      bytesHeld -= holding.bytes;
      holding.admitted = false;
      holding.bytes = 0;
    },
  };
}
