import { assert, assertNever } from '../assert.js';
import { ACTOR_CHARS_MAX, readActor } from '../versioning/recordCodec.js';
import { type ByteReader, type ByteWriter, DecodeError } from './bytes.js';
import {
  type AcceptAnswer,
  type Ballot,
  type Candidate,
  CANDIDATES_MAX,
  DOCUMENT_CHARS_MAX,
  type FoundAnswer,
  type MembershipMessage,
  type PromiseAnswer,
  VERSION_KEY_BYTES,
} from './membershipMessages.js';
import { INTEGER_BYTES_MAX, integerBytes, nodeBytes, readNode, readText, textBytes } from './requestCodec.js';
import type { RequestNumber } from './requestNumber.js';
import { wordCodec } from './words.js';

/**
 * Binary form of the messages about the cluster document; see codec.ts. Documents and names are texts here: what they may
 * say is judged by whoever acts on them.
 */

const ADDRESS_CHARS_MAX = 256;
const VOTER_CHARS_MAX = 32;

const PROMISES = wordCodec<'promised' | 'promisedWith' | 'refused'>({
  promised: 0,
  promisedWith: 1,
  refused: 2,
});
const ACCEPTS = wordCodec<AcceptAnswer['status']>({ accepted: 0, refused: 1 });
const FOUND_ANSWERS = wordCodec<FoundAnswer['status']>({ voted: 0, bound: 1, refused: 2 });

/** Upper bound of what {@link writeMembership} writes; refuses what {@link readMembership} would refuse. */
export function membershipBytes(message: MembershipMessage): number {
  switch (message.type) {
    case 'prepare':
      return integerBytes(message.epoch) + ballotBytes(message.ballot);
    case 'promise':
      return 1 + promiseBytes(message.answer);
    case 'accept':
      return ballotBytes(message.ballot) + documentBytes(message.document);
    case 'accepted':
      return 1 + (message.answer.status === 'refused' ? ballotBytes(message.answer.promised) : 0);
    case 'document':
      return documentBytes(message.document);
    case 'fetchDocument':
      return integerBytes(message.epoch);
    case 'hello':
      return (
        candidateBytes(message.candidate) +
        integerBytes(message.expects) +
        integerBytes(message.epoch) +
        candidatesBytes(message.known)
      );
    case 'found':
      return integerBytes(message.attempt) + keyBytes(message.versionKey) + documentBytes(message.document);
    case 'foundVote':
      return integerBytes(message.attempt) + 1 + foundAnswerBytes(message.answer);
    case 'founded':
      return keyBytes(message.versionKey) + documentBytes(message.document);
    default:
      return assertNever(message);
  }
}

/** The fields behind type and request number. */
export function writeMembership(out: ByteWriter, message: MembershipMessage): void {
  switch (message.type) {
    case 'prepare':
      out.varint(message.epoch);
      return writeBallot(out, message.ballot);
    case 'promise':
      return writePromise(out, message.answer);
    case 'accept':
      writeBallot(out, message.ballot);
      return void out.text(message.document);
    case 'accepted':
      ACCEPTS.write(out, message.answer.status);
      if (message.answer.status === 'refused') writeBallot(out, message.answer.promised);
      return;
    case 'document':
      return void out.text(message.document);
    case 'fetchDocument':
      return void out.varint(message.epoch);
    case 'hello':
      writeCandidate(out, message.candidate);
      out.varint(message.expects).varint(message.epoch).varint(message.known.length);
      for (const candidate of message.known) writeCandidate(out, candidate);
      return;
    case 'found':
      return void out.varint(message.attempt).raw(message.versionKey).text(message.document);
    case 'foundVote':
      out.varint(message.attempt);
      FOUND_ANSWERS.write(out, message.answer.status);
      if (message.answer.status === 'bound') out.varint(message.answer.attempt);
      return;
    case 'founded':
      return void out.raw(message.versionKey).text(message.document);
    default:
      assertNever(message);
  }
}

export function readMembership(
  type: MembershipMessage['type'],
  request: RequestNumber,
  input: ByteReader,
): MembershipMessage {
  switch (type) {
    case 'prepare':
      return { type, request, epoch: input.varint(), ballot: readBallot(input) };
    case 'promise':
      return { type, request, answer: readPromise(input) };
    case 'accept':
      return { type, request, ballot: readBallot(input), document: readDocument(input) };
    case 'accepted':
      return { type, request, answer: readAccepted(input) };
    case 'document':
      return { type, request, document: readDocument(input) };
    case 'fetchDocument':
      return { type, request, epoch: input.varint() };
    case 'hello':
      return readHello(request, input);
    case 'found':
      return { type, request, attempt: input.varint(), ...readCluster(input) };
    case 'foundVote':
      return { type, request, attempt: input.varint(), answer: readFoundAnswer(input) };
    case 'founded':
      return { type, request, ...readCluster(input) };
    default:
      return assertNever(type);
  }
}

function writeBallot(out: ByteWriter, { round, node, proposal }: Ballot): void {
  out.varint(round).text(node).varint(proposal);
}

function readBallot(input: ByteReader): Ballot {
  return { round: input.varint(), node: readNode(input), proposal: input.varint() };
}

function ballotBytes({ round, node, proposal }: Ballot): number {
  return integerBytes(round) + nodeBytes(node) + integerBytes(proposal);
}

function writePromise(out: ByteWriter, answer: PromiseAnswer): void {
  if (answer.status === 'refused') {
    PROMISES.write(out, 'refused');
    writeBallot(out, answer.promised);
  } else if (answer.accepted) {
    PROMISES.write(out, 'promisedWith');
    writeBallot(out, answer.accepted.ballot);
    out.text(answer.accepted.document);
  } else {
    PROMISES.write(out, 'promised');
  }
}

function readPromise(input: ByteReader): PromiseAnswer {
  const answer = PROMISES.read(input);
  if (answer === 'refused') return { status: 'refused', promised: readBallot(input) };
  if (answer === 'promised') return { status: 'promised' };
  return {
    status: 'promised',
    accepted: { ballot: readBallot(input), document: readDocument(input) },
  };
}

function promiseBytes(answer: PromiseAnswer): number {
  if (answer.status === 'refused') return ballotBytes(answer.promised);
  return answer.accepted ? ballotBytes(answer.accepted.ballot) + documentBytes(answer.accepted.document) : 0;
}

function readAccepted(input: ByteReader): AcceptAnswer {
  const status = ACCEPTS.read(input);
  return status === 'refused' ? { status, promised: readBallot(input) } : { status };
}

function readFoundAnswer(input: ByteReader): FoundAnswer {
  const status = FOUND_ANSWERS.read(input);
  return status === 'bound' ? { status, attempt: input.varint() } : { status };
}

function foundAnswerBytes(answer: FoundAnswer): number {
  return answer.status === 'bound' ? integerBytes(answer.attempt) : 0;
}

function readHello(request: RequestNumber, input: ByteReader): MembershipMessage {
  const candidate = readCandidate(input);
  const expects = input.varint();
  const epoch = input.varint();
  const count = input.varint();
  if (count > CANDIDATES_MAX) throw new DecodeError('too many candidates');
  const known: Candidate[] = [];
  while (known.length < count) known.push(readCandidate(input));
  return { type: 'hello', request, candidate, expects, epoch, known };
}

function writeCandidate(out: ByteWriter, candidate: Candidate): void {
  const { id, actor, voter, busAddress, httpAddress, weight, zone } = candidate;
  out.text(id).latin1(actor).text(voter).text(busAddress).text(httpAddress).varint(weight).text(zone);
}

function readCandidate(input: ByteReader): Candidate {
  return {
    id: readNode(input),
    actor: readActor(input),
    voter: readText(input, VOTER_CHARS_MAX),
    busAddress: readText(input, ADDRESS_CHARS_MAX),
    httpAddress: readText(input, ADDRESS_CHARS_MAX),
    weight: input.varint(),
    zone: readText(input, ADDRESS_CHARS_MAX),
  };
}

function candidateBytes(candidate: Candidate): number {
  const { id, actor, voter, busAddress, httpAddress, weight, zone } = candidate;
  assert(actor.length > 0 && actor.length <= ACTOR_CHARS_MAX, 'an actor on the bus is within its bounds');
  return (
    nodeBytes(id) +
    INTEGER_BYTES_MAX +
    actor.length +
    textBytes(voter, VOTER_CHARS_MAX) +
    textBytes(busAddress, ADDRESS_CHARS_MAX) +
    textBytes(httpAddress, ADDRESS_CHARS_MAX) +
    integerBytes(weight) +
    textBytes(zone, ADDRESS_CHARS_MAX)
  );
}

function candidatesBytes(candidates: readonly Candidate[]): number {
  assert(candidates.length <= CANDIDATES_MAX, 'candidates are told in turns');
  return candidates.reduce((bytes, candidate) => bytes + candidateBytes(candidate), INTEGER_BYTES_MAX);
}

function readDocument(input: ByteReader): string {
  return readText(input, DOCUMENT_CHARS_MAX);
}

function documentBytes(document: string): number {
  return textBytes(document, DOCUMENT_CHARS_MAX);
}

/** A copy: what the key is read from is reused. */
function readCluster(input: ByteReader): { readonly versionKey: Uint8Array; readonly document: string } {
  return { versionKey: Uint8Array.from(input.raw(VERSION_KEY_BYTES)), document: readDocument(input) };
}

function keyBytes(versionKey: Uint8Array): number {
  assert(versionKey.length === VERSION_KEY_BYTES, 'a version key has 32 bytes');
  return VERSION_KEY_BYTES;
}
