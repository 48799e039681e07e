import type { Message, RequestNumber } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { NodeId } from '../types.js';

type Ended = (reply: Message | undefined) => void;

/** Questions of background work to other nodes, on the bulk lane; each ends exactly once, by its deadline. */
export class Asks {
  readonly #outbox: Outbox;
  readonly #nextNumber: () => RequestNumber;
  readonly #underway = new Map<RequestNumber, { readonly deadlineMs: number; readonly ended: Ended }>();

  constructor(outbox: Outbox, nextNumber: () => RequestNumber) {
    this.#outbox = outbox;
    this.#nextNumber = nextNumber;
  }

  get size(): number {
    return this.#underway.size;
  }

  /** `ended` gets no reply where none came in time, or the question could not be delivered. */
  ask(to: NodeId, message: (request: RequestNumber) => Message, timeoutMs: number, ended: Ended): void {
    const request = this.#nextNumber();
    const deadlineMs = this.#outbox.now.monotonicMs + timeoutMs;
    this.#underway.set(request, { deadlineMs, ended });
    this.#outbox.sendBulk(to, message(request), deadlineMs);
  }

  onReply(reply: Message): void {
    this.#end(reply.request, reply);
  }

  onUnroutable(request: RequestNumber): void {
    this.#end(request, undefined);
  }

  expire(nowMs: number): void {
    for (const [request, { deadlineMs }] of this.#underway) {
      if (deadlineMs <= nowMs) this.#end(request, undefined);
    }
  }

  #end(request: RequestNumber, reply: Message | undefined): void {
    const ask = this.#underway.get(request);
    if (!ask) return;
    this.#underway.delete(request);
    ask.ended(reply);
  }
}
