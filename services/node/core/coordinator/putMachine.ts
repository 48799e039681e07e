import { requestError, type RequestError } from '../errors.js';
import type { WriteAnswer } from '../protocol/messages.js';
import type { NodeId, VersionedRecord } from '../types.js';
import { countIn, countOut, startTally, type Tally, verdict } from './quorum.js';

/**
 * One PUT at its coordinator: resolving (waits for the newest record here) → persisting (the minted record is on its way
 * to this disk) → replicating (durable here, and only now sent to the other primaries: R1) → settling (answered, some
 * primaries still to hear from) → done. Answers at W durable copies, its own being one (I1). A stale write goes from
 * resolving to refusing, where it waits as long as the record that beat it is not durable.
 */
export type PutState =
  | {
      readonly phase: 'resolving';
      readonly wanted: number;
      readonly self: NodeId;
      readonly others: readonly NodeId[];
    }
  | Persisting
  | { readonly phase: 'refusing'; readonly error: RequestError }
  | Replicating
  | { readonly phase: 'settling'; readonly missing: readonly NodeId[] }
  | { readonly phase: 'done' };

interface Persisting {
  readonly phase: 'persisting';
  readonly wanted: number;
  readonly self: NodeId;
  readonly others: readonly NodeId[];
  readonly record: VersionedRecord;
}

interface Replicating {
  readonly phase: 'replicating';
  readonly tally: Tally;
}

export type PutEvent =
  /** The write was resolved to this record, newly minted or recognised as a repeat. */
  | { readonly type: 'resolved'; readonly record: VersionedRecord }
  /** The write was refused before anything was stored. */
  | { readonly type: 'refused'; readonly error: RequestError }
  /**
   * The write is refused with the version of a record that may not be durable yet. Told before it is, and undone by a
   * crash, that version would cover a later write that gets the same dot, unseen by its client (I3, I4).
   */
  | { readonly type: 'stale'; readonly error: RequestError }
  /** The record here is not sound or its load failed, so that this node must not mint on it (R2). */
  | { readonly type: 'unsound' }
  | { readonly type: 'stored' }
  | { readonly type: 'storeFailed' }
  | { readonly type: 'answered'; readonly from: NodeId; readonly answer: WriteAnswer }
  | { readonly type: 'unroutable'; readonly from: NodeId }
  | { readonly type: 'deadline' };

export type PutResult =
  | { readonly status: 'written' }
  | { readonly status: 'failed'; readonly error: RequestError }
  /** Nothing was done; another primary may coordinate (R6). */
  | { readonly status: 'declined' };

export interface PutStep {
  readonly state: PutState;
  /** Send this finished record to these nodes. */
  readonly send?: { readonly to: readonly NodeId[]; readonly record: VersionedRecord };
  readonly result?: PutResult;
  /** How many primaries had not confirmed when the write was forgotten. */
  readonly missed?: number;
}

type PhaseOf<P extends PutState['phase']> = Extract<PutState, { phase: P }>;
type EventOf<T extends PutEvent['type']> = Extract<PutEvent, { type: T }>;
type Cell<P extends PutState['phase'], T extends PutEvent['type']> = (
  state: PhaseOf<P>,
  event: EventOf<T>,
) => PutStep;
type Table = { readonly [P in PutState['phase']]: { readonly [T in PutEvent['type']]: Cell<P, T> } };

export function startPut(wanted: number, self: NodeId, others: readonly NodeId[]): PutState {
  return { phase: 'resolving', wanted, self, others };
}

export function stepPut(state: PutState, event: PutEvent): PutStep {
  const cell = PUT_TABLE[state.phase][event.type] as (state: PutState, event: PutEvent) => PutStep;
  return cell(state, event);
}

const stay = (state: PutState): PutStep => ({ state });
const end = (result: PutResult): PutStep => ({ state: { phase: 'done' }, result });
const fail = (error: RequestError): PutStep => end({ status: 'failed', error });

/** State × event, no cell empty: a new phase or event does not build until every pairing has an answer. */
export const PUT_TABLE: Table = {
  resolving: {
    resolved: ({ wanted, self, others }, { record }) =>
      stay({ phase: 'persisting', wanted, self, others, record }),
    refused: (_, { error }) => fail(error),
    stale: (_, { error }) => stay({ phase: 'refusing', error }),
    unsound: () => end({ status: 'declined' }),
    stored: stay,
    storeFailed: stay,
    answered: stay,
    unroutable: stay,
    deadline: () => fail(requestError('deadline_exceeded', {}, 'none')),
  },
  refusing: {
    resolved: stay,
    refused: stay,
    stale: stay,
    unsound: stay,
    stored: ({ error }) => fail(error),
    storeFailed: () => fail(requestError('storage_unavailable', {}, 'none')),
    answered: stay,
    unroutable: stay,
    deadline: () => fail(requestError('deadline_exceeded', {}, 'none')),
  },
  persisting: {
    resolved: stay,
    refused: stay,
    stale: stay,
    unsound: stay,
    stored: onStored,
    storeFailed: () => fail(requestError('storage_unavailable', {}, 'unknown')),
    answered: stay,
    unroutable: stay,
    deadline: () => fail(requestError('deadline_exceeded', {}, 'unknown')),
  },
  replicating: {
    resolved: stay,
    refused: stay,
    stale: stay,
    unsound: stay,
    stored: stay,
    storeFailed: stay,
    answered: ({ tally }, { from, answer }) =>
      judge(answer === 'stored' ? countIn(tally, from) : countOut(tally, from)),
    unroutable: ({ tally }, { from }) => judge(countOut(tally, from)),
    deadline: ({ tally }) => quorumMissed(tally),
  },
  settling: {
    resolved: stay,
    refused: stay,
    stale: stay,
    unsound: stay,
    stored: stay,
    storeFailed: stay,
    answered: ({ missing }, { from, answer }) =>
      answer === 'stored' ? settle(missing, from) : stay({ phase: 'settling', missing }),
    unroutable: stay,
    deadline: ({ missing }) => ({ state: { phase: 'done' }, missed: missing.length }),
  },
  done: {
    resolved: stay,
    refused: stay,
    stale: stay,
    unsound: stay,
    stored: stay,
    storeFailed: stay,
    answered: stay,
    unroutable: stay,
    deadline: stay,
  },
};

function onStored({ wanted, self, others, record }: Persisting): PutStep {
  const tally = countIn(startTally(wanted, [self, ...others]), self);
  return { ...judge(tally), send: { to: others, record } };
}

function judge(tally: Tally): PutStep {
  switch (verdict(tally)) {
    case 'enough':
      return { state: afterReply(unconfirmed(tally)), result: { status: 'written' } };
    case 'impossible':
      return quorumMissed(tally);
    case 'open':
      return { state: { phase: 'replicating', tally } };
  }
}

/** The record is durable here and may be elsewhere: whether it prevails is unknown to the client. */
function quorumMissed(tally: Tally): PutStep {
  const error = requestError('quorum_not_met', { got: tally.counted, wanted: tally.wanted }, 'unknown');
  return { ...fail(error), missed: unconfirmed(tally).length };
}

function unconfirmed(tally: Tally): readonly NodeId[] {
  return [...tally.pending, ...tally.out];
}

function afterReply(missing: readonly NodeId[]): PutState {
  return missing.length === 0 ? { phase: 'done' } : { phase: 'settling', missing };
}

function settle(missing: readonly NodeId[], confirmed: NodeId): PutStep {
  return { state: afterReply(missing.filter((node) => node !== confirmed)) };
}
