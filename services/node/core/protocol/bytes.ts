import { latin1Of, recurringLatin1 } from './latin1.js';

/**
 * Growing writer and bounds-checked reader of the binary formats. All integers are big-endian or LEB128 varints; strings
 * are latin1 (one byte a character), text is UTF-8, both length-prefixed. A reader never reads past its end: malformed
 * input throws {@link DecodeError} and nothing else.
 */

export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/** A byte order mark is a character like others: texts come back as they were. */
const utf8 = {
  encoder: new TextEncoder(),
  decoder: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }),
};

/** Below it, integers are taken apart and put together with integer arithmetic: a third of the time. */
const SMALL = 2 ** 28;

/**
 * Writers of small things cut their room from a larger piece: memory of its own costs each more than what it writes. Who
 * keeps what was written keeps the piece.
 */
const PIECE_BYTES = 64 * 1024;
const CUT_BYTES_MAX = 1024;
let piece = new Uint8Array(0);
let used = 0;

function roomOf(bytes: number): Uint8Array {
  if (bytes > CUT_BYTES_MAX) return new Uint8Array(bytes);
  if (used + bytes > piece.length) {
    piece = new Uint8Array(PIECE_BYTES);
    used = 0;
  }
  used += bytes;
  return piece.subarray(used - bytes, used);
}

export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  /** Begins with room for so many bytes, or in memory that is handed over. */
  constructor(room: number | Uint8Array = 256) {
    this.#bytes = typeof room === 'number' ? roomOf(room) : room;
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#length += 4;
    return this.putU32(this.#length - 4, value);
  }

  /** Writes over four bytes that were written before. */
  putU32(offset: number, value: number): this {
    this.#bytes[offset] = value >>> 24;
    this.#bytes[offset + 1] = value >>> 16;
    this.#bytes[offset + 2] = value >>> 8;
    this.#bytes[offset + 3] = value;
    return this;
  }

  /** A safe non-negative integer in 1 to 8 bytes. */
  varint(value: number): this {
    this.#reserve(8);
    let rest = value;
    while (rest >= SMALL) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
    return this;
  }

  /** Characters of code 0-255, one byte each, behind their number. */
  latin1(text: string): this {
    this.varint(text.length).#reserve(text.length);
    const bytes = this.#bytes;
    const start = this.#length;
    for (let i = 0; i < text.length; i++) bytes[start + i] = text.charCodeAt(i);
    this.#length += text.length;
    return this;
  }

  text(text: string): this {
    return isShortAscii(text) ? this.latin1(text) : this.blob(utf8.encoder.encode(text));
  }

  /** Bytes behind their number. */
  blob(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** What was written; shares memory with the writer. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.bytes());
    this.#bytes = grown;
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset: number;
  readonly #end: number;

  /** Reads from `start` up to `end`, which lie within the bytes. */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  u8(): number {
    const value = this.#offset < this.#end ? this.#bytes[this.#offset] : undefined;
    if (value === undefined) throw new DecodeError('the input ends too early');
    this.#offset++;
    return value;
  }

  u16(): number {
    return this.u8() * 0x100 + this.u8();
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  varint(): number {
    let byte = this.u8();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return unpadded(value, byte);
    }
    return this.#longVarint(value);
  }

  latin1(lengthMax: number): string {
    const length = this.#fieldLength(lengthMax);
    return this.#characters(length);
  }

  /** As {@link latin1}, for strings of which few come again and again: equal ones share memory. */
  recurringLatin1(lengthMax: number): string {
    return this.#recurring(this.#fieldLength(lengthMax));
  }

  text(lengthMax: number): string {
    return this.#text(this.#fieldLength(lengthMax), false);
  }

  /** As {@link text}, for strings of which few come again and again: equal ones share memory. */
  recurringText(lengthMax: number): string {
    return this.#text(this.#fieldLength(lengthMax), true);
  }

  /** Shares memory with the input. */
  blob(lengthMax: number): Uint8Array {
    return this.raw(this.#fieldLength(lengthMax));
  }

  /** Shares memory with the input. */
  raw(length: number): Uint8Array {
    const start = this.#skip(length);
    return this.#bytes.subarray(start, this.#offset);
  }

  /** The next bytes, to be read by themselves. */
  part(length: number): ByteReader {
    const start = this.#skip(length);
    return new ByteReader(this.#bytes, start, this.#offset);
  }

  /** Refuses trailing bytes. */
  end(): void {
    if (this.remaining > 0) throw new DecodeError('bytes follow the end');
  }

  #longVarint(low: number): number {
    let value = low;
    let scale = SMALL;
    for (let i = 4; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw new DecodeError('an integer is too large');
        return unpadded(value, byte);
      }
      scale *= 0x80;
    }
    throw new DecodeError('an integer is too long');
  }

  #text(length: number, recurring: boolean): string {
    if (length <= SHORT && this.#isAscii(length)) {
      return recurring ? this.#recurring(length) : this.#characters(length);
    }
    try {
      return utf8.decoder.decode(this.raw(length));
    } catch (error) {
      if (error instanceof DecodeError) throw error;
      throw new DecodeError('a text is not UTF-8');
    }
  }

  #isAscii(length: number): boolean {
    const end = this.#offset + length;
    for (let at = this.#offset; at < end; at++) {
      if ((this.#bytes[at] ?? 0) >= 0x80) return false;
    }
    return true;
  }

  #characters(length: number): string {
    const start = this.#skip(length);
    return latin1Of(this.#bytes, start, this.#offset);
  }

  #recurring(length: number): string {
    const start = this.#skip(length);
    return recurringLatin1(this.#bytes, start, this.#offset);
  }

  #fieldLength(lengthMax: number): number {
    const length = this.varint();
    if (length > lengthMax) throw new DecodeError('a field is too long');
    return length;
  }

  /** Steps over so many bytes and gives the offset of the first. */
  #skip(length: number): number {
    if (length > this.remaining) throw new DecodeError('the input ends too early');
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}

/** Most texts are short and plain: then their bytes are their characters, and the codec of the platform is not called. */
const SHORT = 64;

function isShortAscii(text: string): boolean {
  if (text.length > SHORT) return false;
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) >= 0x80) return false;
  }
  return true;
}

function unpadded(value: number, last: number): number {
  if (last === 0) throw new DecodeError('an integer is padded');
  return value;
}
