import { crc32c } from '../../../services/node/adapters/level-storage/crc32c.js';

/** Makes logs as LevelDB's writer does, of batches whose operations are of no interest. */

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;

export interface TestBatch {
  readonly sequence: number;
  readonly count: number;
  /** With the head of 12 bytes. */
  readonly sizeBytes: number;
  /** Fills what is not the head; usual is a pattern. */
  readonly content?: Buffer;
}

export type PieceType = 1 | 2 | 3 | 4;

/** `count` batches in a row, numbered from `sequence` on, of two operations each. */
export function batchesFrom(sequence: number, sizes: readonly number[]): TestBatch[] {
  return sizes.map((sizeBytes, i) => ({ sequence: sequence + 2 * i, count: 2, sizeBytes }));
}

export function payloadOf({ sequence, count, sizeBytes, content }: TestBatch): Buffer {
  const payload = Buffer.alloc(sizeBytes, `batch ${sequence}. `);
  content?.copy(payload, 12);
  payload.writeBigUInt64LE(BigInt(sequence), 0);
  payload.writeUInt32LE(count, 8);
  return payload;
}

export function pieceOf(type: PieceType, payload: Buffer): Buffer {
  const piece = Buffer.concat([Buffer.alloc(HEADER_BYTES), payload]);
  piece.writeUInt16LE(payload.length, 4);
  piece[6] = type;
  const crc = crc32c(piece, 6);
  piece.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0, 0);
  return piece;
}

/** The bytes of a log, and where each batch ends in it. */
export function logOf(batches: readonly TestBatch[]): { readonly bytes: Buffer; readonly ends: number[] } {
  const parts: Buffer[] = [];
  const ends: number[] = [];
  let length = 0;
  const append = (part: Buffer): void => {
    parts.push(part);
    length += part.length;
  };
  for (const batch of batches) {
    let rest = payloadOf(batch);
    for (let begins = true; begins || rest.length > 0; begins = false) {
      let room = BLOCK_BYTES - (length % BLOCK_BYTES);
      if (room < HEADER_BYTES) {
        append(Buffer.alloc(room));
        room = BLOCK_BYTES;
      }
      const fragment = rest.subarray(0, room - HEADER_BYTES);
      rest = rest.subarray(fragment.length);
      const type = rest.length > 0 ? (begins ? 2 : 3) : begins ? 1 : 4;
      append(pieceOf(type, fragment));
    }
    ends.push(length);
  }
  return { bytes: Buffer.concat(parts), ends };
}
