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
    this.#last = incarnation * REQUESTS_PER_INCARNATION + offsetOf(spareActor);
  }

  next(): RequestNumber {
    return ++this.#last;
  }
}

function offsetOf(actor: Actor): number {
  let offset = 0;
  for (let i = 0; i < actor.length; i++) offset = (offset * 31 + actor.charCodeAt(i)) % OFFSETS;
  return offset;
}
