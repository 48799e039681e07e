import fc from 'fast-check';
import {
  type AcceptAnswer,
  type Ballot,
  type Candidate,
  CANDIDATES_MAX,
  type FoundAnswer,
  type MembershipMessage,
  type PromiseAnswer,
  VERSION_KEY_BYTES,
} from '../../../services/node/core/protocol/membershipMessages.js';
import { actor, integer, node, plain, wellFormed } from './elements.js';

/** Messages about the cluster document, documents being any text: they are checked behind the codec. */

const request = integer;

const document = fc.oneof(
  { weight: 20, arbitrary: wellFormed(200) },
  { weight: 1, arbitrary: fc.nat(70_000).map((length) => '{"epoch":1}'.repeat(length / 11)) },
);

const versionKey = fc.uint8Array({ minLength: VERSION_KEY_BYTES, maxLength: VERSION_KEY_BYTES });

const ballot: fc.Arbitrary<Ballot> = plain({ round: integer, node, proposal: integer });

const candidate: fc.Arbitrary<Candidate> = plain({
  id: node,
  actor,
  voter: wellFormed(32),
  busAddress: wellFormed(60),
  httpAddress: wellFormed(60),
  weight: integer,
  zone: wellFormed(20),
});

const refused = plain({ status: fc.constant('refused' as const), promised: ballot });

const promiseAnswer: fc.Arbitrary<PromiseAnswer> = fc.oneof(
  plain(
    { status: fc.constant('promised' as const), accepted: plain({ ballot, document }) },
    { requiredKeys: ['status'] },
  ),
  refused,
);

const acceptAnswer: fc.Arbitrary<AcceptAnswer> = fc.oneof(
  fc.constant<AcceptAnswer>({ status: 'accepted' }),
  refused,
);

const foundAnswer: fc.Arbitrary<FoundAnswer> = fc.oneof(
  fc.constantFrom<FoundAnswer>({ status: 'voted' }, { status: 'refused' }),
  plain({ status: fc.constant('bound' as const), attempt: integer }),
);

export const membershipMessagesByType: {
  [T in MembershipMessage['type']]: fc.Arbitrary<Extract<MembershipMessage, { type: T }>>;
} = {
  prepare: plain({ type: fc.constant('prepare'), request, epoch: integer, ballot }),
  promise: plain({ type: fc.constant('promise'), request, answer: promiseAnswer }),
  accept: plain({ type: fc.constant('accept'), request, ballot, document }),
  accepted: plain({ type: fc.constant('accepted'), request, answer: acceptAnswer }),
  document: plain({ type: fc.constant('document'), request, document }),
  fetchDocument: plain({ type: fc.constant('fetchDocument'), request, epoch: integer }),
  hello: plain({
    type: fc.constant('hello'),
    request,
    candidate,
    expects: integer,
    epoch: integer,
    known: fc.oneof(
      { weight: 20, arbitrary: fc.array(candidate, { maxLength: 4 }) },
      { weight: 1, arbitrary: fc.array(candidate, { minLength: CANDIDATES_MAX, maxLength: CANDIDATES_MAX }) },
    ),
  }),
  found: plain({ type: fc.constant('found'), request, attempt: integer, versionKey, document }),
  foundVote: plain({ type: fc.constant('foundVote'), request, attempt: integer, answer: foundAnswer }),
  founded: plain({ type: fc.constant('founded'), request, versionKey, document }),
};
