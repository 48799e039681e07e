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

  /** The clock of a client's version without those that the clock of the record has no more. */
  without(key: Key, version: Clock, clock: Clock): Clock {
    const dots = this.#dots.get(key)?.filter((dot) => !clock.some(({ actor }) => actor === dot.actor));
    if (!dots) return version;
    return version.filter(
      (entry) => !dots.some(({ actor, counter }) => actor === entry.actor && counter >= entry.counter),
    );
  }
}
