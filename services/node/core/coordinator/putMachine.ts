import { requestError, type RequestError } from '../errors.js';
import type { WriteAnswer } from '../protocol/messages.js';
import type { NodeId, VersionedRecord } from '../types.js';
import { countPlace, isPaidBy, isUpTo, type Owed, owedTo } from './owed.js';
import { askToo, countIn, countOut, startTally, type Tally, verdict } from './quorum.js';

/**
 * One PUT at its coordinator: resolving (waits for the newest record here) → persisting (the minted record is on its way
 * to this disk) → replicating (durable here, and only now sent to the other primaries: R1) → settling (answered, some
 * primaries still to hear from) → done. Answers at W durable copies, its own being one (I1). A primary that is unroutable,
 * refuses or is silent past its suspect time is replaced by a fallback at once; where there is none left, or the client
 * has its answer already, this node keeps the hint (R4, R5). A stale write goes from resolving to refusing, where it
 * waits as long as the record that beat it is not durable.
 */
export type PutState =
  | ({ readonly phase: 'resolving' } & WriteSet)
  | Persisting
  | { readonly phase: 'refusing'; readonly error: RequestError }
  | Replicating
  | { readonly phase: 'settling'; readonly owed: readonly Owed[] }
  | { readonly phase: 'done' };

/** Who is to hold the write: this node, the other primaries, and who may stand in for those, best first. */
export interface WriteSet {
  readonly wanted: number;
  readonly self: NodeId;
  readonly others: readonly NodeId[];
  readonly fallbacks: readonly NodeId[];
}

interface Persisting extends WriteSet {
  readonly phase: 'persisting';
  readonly record: VersionedRecord;
}

interface Replicating {
  readonly phase: 'replicating';
  readonly tally: Tally;
  readonly record: VersionedRecord;
  readonly fallbacks: readonly NodeId[];
  readonly owed: readonly Owed[];
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
  /** Durable here; `suspects` are not waited for. */
  | { readonly type: 'stored'; readonly suspects: ReadonlySet<NodeId> }
  | { readonly type: 'storeFailed' }
  | { readonly type: 'answered'; readonly from: NodeId; readonly answer: WriteAnswer }
  | { readonly type: 'unroutable'; readonly from: NodeId }
  /** Silent for so long that it may be dead; its answer still counts. */
  | { readonly type: 'suspect'; readonly from: NodeId }
  | { readonly type: 'deadline' };

export type PutResult =
  | { readonly status: 'written' }
  | { readonly status: 'failed'; readonly error: RequestError }
  /** Nothing was done; another primary may coordinate (R6). */
  | { readonly status: 'declined' };

/** To whom the finished record goes; with `hintFor`, to stand in for that primary. */
export interface Destination {
  readonly node: NodeId;
  readonly hintFor?: NodeId;
}

export interface PutStep {
  readonly state: PutState;
  /** Send this finished record to these nodes. */
  readonly send?: { readonly to: readonly Destination[]; readonly record: VersionedRecord };
  readonly result?: PutResult;
  /** Primaries for which this node keeps a hint from now on. */
  readonly hints?: readonly NodeId[];
}

type PhaseOf<P extends PutState['phase']> = Extract<PutState, { phase: P }>;
type EventOf<T extends PutEvent['type']> = Extract<PutEvent, { type: T }>;
type Cell<P extends PutState['phase'], T extends PutEvent['type']> = (
  state: PhaseOf<P>,
  event: EventOf<T>,
) => PutStep;
type Table = { readonly [P in PutState['phase']]: { readonly [T in PutEvent['type']]: Cell<P, T> } };

export function startPut(set: WriteSet): PutState {
  const { wanted, self, others, fallbacks } = set;
  return { phase: 'resolving', wanted, self, others, fallbacks };
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
    resolved: (state, { record }) => stay({ ...state, phase: 'persisting', record }),
    refused: (_, { error }) => fail(error),
    stale: (_, { error }) => stay({ phase: 'refusing', error }),
    unsound: () => end({ status: 'declined' }),
    stored: stay,
    storeFailed: stay,
    answered: stay,
    unroutable: stay,
    suspect: stay,
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
    suspect: stay,
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
    suspect: stay,
    // The record may become durable yet, and nobody else has it.
    deadline: ({ others }) => ({ ...fail(requestError('deadline_exceeded', {}, 'unknown')), hints: others }),
  },
  replicating: {
    resolved: stay,
    refused: stay,
    stale: stay,
    unsound: stay,
    stored: stay,
    storeFailed: stay,
    answered: onAnswer,
    unroutable: (state, { from }) => judge(replace({ ...state, tally: countOut(state.tally, from) }, from)),
    suspect: (state, { from }) => {
      const fallbacks = state.fallbacks.filter((node) => node !== from);
      return judge(replace({ ...state, fallbacks }, from));
    },
    deadline: ({ tally, owed }) => quorumMissed(tally, owed),
  },
  settling: {
    resolved: stay,
    refused: stay,
    stale: stay,
    unsound: stay,
    stored: stay,
    storeFailed: stay,
    answered: ({ owed }, { from, answer }) => {
      if (answer === 'refused') return giveUp(owed, from);
      return { state: settling(owed.filter((one) => !isPaidBy(one, from, answer))) };
    },
    unroutable: ({ owed }, { from }) => giveUp(owed, from),
    suspect: ({ owed }, { from }) => giveUp(owed, from),
    deadline: ({ owed }) => ({ state: { phase: 'done' }, hints: owedTo(owed) }),
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
    suspect: stay,
    deadline: stay,
  },
};

function onStored(state: Persisting, { suspects }: EventOf<'stored'>): PutStep {
  const { wanted, self, others, record } = state;
  const fallbacks = state.fallbacks.filter((node) => !suspects.has(node));
  const tally = countIn(startTally(wanted, [self, ...others]), self);
  const owed = others.map((target) => ({ target, standIns: [], isHinted: false }));
  let step: Replacing = {
    state: { phase: 'replicating', tally, record, fallbacks, owed },
    to: [],
    hints: [],
  };
  for (const node of others) if (suspects.has(node)) step = replaceToo(step, node);
  return judge({ ...step, to: [...others.map((node) => ({ node })), ...step.to] });
}

function onAnswer(state: Replicating, { from, answer }: EventOf<'answered'>): PutStep {
  const { tally, owed } = state;
  const paid = owed.find((one) => isPaidBy(one, from, answer));
  if (!paid) return judge(replace({ ...state, tally: countOut(tally, from) }, from));
  const counted = answer === 'stored' ? countPlace(tally, paid, from) : countOut(tally, from);
  return judge(nothingMore({ ...state, tally: counted, owed: owed.filter((one) => one !== paid) }));
}

/** A replicating write, who is asked now, and for whom nobody is left to ask. */
interface Replacing {
  readonly state: Replicating;
  readonly to: readonly Destination[];
  readonly hints: readonly NodeId[];
}

function nothingMore(state: Replicating): Replacing {
  return { state, to: [], hints: [] };
}

/** Has the next fallback stand in for a primary, or for the fallback that stood in for it. */
function replace(state: Replicating, node: NodeId): Replacing {
  return replaceToo(nothingMore(state), node);
}

function replaceToo({ state, to, hints }: Replacing, node: NodeId): Replacing {
  const failed = state.owed.find((one) => isUpTo(one, node));
  if (!failed) return { state, to, hints };
  const { target, standIns } = failed;
  const [standIn, ...fallbacks] = state.fallbacks;
  const others = state.owed.filter((one) => one !== failed);
  if (standIn === undefined) {
    const owed = [...others, { ...failed, isHinted: true }];
    return { state: { ...state, owed }, to, hints: [...hints, target] };
  }
  const tally = askToo(state.tally, standIn);
  const owed = [...others, { ...failed, standIns: [...standIns, standIn] }];
  return {
    state: { ...state, tally, fallbacks, owed },
    to: [...to, { node: standIn, hintFor: target }],
    hints,
  };
}

function judge({ state, to, hints }: Replacing): PutStep {
  const { tally, owed, record } = state;
  const send = to.length > 0 ? { send: { to, record } } : {};
  const kept = hints.length > 0 ? { hints } : {};
  switch (verdict(tally)) {
    case 'enough':
      return { state: settling(owed), result: { status: 'written' }, ...send, ...kept };
    case 'impossible': {
      const missed = quorumMissed(tally, owed);
      return { ...missed, ...send, hints: [...hints, ...owedTo(owed)] };
    }
    case 'open':
      return { state, ...send, ...kept };
  }
}

/** The record is durable here and may be elsewhere: whether it prevails is unknown to the client. */
function quorumMissed(tally: Tally, owed: readonly Owed[]): PutStep {
  const error = requestError('quorum_not_met', { got: tally.counted, wanted: tally.wanted }, 'unknown');
  return { ...fail(error), hints: owedTo(owed) };
}

function settling(owed: readonly Owed[]): PutState {
  const left = owed.filter(({ isHinted }) => !isHinted);
  return left.length === 0 ? { phase: 'done' } : { phase: 'settling', owed: left };
}

/** The record is not in memory any more, so that no further fallback can be asked. */
function giveUp(owed: readonly Owed[], from: NodeId): PutStep {
  const given = owed.filter((one) => isUpTo(one, from));
  return { state: settling(owed.filter((one) => !given.includes(one))), hints: owedTo(given) };
}
