import type { Outbox } from '../protocol/outbox.js';
import type { Actor, Clock, ClockEntry } from '../types.js';

/**
 * The dots of this node. Counters grow over the whole node and are never used twice (I4, R2). The directory's own actor
 * mints only where every other node has seen this life and knows of no later one; before that, and for good once the
 * directory is known to be an old copy, the actor of this life does, which nobody has used before (R12).
 */
export class Mint {
  readonly #own: Actor;
  readonly #spare: Actor;
  readonly #outbox: Outbox;
  #ownCounter: number;
  #spareCounter = 0;
  #renounced = false;

  constructor(options: {
    readonly actor: Actor;
    readonly counter: number;
    readonly spareActor: Actor;
    readonly outbox: Outbox;
  }) {
    this.#own = options.actor;
    this.#ownCounter = options.counter;
    this.#spare = options.spareActor;
    this.#outbox = options.outbox;
  }

  get renounced(): boolean {
    return this.#renounced;
  }

  /** The directory's. */
  get actor(): Actor {
    return this.#renounced ? this.#spare : this.#own;
  }

  /** The highest that the directory's actor has used. */
  get counter(): number {
    return this.#renounced ? this.#spareCounter : this.#ownCounter;
  }

  nextEntry(vouched: boolean): ClockEntry {
    const timestamp = this.#outbox.now.wallMs;
    if (vouched && !this.#renounced) return { actor: this.#own, counter: ++this.#ownCounter, timestamp };
    return { actor: this.#spare, counter: ++this.#spareCounter, timestamp };
  }

  /** Whether a clock shows a dot of the directory's actor that it has not minted. */
  isBehind(clock: Clock): boolean {
    return clock.some(({ actor, counter }) => actor === this.actor && counter > this.counter);
  }

  /** From now on the actor of this life is the directory's. */
  renounce(): void {
    this.#renounced = true;
  }
}
