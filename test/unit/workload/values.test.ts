import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeValue, encodeValue, sizeOfValue } from '../../../scripts/workload/values.js';

const id = fc.tuple(fc.stringMatching(/^[0-9a-f]{8}$/), fc.nat(), fc.nat()).map((parts) => parts.join('.'));

describe('values of the workload', () => {
  it('every size gives the id back', () => {
    fc.assert(
      fc.property(id, fc.nat(2000), (name, size) => {
        const bytes = encodeValue(name, size);
        expect(bytes.length).toBe(Math.max(size, name.length + 1));
        expect(decodeValue(bytes)).toBe(name);
      }),
    );
  });

  it('a value with any byte changed is one that nobody sent', () => {
    fc.assert(
      fc.property(id, fc.nat(200), fc.nat(), fc.integer({ min: 1, max: 255 }), (name, size, at, flip) => {
        const bytes = encodeValue(name, size);
        const index = at % bytes.length;
        bytes[index] = bytes[index]! ^ flip;
        const read = decodeValue(bytes);
        // Short values consist of the id alone, where another byte may make another id: one that was never sent either.
        expect(read).not.toBe(name);
      }),
    );
  });

  it('bytes that no encoder made have a name that no write has', () => {
    expect(decodeValue(Buffer.alloc(0))).toMatch(/^\?/);
    expect(decodeValue(Buffer.from('hello'))).toMatch(/^\?/);
    expect(decodeValue(Buffer.from('|'))).toMatch(/^\?/);
  });

  it('the same id always has the same size', () => {
    fc.assert(
      fc.property(
        id,
        (name) => sizeOfValue(name, 400) === sizeOfValue(name, 400) && sizeOfValue(name, 400) < 400,
      ),
    );
  });
});
