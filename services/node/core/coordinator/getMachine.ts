import { requestError, type RequestError } from '../errors.js';
import type { ReadAnswer } from '../protocol/messages.js';
import type { NodeId, VersionedRecord } from '../types.js';
import { mergeRecords } from '../versioning/record.js';
import { countIn, countOut, startTally, type Tally, verdict } from './quorum.js';

/**
 * One GET: asks the primaries, merges what they hold, answers at R. A miss counts only from a complete primary; one that
 * is not complete counts for nothing (R3), so that too few complete replicas end in 503 and never in "not found".
 */
export type GetState = CollectingGet | { readonly phase: 'done' };

interface CollectingGet {
  readonly phase: 'collecting';
  readonly tally: Tally;
  readonly merged: VersionedRecord | undefined;
  readonly incomplete: number;
}

export type GetEvent =
  | { readonly type: 'answered'; readonly from: NodeId; readonly answer: ReadAnswer }
  | { readonly type: 'unroutable'; readonly from: NodeId }
  | { readonly type: 'deadline' };

/** `found` without a record: a quorum of complete replicas holds nothing. */
export type GetResult =
  | { readonly status: 'found'; readonly record: VersionedRecord | undefined }
  | { readonly status: 'failed'; readonly error: RequestError };

export interface GetStep {
  readonly state: GetState;
  readonly result?: GetResult;
}

export function startGet(wanted: number, asked: readonly NodeId[]): GetState {
  return { phase: 'collecting', tally: startTally(wanted, asked), merged: undefined, incomplete: 0 };
}

export function stepGet(state: GetState, event: GetEvent): GetStep {
  switch (state.phase) {
    case 'collecting':
      return COLLECTING[event.type](state, event as never);
    case 'done':
      return DONE[event.type]();
  }
}

type Row<S> = {
  readonly [T in GetEvent['type']]: (state: S, event: Extract<GetEvent, { type: T }>) => GetStep;
};

const COLLECTING: Row<CollectingGet> = {
  answered: (state, { from, answer }) => judge(onAnswer(state, from, answer)),
  unroutable: (state, { from }) => judge({ ...state, tally: countOut(state.tally, from) }),
  deadline: (state) => fail(state),
};

const late = (): GetStep => ({ state: { phase: 'done' } });
const DONE: Readonly<Record<GetEvent['type'], () => GetStep>> = {
  answered: late,
  unroutable: late,
  deadline: late,
};

function onAnswer(state: CollectingGet, from: NodeId, answer: ReadAnswer): CollectingGet {
  if (!state.tally.pending.includes(from)) return state;
  switch (answer.status) {
    case 'found': {
      const merged = state.merged ? mergeRecords(state.merged, answer.record) : answer.record;
      return { ...state, merged, tally: countIn(state.tally, from) };
    }
    case 'missing':
      return { ...state, tally: countIn(state.tally, from) };
    case 'incomplete':
      return { ...state, tally: countOut(state.tally, from), incomplete: state.incomplete + 1 };
    case 'refused':
      return { ...state, tally: countOut(state.tally, from) };
  }
}

function judge(state: CollectingGet): GetStep {
  switch (verdict(state.tally)) {
    case 'enough':
      return { state: { phase: 'done' }, result: { status: 'found', record: state.merged } };
    case 'impossible':
      return fail(state);
    case 'open':
      return { state };
  }
}

function fail({ tally, incomplete }: CollectingGet): GetStep {
  const counts = { got: tally.counted, wanted: tally.wanted };
  const error =
    tally.counted === 0 && incomplete > 0
      ? requestError('no_complete_replica', counts)
      : requestError('quorum_not_met', counts, 'none');
  return { state: { phase: 'done' }, result: { status: 'failed', error } };
}
