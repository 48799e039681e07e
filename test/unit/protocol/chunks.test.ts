import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Chunk, Reassembler } from '../../../services/node/core/protocol/chunks.js';
import { CHUNK_BYTES, chunkOf, createReassembler } from '../../../services/node/core/protocol/chunks.js';

const LIMITS = { bytesMax: 100 * CHUNK_BYTES, transfersMax: 4, ageMsMax: 1000 };

function cut(message: Uint8Array, transferId: number): Chunk[] {
  const { count } = chunkOf(message, transferId, 0, 1000);
  return Array.from({ length: count }, (_, index) => chunkOf(message, transferId, index, 1000 - index));
}

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7 + (i >> 8)) & 0xff);
}

const empty = { transfers: 0, bytes: 0 };

/** A few messages' chunks, some twice, all mixed up. */
const deliveries = fc
  .array(fc.integer({ min: 1, max: 5 * CHUNK_BYTES }), { minLength: 1, maxLength: 4 })
  .chain((lengths) => {
    const messages = lengths.map((length, id) => bytesOf(length, id));
    const chunks = messages.flatMap((message, id) => cut(message, id));
    return fc.record({
      messages: fc.constant(messages),
      order: fc
        .subarray(chunks)
        .chain((twice) =>
          fc.shuffledSubarray([...chunks, ...twice], { minLength: chunks.length + twice.length }),
        ),
    });
  });

function feed(into: Reassembler, chunks: readonly Chunk[], nowMs = 0) {
  return chunks.map((chunk) => into.accept('s', chunk, nowMs));
}

describe('reassembler', () => {
  it('chunks in any order and twice give every message once, and nothing is held afterwards', () => {
    fc.assert(
      fc.property(deliveries, ({ messages, order }) => {
        const reassembler = createReassembler(LIMITS);
        const whole = new Map<number, Uint8Array>();
        for (const chunk of order) {
          const result = reassembler.accept('s', chunk, 0);
          if (result.status !== 'complete') continue;
          expect(whole.has(chunk.transferId)).toBe(false);
          whole.set(chunk.transferId, result.bytes);
        }
        messages.forEach((message, id) => {
          expect(Buffer.compare(whole.get(id)!, message)).toBe(0);
        });
        expect(reassembler.sizes()).toEqual(empty);
      }),
      { numRuns: 150 },
    );
  });

  it('the whole has the least remaining time of its parts', () => {
    const results = feed(createReassembler(LIMITS), cut(bytesOf(3 * CHUNK_BYTES, 1), 1));
    expect(results.at(-1)).toMatchObject({ status: 'complete', remainingMs: 998 });
  });

  it('the same transfer id of another source is another message', () => {
    const reassembler = createReassembler(LIMITS);
    const [first, second] = cut(bytesOf(2 * CHUNK_BYTES, 1), 1) as [Chunk, Chunk];
    expect(reassembler.accept('s', first, 0).status).toBe('waiting');
    expect(reassembler.accept('t', second, 0).status).toBe('waiting');
    expect(reassembler.sizes()).toEqual({ transfers: 2, bytes: 2 * CHUNK_BYTES });
  });

  it('a message over the bound of bytes is given up as a whole, others go on', () => {
    const reassembler = createReassembler({ ...LIMITS, bytesMax: 3 * CHUNK_BYTES });
    const results = feed(reassembler, cut(bytesOf(6 * CHUNK_BYTES, 1), 1));
    expect(results.map(({ status }) => status)).toEqual([
      ...['waiting', 'waiting', 'waiting', 'refused', 'ignored', 'ignored'],
    ]);
    expect(reassembler.sizes()).toEqual(empty);
    expect(feed(reassembler, cut(bytesOf(3 * CHUNK_BYTES, 2), 2)).at(-1)?.status).toBe('complete');
  });

  it('one transfer too many is refused, and those under way are finished', () => {
    const reassembler = createReassembler(LIMITS);
    const all = [0, 1, 2, 3, 4].map((id) => cut(bytesOf(2 * CHUNK_BYTES, id), id) as [Chunk, Chunk]);
    const firsts = feed(
      reassembler,
      all.map(([first]) => first),
    );
    expect(firsts.map(({ status }) => status)).toEqual([
      ...['waiting', 'waiting', 'waiting', 'waiting', 'refused'],
    ]);
    const seconds = feed(
      reassembler,
      all.map(([, second]) => second),
    );
    expect(seconds.map(({ status }) => status)).toEqual([
      ...['complete', 'complete', 'complete', 'complete', 'ignored'],
    ]);
  });

  it('an unfinished transfer is dropped at its age, a younger one is not', () => {
    const reassembler = createReassembler(LIMITS);
    const [old] = cut(bytesOf(2 * CHUNK_BYTES, 1), 1) as [Chunk];
    const [young, rest] = cut(bytesOf(2 * CHUNK_BYTES, 2), 2) as [Chunk, Chunk];
    feed(reassembler, [old], 0);
    feed(reassembler, [young], 500);
    expect(reassembler.expire(999)).toBe(0);
    expect(reassembler.expire(1000)).toBe(1);
    expect(reassembler.sizes()).toEqual({ transfers: 1, bytes: CHUNK_BYTES });
    expect(reassembler.accept('s', rest, 1001).status).toBe('complete');
  });

  it('a source that is gone leaves nothing behind', () => {
    const reassembler = createReassembler(LIMITS);
    feed(reassembler, cut(bytesOf(3 * CHUNK_BYTES, 1), 1).slice(1));
    reassembler.forget('s');
    expect(reassembler.sizes()).toEqual(empty);
  });

  it('chunks that disagree on their number give the message up', () => {
    const reassembler = createReassembler(LIMITS);
    const [first] = cut(bytesOf(2 * CHUNK_BYTES, 1), 1) as [Chunk];
    const [liar] = cut(bytesOf(3 * CHUNK_BYTES, 1), 1) as [Chunk];
    expect(feed(reassembler, [first, liar]).map(({ status }) => status)).toEqual(['waiting', 'refused']);
    expect(reassembler.sizes()).toEqual(empty);
  });

  it.each([
    { index: 0, count: 2 ** 53 - 1 },
    { index: 5, count: 5 },
    { index: 0, count: 0 },
  ])('a chunk that no sender cuts is refused and nothing is reserved for it: %j', (numbers) => {
    const reassembler = createReassembler(LIMITS);
    const bytes = new Uint8Array(CHUNK_BYTES);
    const result = reassembler.accept('s', { transferId: 1, remainingMs: 1, bytes, ...numbers }, 0);
    expect(result.status).toBe('refused');
    expect(reassembler.sizes()).toEqual(empty);
  });

  it('what is remembered of finished transfers is bounded', () => {
    const reassembler = createReassembler(LIMITS);
    for (let id = 0; id < 10_000; id++) feed(reassembler, cut(bytesOf(1, id), id));
    expect(reassembler.sizes()).toEqual(empty);
    // The newest is still known, the oldest is not.
    expect(feed(reassembler, cut(bytesOf(1, 0), 9_999))[0]?.status).toBe('ignored');
    expect(feed(reassembler, cut(bytesOf(1, 0), 0))[0]?.status).toBe('complete');
  });
});
