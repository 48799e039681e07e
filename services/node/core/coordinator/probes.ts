import type { Ticket } from '../protocol/events.js';
import type { RequestNumber } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { NodeId } from '../types.js';
import { type Budget, LiveTable } from './liveTable.js';

interface LiveProbe {
  readonly ticket: Ticket;
  readonly deadlineMs: number;
  readonly bytes: number;
}

/** Pings that wait for their pong. */
export class Probes {
  readonly #live: LiveTable<LiveProbe>;
  readonly #outbox: Outbox;

  constructor(options: { readonly budget: Budget; readonly outbox: Outbox }) {
    this.#live = new LiveTable(options.budget);
    this.#outbox = options.outbox;
  }

  open(number: RequestNumber, ticket: Ticket, node: NodeId, deadlineMs: number): void {
    this.#live.add(number, { ticket, deadlineMs, bytes: 0 });
    this.#outbox.send(node, { type: 'ping', request: number, epoch: 0, heights: [] }, deadlineMs);
  }

  end(number: RequestNumber, reachable: boolean): void {
    const live = this.#live.get(number);
    if (!live) return;
    this.#live.delete(number);
    this.#outbox.reply(live.ticket, { to: 'probe', reachable });
  }

  expire(nowMs: number): void {
    for (const number of this.#live.expired(nowMs)) this.end(number, false);
  }
}
