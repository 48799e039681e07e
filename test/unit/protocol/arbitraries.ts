import fc from 'fast-check';
import { ERRORS } from '../../../services/node/core/errors.js';
import type { ErrorCode, RequestError } from '../../../services/node/core/errors.js';
import type { Chunk } from '../../../services/node/core/protocol/chunks.js';
import { CHUNK_BYTES } from '../../../services/node/core/protocol/chunks.js';
import type {
  Content,
  Envelope,
  EnvelopeHeader,
  Parcel,
} from '../../../services/node/core/protocol/envelope.js';
import type {
  ForwardAnswer,
  Message,
  NodeHeight,
  PutOutcome,
  PutRequest,
  ReadAnswer,
} from '../../../services/node/core/protocol/messages.js';
import { HEIGHTS_MAX } from '../../../services/node/core/protocol/messages.js';
import { LIMITS } from '../../../services/node/core/types.js';
import type { Actor, Key, NodeId, VersionedRecord } from '../../../services/node/core/types.js';
import { compareDots } from '../../../services/node/core/versioning/clock.js';

/** As `fc.record`, with the prototype that decoded objects have. */
const plain = ((model: Record<string, fc.Arbitrary<unknown>>, constraints?: object) =>
  fc.record(model, { ...constraints, noNullPrototype: true })) as typeof fc.record;

/** Everything that may stand in a message, hostile bytes and bounds included. */

const latin1 = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength, size: 'max' }).map((bytes) => Buffer.from(bytes).toString('latin1'));

/** Of whole code points: half a surrogate pair is no text, and would not survive UTF-8. */
const wellFormed = (maxLength: number) =>
  fc.string({ unit: 'binary', maxLength }).filter((text) => text.length <= maxLength);

const integer = fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER));

/** Small as a rule, and now and then of the greatest length. */
const key = fc.oneof(
  { weight: 5, arbitrary: latin1(1, 40) },
  { weight: 1, arbitrary: latin1(LIMITS.keyBytesMax - 1, LIMITS.keyBytesMax) },
) as fc.Arbitrary<Key>;

/** Plain arrays: what is decoded must not be a Buffer. */
const value = fc.uint8Array({ maxLength: 300 });

const actor = latin1(1, 32) as fc.Arbitrary<Actor>;

const node = wellFormed(60).filter((id) => id !== '') as fc.Arbitrary<NodeId>;

const marks = fc.array(
  plain({
    requestId: wellFormed(LIMITS.requestIdCharsMax),
    dot: plain({ actor, counter: integer.map((n) => Math.max(1, n)) }),
    timestamp: integer,
  }),
  { maxLength: LIMITS.requestMarksMax },
);

/** A sound record: clock sorted, siblings sorted and within it. */
const record: fc.Arbitrary<VersionedRecord> = fc
  .uniqueArray(plain({ actor, counter: fc.integer({ min: 1, max: 2 ** 40 }), timestamp: integer }), {
    selector: (entry) => entry.actor,
    maxLength: 8,
  })
  .chain((entries) => {
    const clock = entries.sort(compareDots);
    const dots = clock.flatMap(({ actor: who, counter }) =>
      counter > 1 ? [1, counter].map((n) => ({ actor: who, counter: n })) : [{ actor: who, counter }],
    );
    return plain({
      clock: fc.constant(clock),
      siblings: fc
        .subarray(dots)
        .chain((chosen) => fc.tuple(...chosen.map((dot) => value.map((bytes) => ({ dot, value: bytes }))))),
      marks,
    });
  });

const readAnswer: fc.Arbitrary<ReadAnswer> = fc.oneof(
  plain({ status: fc.constant('found' as const), record }),
  fc.constantFrom<ReadAnswer>({ status: 'missing' }, { status: 'incomplete' }, { status: 'refused' }),
);

const putRequest: fc.Arbitrary<PutRequest> = plain(
  {
    key,
    value,
    fromVersion: fc.oneof(fc.constant(''), fc.base64String(), wellFormed(100)),
    minWrites: integer,
    quorum: fc.constantFrom('sloppy' as const, 'strict' as const),
    onConflict: fc.constantFrom('refuse' as const, 'sibling' as const),
    requestId: wellFormed(LIMITS.requestIdCharsMax),
  },
  { requiredKeys: ['key', 'value', 'fromVersion', 'quorum', 'onConflict'] },
);

const requestError = plain(
  {
    ok: fc.constant(false as const),
    code: fc.constantFrom(...(Object.keys(ERRORS) as ErrorCode[])),
    outcome: fc.constantFrom('none' as const, 'unknown' as const),
    got: integer,
    wanted: integer,
    version: fc.base64String(),
    detail: wellFormed(200),
  },
  { requiredKeys: ['ok', 'code', 'outcome'] },
) as fc.Arbitrary<RequestError>;

const putOutcome: fc.Arbitrary<PutOutcome> = fc.oneof(
  plain({
    ok: fc.constant(true as const),
    version: fc.option(fc.base64String()),
    siblings: fc.nat(LIMITS.siblingsMax),
  }),
  requestError,
);

const forwardAnswer: fc.Arbitrary<ForwardAnswer> = fc.oneof(
  plain({ status: fc.constant('done' as const), outcome: putOutcome }),
  fc.constant<ForwardAnswer>({ status: 'declined' }),
);

const request = integer;

const heights: fc.Arbitrary<NodeHeight[]> = fc.array(
  plain({ node, actor, incarnation: integer, sequence: integer }),
  { maxLength: HEIGHTS_MAX },
);

/** One arbitrary for each type of message: a new type breaks the build until it has one. */
export const messagesByType: { [T in Message['type']]: fc.Arbitrary<Extract<Message, { type: T }>> } = {
  read: plain({ type: fc.constant('read'), request, key, strict: fc.boolean() }),
  readReply: plain({ type: fc.constant('readReply'), request, answer: readAnswer }),
  write: plain(
    { type: fc.constant('write' as const), request, key, record, hintFor: node },
    { requiredKeys: ['type', 'request', 'key', 'record'] },
  ),
  writeReply: plain({
    type: fc.constant('writeReply'),
    request,
    answer: fc.constantFrom('stored' as const, 'incomplete' as const, 'refused' as const),
  }),
  forward: plain({ type: fc.constant('forward'), request, put: putRequest }),
  forwardReply: plain({ type: fc.constant('forwardReply'), request, answer: forwardAnswer }),
  ping: plain({ type: fc.constant('ping'), request, heights }),
  pong: plain({ type: fc.constant('pong'), request, heights }),
};

export const message: fc.Arbitrary<Message> = fc.oneof(...Object.values(messagesByType));

const remainingMs = fc.nat(0xffff_ffff);

const parcel: fc.Arbitrary<Parcel> = plain({ message, remainingMs });

const chunk: fc.Arbitrary<Chunk> = fc
  .record({ transferId: integer, index: fc.nat(4), remainingMs, tail: fc.integer({ min: 1, max: 500 }) })
  .chain(({ transferId, index, remainingMs: left, tail }) =>
    fc.boolean().map((last) => ({
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

const content: fc.Arbitrary<Content> = fc.oneof(
  plain({
    lane: fc.constantFrom('fast' as const, 'bulk' as const),
    messages: fc.array(parcel, { maxLength: 8 }),
  }),
  plain({
    lane: fc.constantFrom('large' as const, 'bulk' as const),
    chunks: fc.array(chunk, { maxLength: 1 }),
  }),
);

export const envelope: fc.Arbitrary<Envelope> = plain({ header, content });
