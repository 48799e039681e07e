import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { checkLogs, type LogVerdict } from '../../../services/node/adapters/level-storage/logCheck.js';
import {
  batchesFrom,
  logOf,
  payloadOf,
  pieceOf,
  type PieceType,
  type TestBatch,
} from '../../contract/support/levelLog.js';

const BLOCK_BYTES = 32 * 1024;
/** Four blocks: batches of all lengths, within a block, over an end, over several, and one that leaves no room for a header. */
const SIZES = [20, 300, 12, 5000, 30_000, 70, 45_000, 12, 900, 100, 20_000, 4000, 60];
const BEGINS_AT = 41;

describe('the check of LevelDB logs', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rondo-log-'));
  });

  afterAll(() => rm(folder, { recursive: true }));

  /** Of logs in the order of their numbers, where the manifest says that the first begins at {@link BEGINS_AT}. */
  const verdictOf = async (...logs: readonly Buffer[]): Promise<LogVerdict> => {
    const names = logs.map((_, i) => `00000${i + 3}.log`);
    for (const [i, bytes] of logs.entries()) await writeFile(join(folder, names[i]!), bytes);
    return checkLogs(folder, names, { after: BEGINS_AT - 1, upTo: BEGINS_AT - 1 });
  };

  const statusOf = async (...logs: readonly Buffer[]): Promise<LogVerdict['status']> =>
    (await verdictOf(...logs)).status;

  const batches = batchesFrom(BEGINS_AT, SIZES);
  const { bytes: log, ends } = logOf(batches);
  const lastBegins = ends.at(-2)!;
  const flipped = (at: number, bit = 1): Buffer => {
    const copy = Buffer.from(log);
    copy[at]! ^= bit;
    return copy;
  };

  it.each([
    ['of many batches', [log]],
    ['that are empty', [Buffer.alloc(0), Buffer.alloc(0)]],
    ['that do not exist', []],
    ['of which the last is empty', [log, Buffer.alloc(0)]],
    ['that follow each other', [log, logOf(batchesFrom(BEGINS_AT + 2 * SIZES.length, [40, 50_000])).bytes]],
    ['whose first is empty', [Buffer.alloc(0), log]],
  ])('logs %s are sound', async (_, logs) => {
    expect(await verdictOf(...logs)).toEqual({ status: 'sound' });
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 18, 19, 20])('a block with %i bytes left is sound', async (left) => {
    const first = BLOCK_BYTES - left - 7;
    const { bytes } = logOf(batchesFrom(BEGINS_AT, [first, 500, 40]));
    expect(await statusOf(bytes)).toBe('sound');
    // The first byte of the second batch's payload, wherever the cut is.
    for (const at of [BLOCK_BYTES + 30, BLOCK_BYTES - left + 9, 500]) {
      const copy = Buffer.from(bytes);
      copy[at]! ^= 4;
      const isFilling = left < 7 && at < BLOCK_BYTES && at >= BLOCK_BYTES - left;
      expect([left, at, await statusOf(copy)]).toEqual([left, at, isFilling ? 'sound' : 'damaged']);
    }
  });

  it('a flipped byte is damage where a batch follows, else it looks torn, anywhere in four blocks', async () => {
    const filling = (at: number): boolean => {
      const end = ends.find((each) => each > at)!;
      const begin = ends[ends.indexOf(end) - 1] ?? 0;
      return begin % BLOCK_BYTES > BLOCK_BYTES - 7 && at < Math.ceil(begin / BLOCK_BYTES) * BLOCK_BYTES;
    };
    const headers = [0, ...ends].flatMap((end) => Array.from({ length: 8 }, (_, i) => end + i));
    const pieces = [1, 2, 3].flatMap((n) => Array.from({ length: 8 }, (_, i) => n * BLOCK_BYTES + i));
    const spread = Array.from({ length: Math.ceil(log.length / 211) }, (_, i) => i * 211);
    const places = [...headers, ...pieces, ...spread].filter((at) => at < log.length && !filling(at));
    for (const at of places) {
      const expected = at >= lastBegins ? 'torn' : 'damaged';
      expect([at, await statusOf(flipped(at, 1 << (at % 8)))]).toEqual([at, expected]);
    }
    expect(places.length).toBeGreaterThan(600);
  });

  it('any bit of a length is damage where batches follow in the same block, which is the only one', async () => {
    const { bytes } = logOf(batchesFrom(BEGINS_AT, [40, 200, 300, 25]));
    for (let bit = 0; bit < 16; bit++) {
      const copy = Buffer.from(bytes);
      copy[47 + 4 + (bit >> 3)]! ^= 1 << (bit & 7);
      expect([bit, await statusOf(copy)]).toEqual([bit, 'damaged']);
    }
  });

  it('cut off anywhere in its last batch it is torn, cut off between batches it is sound', async () => {
    for (let length = lastBegins; length <= log.length; length++) {
      const expected = length === lastBegins || length === log.length ? 'sound' : 'torn';
      expect([length, await statusOf(log.subarray(0, length))]).toEqual([length, expected]);
    }
  });

  it('cut off within a batch of several blocks it is torn', async () => {
    const { bytes } = logOf(batchesFrom(BEGINS_AT, [100, 100_000]));
    for (let length = 108; length < bytes.length; length += 997) {
      expect([length, await statusOf(bytes.subarray(0, length))]).toEqual([length, 'torn']);
    }
  });

  it.each([1, 7, 4096, BLOCK_BYTES, 3 * BLOCK_BYTES])('%i zeros at its end are torn', async (zeros) => {
    expect(await statusOf(Buffer.concat([log, Buffer.alloc(zeros)]))).toBe('torn');
  });

  it('lost sectors are torn in the last batch, damage before it', async () => {
    for (let at = 0; at < log.length; at += 4096) {
      const copy = Buffer.from(log);
      copy.fill(0, at, Math.min(at + 512, copy.length));
      expect([at, await statusOf(copy)]).toEqual([at, 'damaged']);
    }
    const { bytes } = logOf(batchesFrom(BEGINS_AT, [100, 90_000]));
    for (let at = 512; at < bytes.length; at += 512) {
      const copy = Buffer.from(bytes);
      copy.fill(0, at, Math.min(at + 512, copy.length));
      expect([at, await statusOf(copy)]).toEqual([at, 'torn']);
    }
  });

  describe('a second log', () => {
    const second = logOf(batchesFrom(BEGINS_AT + 2 * SIZES.length, [40, 50])).bytes;

    it('makes whatever is bad in the first one damage', async () => {
      for (const first of [
        log.subarray(0, -1),
        flipped(log.length - 1),
        Buffer.concat([log, Buffer.of(0)]),
      ]) {
        expect(await statusOf(first)).toBe('torn');
        expect(await statusOf(first, second.subarray(0, 0))).toBe('torn');
        expect(await statusOf(first, second)).toBe('damaged');
        expect(await statusOf(first, second.subarray(0, 47))).toBe('damaged');
      }
    });

    it('shows that batches of the first are missing, though what is left of it is sound', async () => {
      const first = log.subarray(0, lastBegins);
      expect(await statusOf(first)).toBe('sound');
      expect(await statusOf(first, second)).toBe('damaged');
      expect(await statusOf(Buffer.alloc(0), second)).toBe('damaged');
    });

    it('that is torn itself leaves both torn', async () => {
      expect(await statusOf(log, second.subarray(0, 20))).toBe('torn');
      expect(await statusOf(log, second.subarray(0, 60))).toBe('torn');
    });
  });

  it.each([
    ['is missing', [BEGINS_AT, BEGINS_AT + 4]],
    ['comes twice', [BEGINS_AT, BEGINS_AT]],
    ['comes from an older log', [BEGINS_AT, 3]],
    ['is missing before the first', [BEGINS_AT + 2]],
    ['is older than the database', [BEGINS_AT - 2, BEGINS_AT]],
    ['has a number beyond all reason', [BEGINS_AT, 2 ** 60]],
  ])('a batch that %s is damage', async (_, sequences) => {
    const made = sequences.map((sequence): TestBatch => ({ sequence, count: 2, sizeBytes: 50 }));
    expect(await statusOf(logOf(made).bytes)).toBe('damaged');
  });

  describe('sound pieces in a wrong order', () => {
    const piece = (type: PieceType, i: number, sizeBytes = 40): Buffer =>
      pieceOf(type, payloadOf({ sequence: BEGINS_AT + 2 * i, count: 2, sizeBytes }));
    const wrong: [string, Buffer[]][] = [
      ['a middle without a beginning', [piece(1, 0), piece(3, 1)]],
      ['an end without a beginning', [piece(1, 0), piece(4, 1)]],
      ['a batch that is too short', [piece(1, 0), pieceOf(1, Buffer.alloc(5))]],
      ['a type that does not exist', [piece(1, 0), pieceOf(7 as PieceType, Buffer.alloc(50))]],
    ];

    it.each(wrong)('%s is torn at the end and damage before a batch', async (_, pieces) => {
      expect(await statusOf(Buffer.concat(pieces))).toBe('torn');
      expect(await statusOf(Buffer.concat([...pieces, piece(1, 2)]))).toBe('damaged');
    });

    it('a beginning without an end is damage when another follows', async () => {
      expect(await statusOf(Buffer.concat([piece(2, 0)]))).toBe('torn');
      expect(await statusOf(Buffer.concat([piece(2, 0), piece(1, 1)]))).toBe('damaged');
      expect(await statusOf(Buffer.concat([piece(2, 0), piece(2, 1)]))).toBe('damaged');
    });
  });

  it('a value that holds a log is no later batch, whatever of its own batch is lost', async () => {
    const foreign = logOf(batchesFrom(5_000_000, [40, 300, 20, 700])).bytes;
    const older = logOf(batchesFrom(1, [40, 300, 20, 700])).bytes;
    for (const content of [foreign, older]) {
      const last = { sequence: BEGINS_AT + 2, count: 2, sizeBytes: 12 + content.length, content };
      const { bytes, ends: begins } = logOf([batches[0]!, last]);
      for (let at = begins[0]!; at < bytes.length; at += 3) {
        const copy = Buffer.from(bytes);
        copy.fill(0, begins[0], at + 1);
        expect([at, await statusOf(copy)]).toEqual([at, 'torn']);
      }
    }
  });

  it('says where the damage is and what shows it', async () => {
    const verdict = await verdictOf(flipped(40));
    expect(verdict).toEqual({
      status: 'damaged',
      what: '000003.log at 27: a checksum does not match, and a later batch follows in 000003.log at 334',
    });
  });
});
