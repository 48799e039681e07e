import fc from 'fast-check';
import { ERRORS } from '../../../services/node/core/errors.js';
import type { ErrorCode, RequestError } from '../../../services/node/core/errors.js';
import { HEIGHTS_MAX } from '../../../services/node/core/protocol/messages.js';
import type {
  ForwardAnswer,
  Message,
  NodeHeight,
  PutOutcome,
  PutRequest,
  ReadAnswer,
} from '../../../services/node/core/protocol/messages.js';
import { LIMITS } from '../../../services/node/core/types.js';
import type { Key, VersionedRecord } from '../../../services/node/core/types.js';
import { compareDots } from '../../../services/node/core/versioning/clock.js';
import { actor, integer, latin1, node, plain, wellFormed } from './elements.js';
import { membershipMessagesByType } from './membership.js';

/** Everything that may stand in a message, hostile bytes and bounds included: what is made here must survive the wire. */

const request = integer;

/** Small as a rule, and now and then of the greatest length. */
const key = fc.oneof(
  { weight: 20, arbitrary: latin1(1, 40) },
  { weight: 1, arbitrary: latin1(LIMITS.keyBytesMax - 1, LIMITS.keyBytesMax) },
) as fc.Arbitrary<Key>;

/** Plain arrays: what is decoded must not be a Buffer. */
const value = fc.uint8Array({ maxLength: 300 });

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
  ...membershipMessagesByType,
};

export const message: fc.Arbitrary<Message> = fc.oneof(...Object.values(messagesByType));
