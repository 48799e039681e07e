/** Little-endian base-128 numbers and what LevelDB builds of them. Throws RangeError where the bytes end too early. */
export class Varints {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** Where the next number begins. */
  get offset(): number {
    return this.#at;
  }

  /** Exact to 2^53, which no number of LevelDB's passes in practice. */
  next(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.#at < this.#end ? this.#bytes[this.#at++] : undefined;
      if (byte === undefined || factor > 2 ** 63) throw new RangeError('a number has no end');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  /** As many bytes as asked for; shares memory. */
  take(length: number): Uint8Array {
    if (length > this.#end - this.#at) throw new RangeError('the bytes end too early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
