import { ChurningMap } from '../churningMap.js';

/** What every entry of a table of requests says of itself. */
export interface Timed {
  readonly deadlineMs: number;
  bytes: number;
}

/** How much work a node takes on at a time, over all its tables of live requests (I14). */
export class Budget {
  readonly #requestsMax: number;
  readonly bytesMax: number;
  requests = 0;
  bytes = 0;

  constructor(limits: { readonly requestsMax: number; readonly bytesMax: number }) {
    this.#requestsMax = limits.requestsMax;
    this.bytesMax = limits.bytesMax;
  }

  hasRoom(bytes: number): boolean {
    return this.requests < this.#requestsMax && this.bytes + bytes <= this.bytesMax;
  }
}

/**
 * Requests by number, each with a deadline: {@link LiveTable.expired} finds those past it, so that no state outlives its
 * request (I11).
 */
export class LiveTable<T extends Timed> {
  readonly #entries = new ChurningMap<number, T>();
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  get(request: number): T | undefined {
    return this.#entries.get(request);
  }

  /** `request` must be new. */
  add(request: number, entry: T): void {
    this.#entries.set(request, entry);
    this.#budget.requests += 1;
    this.#budget.bytes += entry.bytes;
  }

  /** Counts what a request has come to hold, `bytes` in all; false, and nothing changed, where there is no room. */
  resize(request: number, bytes: number): boolean {
    const entry = this.#entries.get(request);
    if (!entry) return true;
    const grownBy = bytes - entry.bytes;
    if (this.#budget.bytes + grownBy > this.#budget.bytesMax) return false;
    this.#budget.bytes += grownBy;
    entry.bytes = bytes;
    return true;
  }

  delete(request: number): void {
    const entry = this.#entries.get(request);
    if (!entry) return;
    this.#entries.delete(request);
    this.#budget.requests -= 1;
    this.#budget.bytes -= entry.bytes;
  }

  /** All requests, oldest first. */
  numbers(): readonly number[] {
    return this.#entries.keys();
  }

  /** Requests whose deadline has come, oldest first. */
  expired(nowMs: number): readonly number[] {
    const due = this.#entries.entries().filter(([, entry]) => entry.deadlineMs <= nowMs);
    return due.map(([request]) => request);
  }
}
