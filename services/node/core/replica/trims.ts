import type { Clock, Dot, Key } from '../types.js';

const KEYS_MAX = 10_000;

/**
 * The entries that were trimmed from clocks of late (R14). Clients still have versions with them, and what they write on
 * those would bring the entries back at once: every replica agreed that it knows those writes, so that a version says
 * nothing by naming them.
 */
export class Trims {
  /** Oldest first. */
  readonly #dots = new Map<Key, readonly Dot[]>();

  remember(key: Key, dot: Dot): void {
    const others = (this.#dots.get(key) ?? []).filter(({ actor }) => actor !== dot.actor);
    this.#dots.delete(key);
    this.#dots.set(key, [...others, dot]);
    if (this.#dots.size <= KEYS_MAX) return;
    for (const oldest of this.#dots.keys()) {
      this.#dots.delete(oldest);
      return;
    }
  }

  /** The clock of a client's version without them. */
  without(key: Key, clock: Clock): Clock {
    const dots = this.#dots.get(key);
    if (!dots) return clock;
    return clock.filter(
      (entry) => !dots.some(({ actor, counter }) => actor === entry.actor && counter >= entry.counter),
    );
  }
}
