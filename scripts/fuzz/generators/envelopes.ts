import fc from 'fast-check';
import type { Chunk } from '../../../services/node/core/protocol/chunks.js';
import { CHUNK_BYTES } from '../../../services/node/core/protocol/chunks.js';
import type {
  Content,
  Envelope,
  EnvelopeHeader,
  Lane,
  Parcel,
} from '../../../services/node/core/protocol/envelope.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { integer, plain, wellFormed } from './elements.js';
import { message } from './messages.js';

const remainingMs = fc.nat(0xffff_ffff);

const parcel: fc.Arbitrary<Parcel> = plain({ message, remainingMs });

/** A last chunk of any length, or one in the middle, which is always full. */
const chunk: fc.Arbitrary<Chunk> = fc
  .record({ transferId: integer, index: fc.nat(4), remainingMs, tail: fc.integer({ min: 1, max: 500 }) })
  .chain(({ transferId, index, remainingMs: left, tail }) =>
    fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)).map((last) => ({
      transferId,
      index,
      count: last ? index + 1 : index + 2,
      remainingMs: left,
      bytes: new Uint8Array(last ? tail : CHUNK_BYTES).fill(tail),
    })),
  );

const header: fc.Arbitrary<EnvelopeHeader> = plain({
  clusterId: wellFormed(60),
  epoch: integer,
  sender: wellFormed(60) as fc.Arbitrary<NodeId>,
  receiver: wellFormed(60) as fc.Arbitrary<NodeId>,
  incarnation: integer,
  counter: integer,
});

const batch = (lane: 'fast' | 'bulk'): fc.Arbitrary<Content> =>
  plain({ lane: fc.constant(lane), messages: fc.array(parcel, { maxLength: 8 }) });
const chunks = (lane: 'large' | 'bulk'): fc.Arbitrary<Content> =>
  plain({ lane: fc.constant(lane), chunks: fc.array(chunk, { maxLength: 1 }) });

/** What may travel on a lane; it stays within the bounds of one frame. */
export const contentOfLane: Readonly<Record<Lane, fc.Arbitrary<Content>>> = {
  fast: batch('fast'),
  large: chunks('large'),
  bulk: fc.oneof(batch('bulk'), chunks('bulk')),
};

const content = fc.oneof(
  { weight: 3, arbitrary: contentOfLane.fast },
  { weight: 1, arbitrary: contentOfLane.large },
  { weight: 1, arbitrary: contentOfLane.bulk },
);

/** A sound envelope. */
export const envelope: fc.Arbitrary<Envelope> = plain({ header, content });
