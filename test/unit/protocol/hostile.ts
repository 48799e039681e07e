import fc from 'fast-check';
import { DecodeError } from '../../../services/node/core/protocol/bytes.js';

/** Runs a decoder; only success and DecodeError are answers. */
export function expectOnlyDecodeErrors(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
}

/** Bytes that were sound once: with some overwritten, cut, or added. */
export function mutated(sound: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  return fc
    .tuple(sound, changes, fc.constantFrom('keep', 'cut', 'add'), fc.nat())
    .map(([bytes, overwrites, length, where]) => {
      const changed = Uint8Array.from(bytes);
      for (const [at, byte] of overwrites) changed[at % Math.max(1, changed.length)] = byte;
      if (length === 'cut') return changed.subarray(0, where % Math.max(1, changed.length));
      return length === 'add' ? Uint8Array.of(...changed, where % 256) : changed;
    });
}
