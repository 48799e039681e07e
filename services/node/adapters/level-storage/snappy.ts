import { Varints } from './varints.js';

/** Decompresses Snappy, in which LevelDB keeps blocks. Throws RangeError where the bytes make no sense. */
export function uncompressed(bytes: Uint8Array): Uint8Array {
  const input = new Varints(bytes);
  const out = new Uint8Array(input.next());
  let length = 0;
  while (!input.done) {
    const [tag = 0] = input.take(1);
    if ((tag & 3) === 0) {
      const literal = input.take(literalLength(input, tag >>> 2));
      if (literal.length > out.length - length) throw new RangeError('a literal is too long');
      out.set(literal, length);
      length += literal.length;
      continue;
    }
    const { copied, distance } = copyOf(input, tag);
    if (distance === 0 || distance > length || copied > out.length - length) {
      throw new RangeError('a copy reaches too far');
    }
    // Byte by byte: a copy may overlap with what it makes.
    for (const end = length + copied; length < end; length++) out[length] = out[length - distance] ?? 0;
  }
  if (length !== out.length) throw new RangeError('the bytes end too early');
  return out;
}

function literalLength(input: Varints, short: number): number {
  return 1 + (short < 60 ? short : littleEndian(input.take(short - 59)));
}

function copyOf(input: Varints, tag: number): { readonly copied: number; readonly distance: number } {
  if ((tag & 3) === 1) {
    const [low = 0] = input.take(1);
    return { copied: 4 + ((tag >>> 2) & 7), distance: ((tag >>> 5) << 8) | low };
  }
  return { copied: 1 + (tag >>> 2), distance: littleEndian(input.take((tag & 3) === 2 ? 2 : 4)) };
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 0x100 + byte, 0);
}
