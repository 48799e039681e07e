import type { Ticket } from '../protocol/events.js';
import type { PutRequest, RequestNumber } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { NodeId } from '../types.js';
import {
  type ForwardEvent,
  type ForwardState,
  type ForwardStep,
  startForward,
  stepForward,
} from './forwardMachine.js';
import { type Budget, LiveTable } from './liveTable.js';
import { putBytes } from './puts.js';

interface ForwardedPut {
  readonly ticket: Ticket;
  readonly put: PutRequest;
  readonly deadlineMs: number;
}

interface LiveForward extends ForwardedPut {
  readonly bytes: number;
  state: ForwardState;
}

/** The PUTs that this node passes on, because it may not coordinate them. */
export class Forwards {
  readonly #live: LiveTable<LiveForward>;
  readonly #outbox: Outbox;

  constructor(options: { readonly budget: Budget; readonly outbox: Outbox }) {
    this.#live = new LiveTable(options.budget);
    this.#outbox = options.outbox;
  }

  /** Tries `candidates` in order. */
  open(number: RequestNumber, put: ForwardedPut, candidates: readonly NodeId[]): void {
    const step = startForward(candidates);
    const live = { ...put, bytes: putBytes(put.put), state: step.state };
    this.#live.add(number, live);
    this.#advance(number, live, step);
  }

  on(number: RequestNumber, event: ForwardEvent): void {
    const live = this.#live.get(number);
    if (live) this.#advance(number, live, stepForward(live.state, event));
  }

  expire(nowMs: number): void {
    for (const number of this.#live.expired(nowMs)) this.on(number, { type: 'deadline' });
  }

  #advance(number: RequestNumber, live: LiveForward, step: ForwardStep): void {
    live.state = step.state;
    if (step.ask !== undefined) {
      this.#outbox.observe('forwarded');
      this.#outbox.send(step.ask, { type: 'forward', request: number, put: live.put }, live.deadlineMs);
    }
    if (!step.outcome) return;
    this.#live.delete(number);
    this.#outbox.reply(live.ticket, { to: 'put', outcome: step.outcome });
  }
}
