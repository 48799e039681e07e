type Start = () => void;

/** How many records, and bytes of them, are on their way here at a time; what comes on top waits in order. */
export class PullWindow {
  readonly #countMax: number;
  readonly #bytesMax: number;
  readonly #waiting: { readonly bytes: number; readonly start: Start }[] = [];
  #count = 0;
  #bytes = 0;

  constructor(bounds: { readonly countMax: number; readonly bytesMax: number }) {
    this.#countMax = bounds.countMax;
    this.#bytesMax = bounds.bytesMax;
  }

  /** `start` begins at once or later and has to be followed by {@link PullWindow.leave}; a large record goes alone. */
  enter(bytes: number, start: Start): void {
    this.#waiting.push({ bytes, start });
    this.#startNext();
  }

  leave(bytes: number): void {
    this.#count -= 1;
    this.#bytes -= bytes;
    this.#startNext();
  }

  #startNext(): void {
    for (let next = this.#waiting[0]; next && this.#hasRoom(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#count += 1;
      this.#bytes += next.bytes;
      next.start();
    }
  }

  #hasRoom(bytes: number): boolean {
    return this.#count === 0 || (this.#count < this.#countMax && this.#bytes + bytes <= this.#bytesMax);
  }
}
