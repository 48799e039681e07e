import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  chunkKey,
  chunkLength,
  decodeFileRecord,
  encodeFileRecord,
  headerFor,
  NotAFile,
} from '../../../services/cli/files/header.js';

const SHA = 'ab'.repeat(32);

function record(size: number, chunkBytes: number): Buffer {
  const header = headerFor(size, SHA, chunkBytes);
  return encodeFileRecord({ header, firstChunk: Buffer.alloc(Math.min(size, chunkBytes), 7) });
}

describe('file header', () => {
  it('comes back as it was written, for any size and chunk', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.integer({ min: 1, max: 500 }), (size, chunkBytes) => {
        const decoded = decodeFileRecord(record(size, chunkBytes));
        expect(decoded.header).toEqual(headerFor(size, SHA, chunkBytes));
        expect(decoded.firstChunk).toEqual(Buffer.alloc(Math.min(size, chunkBytes), 7));
      }),
    );
  });

  it('is never empty, not even for an empty file, for an empty value would be a delete', () => {
    expect(record(0, 1024).length).toBeGreaterThan(0);
    expect(decodeFileRecord(record(0, 1024)).header).toMatchObject({ size: 0, furtherChunks: 0 });
  });

  it('splits a file into chunks that cover it exactly', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.integer({ min: 1, max: 500 }), (size, chunkBytes) => {
        const header = headerFor(size, SHA, chunkBytes);
        const lengths = Array.from({ length: header.furtherChunks + 1 }, (_, i) => chunkLength(header, i));
        expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(size);
        expect(lengths.slice(0, -1).every((length) => length === chunkBytes)).toBe(true);
        expect(size === 0 || lengths.at(-1)! > 0).toBe(true);
      }),
    );
  });

  it('keeps chunks of two versions, two files and two indexes apart', () => {
    const other = 'cd'.repeat(32);
    const keys = [
      chunkKey(Buffer.from('a'), SHA, 1),
      chunkKey(Buffer.from('a'), SHA, 11),
      chunkKey(Buffer.from('a'), other, 1),
      chunkKey(Buffer.from('b'), SHA, 1),
      Buffer.from('a'),
    ];
    expect(new Set(keys.map((key) => key.toString('latin1'))).size).toBe(keys.length);
  });
});

describe('file header, hostile', () => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    [
      'a value that somebody put',
      Buffer.from('hello, this is a value of some length, longer than any header is'),
    ],
    ['cut inside the header', record(10, 4).subarray(0, 40)],
    ['cut inside the first chunk', record(10, 4).subarray(0, -1)],
    ['longer than its first chunk', Buffer.concat([record(10, 4), Buffer.from('x')])],
    ['of another format', withByte(record(10, 4), 4, 2)],
    ['of a size beyond all reason', withByte(record(10, 4), 5, 0xff)],
    ['of a size that its chunks do not make', withByte(record(10, 4), 12, 200)],
    ['of more chunks than its size', withByte(record(10, 4), 52, 9)],
    ['with chunks of no bytes', withByte(record(0, 1), 48, 0)],
  ])('refuses what is %s', (_, bytes) => {
    expect(() => decodeFileRecord(bytes)).toThrow(NotAFile);
  });

  it('refuses more chunks than an import can have written, before anybody loops over them', () => {
    const bytes = record(2, 1);
    bytes.writeBigUInt64BE(2n ** 32n, 5);
    bytes.writeUInt32BE(2 ** 32 - 1, 49);
    expect(() => decodeFileRecord(bytes)).toThrow(NotAFile);
  });

  it('never throws anything else, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.boolean(), (tail, magic) => {
        const bytes = Buffer.concat([Buffer.from(magic ? 'RONF\x01' : ''), tail]);
        try {
          decodeFileRecord(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(NotAFile);
        }
      }),
    );
  });
});

function withByte(bytes: Buffer, offset: number, value: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[offset] = value;
  return changed;
}
