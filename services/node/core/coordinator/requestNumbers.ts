import type { RequestNumber } from '../protocol/messages.js';

/**
 * Incarnations grow by at least one a second of life, and no node takes a million requests a second: numbers of two lives
 * never meet, and an answer to a request from before a restart finds nobody.
 */
const REQUESTS_PER_INCARNATION = 2 ** 20;

/** Numbers the requests of one life of a node. */
export class RequestNumbers {
  #last: RequestNumber;

  constructor(incarnation: number) {
    this.#last = incarnation * REQUESTS_PER_INCARNATION;
  }

  next(): RequestNumber {
    return ++this.#last;
  }
}
