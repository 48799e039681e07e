import { requestError, type RequestError } from '../errors.js';
import type { ForwardAnswer, PutOutcome } from '../protocol/messages.js';
import type { Origin } from './puts.js';

/** Answers to a PUT that no machine was started for. */

export function done(outcome: PutOutcome): ForwardAnswer {
  return { status: 'done', outcome };
}

/** A peer may try another primary; a client is told. */
export function refuseOrDecline(origin: Origin, refusal: RequestError): ForwardAnswer {
  return origin.for === 'peer' ? { status: 'declined' } : done(refusal);
}

/** More replicas are wanted than there are, or none. */
export function badQuorum(replicas: number): RequestError {
  return requestError('invalid_quorum', { detail: `this cluster keeps ${replicas} replicas of a key` });
}
