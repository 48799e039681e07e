import fc from 'fast-check';
import type { Actor, NodeId } from '../../../services/node/core/types.js';

/** What messages are made of. */

/** As `fc.record`, with the prototype that decoded objects have. */
export const plain = ((model: Record<string, fc.Arbitrary<unknown>>, constraints?: object) =>
  fc.record(model, { ...constraints, noNullPrototype: true })) as typeof fc.record;

export const latin1 = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength, maxLength, size: 'max' }).map((bytes) => Buffer.from(bytes).toString('latin1'));

/** Of whole code points: half a surrogate pair is no text, and would not survive UTF-8. */
export const wellFormed = (maxLength: number): fc.Arbitrary<string> =>
  fc
    .oneof(
      { weight: 20, arbitrary: fc.string({ unit: 'binary', maxLength }) },
      { weight: 1, arbitrary: fc.constantFrom('\ufeff', '\ufeffmark', '\0', '\u{10ffff}', '') },
    )
    .filter((text) => text.length <= maxLength);

export const integer = fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER));
export const node = wellFormed(60).filter((id) => id !== '') as fc.Arbitrary<NodeId>;

export const actor = latin1(1, 32) as fc.Arbitrary<Actor>;
