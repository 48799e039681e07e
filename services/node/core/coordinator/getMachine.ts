import { requestError, type RequestError } from '../errors.js';
import type { ReadAnswer } from '../protocol/messages.js';
import type { NodeId, VersionedRecord } from '../types.js';
import { isTombstone, mergeRecords } from '../versioning/record.js';
import { askToo, countIn, countOut, startTally, type Tally, verdict } from './quorum.js';

/**
 * One GET: asks R primaries, merges what they hold, answers at R. Whoever cannot answer is replaced: by a primary that was
 * not asked yet, then by a fallback (R4); one that is only slow is joined by the rest. A miss counts only from a complete
 * primary, a fallback only where it holds the key, and a replica that is not complete counts for nothing (R3): too few
 * complete replicas end in 503 and never in "not found".
 */
export type GetState = CollectingGet | { readonly phase: 'done' };

/** Who may be asked, best first. With strict quorum there are no fallbacks. */
export interface ReadSet {
  readonly primaries: readonly NodeId[];
  readonly fallbacks: readonly NodeId[];
}

interface CollectingGet {
  readonly phase: 'collecting';
  readonly tally: Tally;
  readonly primaries: readonly NodeId[];
  /** Primaries first. */
  readonly unasked: readonly NodeId[];
  /** Asked like others, but not relied on. */
  readonly suspects: ReadonlySet<NodeId>;
  /** What complete primaries hold. */
  readonly held: readonly Held[];
  readonly merged: VersionedRecord | undefined;
  readonly incomplete: number;
}

interface Held {
  readonly node: NodeId;
  readonly record: VersionedRecord | undefined;
}

export type GetEvent =
  | { readonly type: 'answered'; readonly from: NodeId; readonly answer: ReadAnswer }
  | { readonly type: 'unroutable'; readonly from: NodeId }
  /** Silent for so long that it may be dead; its answer still counts. */
  | { readonly type: 'suspect'; readonly from: NodeId }
  /** The primaries that were asked take longer than usual. */
  | { readonly type: 'hedge' }
  | { readonly type: 'deadline' };

/** `found` without a record: a quorum of complete replicas holds nothing. */
export type GetResult =
  | {
      readonly status: 'found';
      readonly record: VersionedRecord | undefined;
      /** Primaries that lack some of the record. */
      readonly behind: readonly NodeId[];
    }
  | { readonly status: 'failed'; readonly error: RequestError };

export interface GetStep {
  readonly state: GetState;
  readonly ask?: readonly NodeId[];
  readonly result?: GetResult;
}

/** `suspects` are joined by others from the start. */
export function startGet(
  wanted: number,
  { primaries, fallbacks }: ReadSet,
  suspects: ReadonlySet<NodeId>,
): GetStep {
  const asked = primaries.slice(0, wanted);
  const state: CollectingGet = {
    phase: 'collecting',
    tally: startTally(wanted, asked),
    primaries,
    unasked: primaries.slice(wanted).concat(fallbacks),
    suspects,
    held: [],
    merged: undefined,
    incomplete: 0,
  };
  if (suspects.size === 0) return { state, ask: asked };
  const step = askEnough(state);
  return { state: step.state, ask: [...asked, ...(step.ask ?? [])] };
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
  answered: (state, { from, answer }) =>
    state.tally.pending.includes(from) ? onAnswer(state, from, answer) : { state },
  unroutable: (state, { from }) => without(state, from),
  suspect: (state, { from }) => askEnough({ ...state, suspects: new Set([...state.suspects, from]) }),
  hedge: (state) => askMore(state, state.unasked.filter((node) => state.primaries.includes(node)).length),
  deadline: (state) => fail(state),
};

const late = (): GetStep => ({ state: { phase: 'done' } });
const DONE: Readonly<Record<GetEvent['type'], () => GetStep>> = {
  answered: late,
  unroutable: late,
  suspect: late,
  hedge: late,
  deadline: late,
};

function onAnswer(state: CollectingGet, from: NodeId, answer: ReadAnswer): GetStep {
  const isPrimary = state.primaries.includes(from);
  switch (answer.status) {
    case 'found': {
      const merged = state.merged ? mergeRecords(state.merged, answer.record) : answer.record;
      const held = isPrimary ? [...state.held, { node: from, record: answer.record }] : state.held;
      return judge({ ...state, merged, held, tally: countIn(state.tally, from) });
    }
    case 'missing': {
      if (!isPrimary) return without(state, from);
      const held = [...state.held, { node: from, record: undefined }];
      return judge({ ...state, held, tally: countIn(state.tally, from) });
    }
    case 'incomplete':
      return without({ ...state, incomplete: state.incomplete + 1 }, from);
    case 'refused':
      return without(state, from);
  }
}

/** `node` will not count; another takes its place. */
function without(state: CollectingGet, node: NodeId): GetStep {
  if (!state.tally.pending.includes(node)) return { state };
  const left = { ...state, tally: countOut(state.tally, node) };
  const step = askEnough(left);
  return step.ask ? step : judge(left);
}

/** Asks until a quorum is likely to answer; suspects on the way are asked as well. */
function askEnough(state: CollectingGet): GetStep {
  const { tally, unasked, suspects } = state;
  const isLikely = (node: NodeId): boolean => !suspects.has(node);
  let lacking = tally.wanted - tally.counted - tally.pending.filter(isLikely).length;
  let count = 0;
  for (const node of unasked) {
    if (lacking <= 0) break;
    if (isLikely(node)) lacking -= 1;
    count += 1;
  }
  return askMore(state, count);
}

function askMore(state: CollectingGet, count: number): GetStep {
  const ask = state.unasked.slice(0, count);
  if (ask.length === 0) return { state };
  const tally = ask.reduce(askToo, state.tally);
  return { state: { ...state, tally, unasked: state.unasked.slice(count) }, ask };
}

function judge(state: CollectingGet): GetStep {
  switch (verdict(state.tally, state.unasked.length)) {
    case 'enough':
      return {
        state: { phase: 'done' },
        result: { status: 'found', record: state.merged, behind: behind(state) },
      };
    case 'impossible':
      return fail(state);
    case 'open':
      return { state };
  }
}

/** A tombstone is not given to a replica that holds nothing: it may have reaped it (R13). */
function behind({ held, merged }: CollectingGet): readonly NodeId[] {
  if (!merged) return [];
  const lacking = held.filter(({ record }) =>
    record ? mergeRecords(record, merged) !== record : !isTombstone(merged),
  );
  return lacking.map(({ node }) => node);
}

function fail({ tally, incomplete }: CollectingGet): GetStep {
  const counts = { got: tally.counted, wanted: tally.wanted };
  const error =
    tally.counted === 0 && incomplete > 0
      ? requestError('no_complete_replica', counts)
      : requestError('quorum_not_met', counts, 'none');
  return { state: { phase: 'done' }, result: { status: 'failed', error } };
}
