import type { RequestNumber } from '../protocol/messages.js';
import type { NodeId } from '../types.js';

/** Of one sender. */
interface Seen {
  readonly numbers: Set<RequestNumber>;
  /** The greatest number that was forgotten. */
  forgotten: RequestNumber;
}

/** Far more than a sender can have under way within the deadline of a request. */
const NUMBERS_MAX = 16_384;

/**
 * Which forwarded PUTs have come to this node already. The bus may deliver one twice, and it must not be carried out
 * twice: its second copy would find the first and be refused as stale, or become its own sibling (I3, I5); and a node
 * that declined the first copy must decline for good, since the forwarder has gone on to another (R6).
 */
export class SeenForwards {
  readonly #bySender = new Map<NodeId, Seen>();
  readonly #numbersMax: number;

  constructor(numbersMax = NUMBERS_MAX) {
    this.#numbersMax = numbersMax;
  }

  /**
   * Whether this is the first copy. Request numbers grow over the restarts of their sender, so that one below those
   * that were forgotten is taken for a second copy: for its sender that is silence, which is always safe (R6).
   */
  isFirst(sender: NodeId, request: RequestNumber): boolean {
    const seen = this.#of(sender);
    if (request <= seen.forgotten || seen.numbers.has(request)) return false;
    seen.numbers.add(request);
    if (seen.numbers.size > this.#numbersMax) forgetOldest(seen);
    return true;
  }

  #of(sender: NodeId): Seen {
    const known = this.#bySender.get(sender);
    if (known) return known;
    const seen = { numbers: new Set<RequestNumber>(), forgotten: 0 };
    this.#bySender.set(sender, seen);
    return seen;
  }
}

/** A set keeps the order of arrival. */
function forgetOldest(seen: Seen): void {
  for (const oldest of seen.numbers) {
    seen.numbers.delete(oldest);
    seen.forgotten = Math.max(seen.forgotten, oldest);
    return;
  }
}
