import type { RequestNumber } from '../protocol/messages.js';
import type { Actor } from '../types.js';

/**
 * Incarnations grow by at least one a second of life, and no node takes half a million requests a second: numbers of two
 * lives on one directory never meet, and an answer to a request from before a restart finds nobody.
 */
const REQUESTS_PER_INCARNATION = 2 ** 20;
/** A directory that is made anew may repeat an incarnation of the lost one; its lives begin elsewhere in the first half. */
const OFFSETS = REQUESTS_PER_INCARNATION / 2;

/** Numbers the requests of one life of a node. */
export class RequestNumbers {
  #last: RequestNumber;

  /** @param spareActor random for each life */
  constructor(incarnation: number, spareActor: Actor) {
    const offset = Number.parseInt(spareActor.slice(0, 5), 16) % OFFSETS;
    this.#last = incarnation * REQUESTS_PER_INCARNATION + offset;
  }

  next(): RequestNumber {
    return ++this.#last;
  }
}
