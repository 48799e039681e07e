import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createFrameReader } from '../../../services/node/adapters/tcp-bus/frames.js';

const MAX = 400;

function stream(frames: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    frames.flatMap((frame) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(frame.length);
      return [length, frame];
    }),
  );
}

function collect(bytesMax: number) {
  const frames: Uint8Array[] = [];
  const feed = createFrameReader(bytesMax, (frame) => {
    frames.push(frame);
    return bytesMax;
  });
  return { frames, feed };
}

describe('tcp frames', () => {
  it('the same frames come out however the stream is cut', () => {
    const frame = fc.uint8Array({ minLength: 1, maxLength: MAX });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(500)), (sent, cuts) => {
        const bytes = stream(sent);
        const { frames, feed } = collect(MAX);
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          expect(feed(Uint8Array.from(bytes.subarray(at, at + cut)))).toBe(true);
          at += cut;
        }
        expect(frames).toEqual(sent);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([0, MAX + 1, 0x7fff_ffff, 0xffff_ffff])('a length of %d ends the stream', (length) => {
    const { frames, feed } = collect(MAX);
    const bytes = Buffer.concat([stream([Uint8Array.of(1)]), Buffer.alloc(8, 7)]);
    bytes.writeUInt32BE(length, 5);
    expect(feed(bytes)).toBe(false);
    expect(frames).toEqual([Buffer.from([1])]);
  });

  it('after a frame that is answered with 0 nothing more is read', () => {
    const frames: Uint8Array[] = [];
    const feed = createFrameReader(MAX, (frame) => frames.push(frame) && 0);
    expect(feed(stream([Uint8Array.of(1), Uint8Array.of(2)]))).toBe(true);
    expect(feed(Buffer.alloc(4, 0xff))).toBe(true);
    expect(frames).toHaveLength(1);
  });
});
