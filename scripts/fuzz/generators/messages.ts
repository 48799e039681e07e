import fc from 'fast-check';
import { ERRORS } from '../../../services/node/core/errors.js';
import type { ErrorCode, RequestError } from '../../../services/node/core/errors.js';
import { HEIGHTS_MAX, LEAF_TABLE_BYTES, ROOTS_MAX } from '../../../services/node/core/protocol/messages.js';
import type {
  ForwardAnswer,
  Message,
  NodeHeight,
  OtherEpoch,
  PullAnswer,
  PutOutcome,
  PutRequest,
  ReadAnswer,
} from '../../../services/node/core/protocol/messages.js';
import { LIMITS } from '../../../services/node/core/types.js';
import type { Key, Partition, VersionedRecord } from '../../../services/node/core/types.js';
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

const dot = plain({ actor, counter: integer.map((n) => Math.max(1, n)) });

const marks = fc.array(
  plain({
    requestId: wellFormed(LIMITS.requestIdCharsMax),
    dot,
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

const otherEpoch: fc.Arbitrary<OtherEpoch> = plain({
  status: fc.constant('otherEpoch' as const),
  epoch: integer,
});

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

const partition = fc.nat(0xffff) as fc.Arbitrary<Partition>;
const partitions = fc.array(partition, { maxLength: ROOTS_MAX });
const roots = fc.array(plain({ partition, root: integer }), { maxLength: ROOTS_MAX });
const listedKey = plain({ key, hash: integer, bytes: integer, isExpired: fc.boolean() });
const leafRange = fc.tuple(fc.nat(0xff), fc.nat(0xff)).map(([a, b]) => ({
  first: Math.min(a, b),
  last: Math.max(a, b),
}));

/** One arbitrary for each type of message: a new type breaks the build until it has one. */
export const messagesByType: { [T in Message['type']]: fc.Arbitrary<Message & { readonly type: T }> } = {
  read: plain({ type: fc.constant('read'), request, key, since: integer, strict: fc.boolean() }),
  readReply: plain({ type: fc.constant('readReply'), request, answer: fc.oneof(readAnswer, otherEpoch) }),
  write: plain(
    { type: fc.constant('write' as const), request, key, since: integer, record, hintFor: node },
    { requiredKeys: ['type', 'request', 'key', 'since', 'record'] },
  ),
  writeReply: plain({
    type: fc.constant('writeReply'),
    request,
    answer: fc.oneof(
      fc.constantFrom('stored' as const, 'incomplete' as const, 'refused' as const),
      otherEpoch,
    ),
  }),
  forward: plain({ type: fc.constant('forward'), request, put: putRequest }),
  forwardReply: plain({ type: fc.constant('forwardReply'), request, answer: forwardAnswer }),
  compare: plain({ type: fc.constant('compare'), request, epoch: integer, roots }),
  compared: plain({ type: fc.constant('compared'), request, differing: partitions, unready: partitions }),
  leaves: plain({ type: fc.constant('leaves'), request, partition }),
  leavesReply: plain(
    {
      type: fc.constant('leavesReply' as const),
      request,
      leaves: fc.uint8Array({ minLength: LEAF_TABLE_BYTES, maxLength: LEAF_TABLE_BYTES }),
    },
    { requiredKeys: ['type', 'request'] },
  ),
  list: leafRange.chain(({ first, last }) =>
    plain(
      {
        type: fc.constant('list' as const),
        request,
        partition,
        first: fc.constant(first),
        last: fc.constant(last),
        after: key,
      },
      { requiredKeys: ['type', 'request', 'partition', 'first', 'last'] },
    ),
  ),
  listed: plain(
    {
      type: fc.constant('listed' as const),
      request,
      page: plain({ more: fc.boolean(), entries: fc.array(listedKey, { maxLength: 40 }) }),
    },
    { requiredKeys: ['type', 'request'] },
  ),
  pull: plain({ type: fc.constant('pull'), request, key }),
  pulled: plain({
    type: fc.constant('pulled'),
    request,
    answer: fc.oneof(readAnswer, fc.constant<PullAnswer>({ status: 'damaged' })),
  }),
  reap: plain({
    type: fc.constant('reap'),
    request,
    phase: fc.constantFrom('ask' as const, 'drop' as const),
    items: fc.array(
      fc.oneof(
        plain({ what: fc.constant('tombstone' as const), key, hash: integer }),
        plain({ what: fc.constant('entry' as const), key, dot }),
      ),
      { maxLength: 20 },
    ),
  }),
  reaped: plain({ type: fc.constant('reaped'), request, agreed: fc.array(integer, { maxLength: 20 }) }),
  ping: plain({ type: fc.constant('ping'), request, epoch: integer, heights }),
  pong: plain({ type: fc.constant('pong'), request, epoch: integer, heights }),
  ...membershipMessagesByType,
};

export const message: fc.Arbitrary<Message> = fc.oneof(...Object.values(messagesByType));
