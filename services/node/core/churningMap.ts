/** Copies are as rare as that they cost next to nothing, and as frequent as that none of them grows old. */
const DELETIONS_BEFORE_COPY = 64;

/**
 * A map whose entries come and go with every request. A Map of V8 makes a new table each time that it is full of deleted
 * entries, and keeps the old one linked to it. Once a full collection has moved one of these tables among the old objects,
 * it holds all later ones, and the requests that were live in them, until the next full collection: at full load a tenth of
 * everything allocated outlived its use so. A copy has no such past.
 */
export class ChurningMap<K, V> {
  #map = new Map<K, V>();
  #deletions = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  set(key: K, value: V): void {
    this.#map.set(key, value);
  }

  /** Whether there was such an entry. */
  delete(key: K): boolean {
    if (!this.#map.delete(key)) return false;
    this.#deletions += 1;
    if (this.#deletions >= Math.max(DELETIONS_BEFORE_COPY, this.#map.size)) {
      this.#deletions = 0;
      this.#map = new Map(this.#map);
    }
    return true;
  }

  /** All entries as they are now, oldest first. */
  entries(): readonly (readonly [K, V])[] {
    return [...this.#map];
  }

  /** The keys as they are now, oldest first. */
  keys(): readonly K[] {
    return [...this.#map.keys()];
  }
}
