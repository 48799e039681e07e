import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteReader, ByteWriter, DecodeError } from '../../../services/node/core/protocol/bytes.js';

const latin1 = (maxLength: number) =>
  fc.uint8Array({ maxLength, size: 'max' }).map((bytes) => Buffer.from(bytes).toString('latin1'));

const bounds = [7, 14, 21, 28, 35, 42, 49, 53].flatMap((bits) => [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]);

describe('bytes', () => {
  it('integers come back, those around every change of length among them', () => {
    const integers = fc.oneof(fc.constantFrom(0, 1, ...bounds.filter(Number.isSafeInteger)), fc.maxSafeNat());
    fc.assert(
      fc.property(fc.array(integers), (numbers) => {
        const out = new ByteWriter(0);
        numbers.forEach((number) => out.varint(number));
        const input = new ByteReader(out.bytes());
        expect(numbers.map(() => input.varint())).toEqual(numbers);
        input.end();
      }),
      { numRuns: 1000 },
    );
  });

  it('writers do not write into what others have written, whatever room they began with', () => {
    const rooms = fc.array(fc.constantFrom(0, 1, 8, 64, 500, 1024, 1025), { minLength: 2, maxLength: 300 });
    fc.assert(
      fc.property(rooms, fc.nat(1100), (all, length) => {
        const writers = all.map((room) => new ByteWriter(room));
        for (let i = 0; i < length; i++) writers.forEach((writer, n) => writer.u8((n + i) % 256));
        writers.forEach((writer, n) => {
          expect(writer.bytes()).toEqual(Uint8Array.from({ length }, (_, i) => (n + i) % 256));
        });
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    ['beyond the safe ones', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10]],
    ['padded in its second byte', [0x81, 0x00]],
    ['padded in its sixth byte', [0xff, 0xff, 0xff, 0xff, 0xff, 0x00]],
    ['of nine bytes', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x80, 0x01]],
    ['that breaks off', [0xff, 0xff, 0xff, 0xff, 0xff]],
  ])('an integer %s is refused', (_name, bytes) => {
    expect(() => new ByteReader(Uint8Array.from(bytes)).varint()).toThrow(DecodeError);
  });

  it('strings of every length come back, and the same from the methods for recurring ones', () => {
    fc.assert(
      fc.property(fc.oneof(latin1(100), latin1(10_000)), (text) => {
        const bytes = new ByteWriter().latin1(text).bytes();
        expect(new ByteReader(bytes).latin1(10_000)).toBe(text);
        expect(new ByteReader(bytes).recurringLatin1(10_000)).toBe(text);
      }),
    );
    const texts = fc.oneof(fc.string({ maxLength: 100 }), fc.string({ unit: 'binary', maxLength: 100 }));
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = new ByteWriter().text(text).bytes();
        expect(bytes.subarray(bytes.length - Buffer.byteLength(text))).toEqual(
          new TextEncoder().encode(text),
        );
        expect(new ByteReader(bytes).text(1000)).toBe(text);
        expect(new ByteReader(bytes).recurringText(1000)).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });

  it('a text keeps the byte order mark at its start', () => {
    const text = '\ufeffkey';
    expect(new ByteReader(new ByteWriter().text(text).bytes()).text(100)).toBe(text);
  });

  it('recurring strings are never taken for each other, many as they may be', () => {
    const out = new ByteWriter();
    const names = Array.from({ length: 20_000 }, (_, i) => `${'abcdefgh'[i % 8] ?? ''}${i % 5000}`);
    names.forEach((name) => out.latin1(name));
    const input = new ByteReader(out.bytes());
    expect(names.map(() => input.recurringLatin1(32))).toEqual(names);
  });

  it('a part ends where it ends, though the input goes on', () => {
    const bytes = new ByteWriter().u8(1).latin1('abcdef').u8(9).bytes();
    const input = new ByteReader(bytes);
    const part = input.part(4);
    expect(input.remaining).toBe(bytes.length - 4);
    expect(part.u8()).toBe(1);
    expect(() => part.latin1(10)).toThrow(DecodeError);
    expect(() => part.raw(3)).toThrow(DecodeError);
    expect(part.u16()).toBe(0x6162);
    expect(() => part.u8()).toThrow(DecodeError);
    expect(() => input.part(input.remaining + 1)).toThrow(DecodeError);
    expect(input.raw(input.remaining - 1)).toEqual(Uint8Array.from(Buffer.from('cdef')));
    expect(() => input.end()).toThrow(DecodeError);
  });

  it('a writer in handed-over memory grows out of it when it is full', () => {
    const memory = new Uint8Array(4);
    const out = new ByteWriter(memory).u32(0x01020304);
    expect(out.bytes().buffer).toBe(memory.buffer);
    expect(out.u8(5).putU32(0, 7).bytes()).toEqual(Uint8Array.of(0, 0, 0, 7, 5));
    expect(memory).toEqual(Uint8Array.of(1, 2, 3, 4));
  });
});
