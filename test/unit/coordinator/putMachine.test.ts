import { describe, expect, it } from '@jest/globals';
import {
  PUT_TABLE,
  type PutEvent,
  type PutState,
  type PutStep,
  startPut,
  stepPut,
} from '../../../services/node/core/coordinator/putMachine.js';
import { startTally } from '../../../services/node/core/coordinator/quorum.js';
import { requestError } from '../../../services/node/core/errors.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { EMPTY_RECORD } from '../../../services/node/core/versioning/record.js';

const [A, B, C] = ['n1', 'n2', 'n3'] as [NodeId, NodeId, NodeId];
const record = { ...EMPTY_RECORD };
const STALE = requestError('stale_version', { version: 'v' });
const LIMIT = requestError('too_many_siblings');

type Phase = PutState['phase'];
type EventType = PutEvent['type'];

const STATES: { readonly [P in Phase]: Extract<PutState, { phase: P }> } = {
  resolving: { phase: 'resolving', wanted: 2, self: A, others: [B, C] },
  refusing: { phase: 'refusing', error: STALE },
  persisting: { phase: 'persisting', wanted: 2, self: A, others: [B, C], record },
  replicating: { phase: 'replicating', tally: { ...startTally(2, [B, C]), counted: 1 } },
  settling: { phase: 'settling', missing: [B, C] },
  done: { phase: 'done' },
};

const EVENTS: { readonly [T in EventType]: Extract<PutEvent, { type: T }> } = {
  resolved: { type: 'resolved', record },
  refused: { type: 'refused', error: LIMIT },
  stale: { type: 'stale', error: STALE },
  unsound: { type: 'unsound' },
  stored: { type: 'stored' },
  storeFailed: { type: 'storeFailed' },
  answered: { type: 'answered', from: B, answer: 'stored' },
  unroutable: { type: 'unroutable', from: B },
  deadline: { type: 'deadline' },
};

/** The next phase, and what was said of the write, where anything was. */
type Expectation = readonly [phase: Phase, said?: string];

/** State × event, written down a second time, from what the words mean. */
const EXPECTED: Readonly<Record<Phase, Readonly<Record<EventType, Expectation>>>> = {
  resolving: {
    resolved: ['persisting'],
    refused: ['done', 'too_many_siblings none'],
    stale: ['refusing'],
    unsound: ['done', 'declined'],
    stored: ['resolving'],
    storeFailed: ['resolving'],
    answered: ['resolving'],
    unroutable: ['resolving'],
    deadline: ['done', 'deadline_exceeded none'],
  },
  refusing: {
    resolved: ['refusing'],
    refused: ['refusing'],
    stale: ['refusing'],
    unsound: ['refusing'],
    stored: ['done', 'stale_version none'],
    storeFailed: ['done', 'storage_unavailable none'],
    answered: ['refusing'],
    unroutable: ['refusing'],
    deadline: ['done', 'deadline_exceeded none'],
  },
  persisting: {
    resolved: ['persisting'],
    refused: ['persisting'],
    stale: ['persisting'],
    unsound: ['persisting'],
    stored: ['replicating', 'sent to n2 n3'],
    storeFailed: ['done', 'storage_unavailable unknown'],
    answered: ['persisting'],
    unroutable: ['persisting'],
    deadline: ['done', 'deadline_exceeded unknown'],
  },
  replicating: {
    resolved: ['replicating'],
    refused: ['replicating'],
    stale: ['replicating'],
    unsound: ['replicating'],
    stored: ['replicating'],
    storeFailed: ['replicating'],
    answered: ['settling', 'written'],
    unroutable: ['replicating'],
    deadline: ['done', 'quorum_not_met unknown, missed 2'],
  },
  settling: {
    resolved: ['settling'],
    refused: ['settling'],
    stale: ['settling'],
    unsound: ['settling'],
    stored: ['settling'],
    storeFailed: ['settling'],
    answered: ['settling'],
    unroutable: ['settling'],
    deadline: ['done', 'missed 2'],
  },
  done: {
    resolved: ['done'],
    refused: ['done'],
    stale: ['done'],
    unsound: ['done'],
    stored: ['done'],
    storeFailed: ['done'],
    answered: ['done'],
    unroutable: ['done'],
    deadline: ['done'],
  },
};

function said({ send, result, missed }: PutStep): string | undefined {
  const failure =
    result?.status === 'failed' ? `${result.error.code} ${result.error.outcome}` : result?.status;
  const parts = [
    send && `sent to ${send.to.join(' ')}`,
    failure,
    missed === undefined ? undefined : `missed ${missed}`,
  ];
  return parts.filter((part) => part !== undefined).join(', ') || undefined;
}

/** Runs events from the start; what was said, in order, and the phase in the end. */
function run(wanted: number, events: readonly PutEvent[], others: readonly NodeId[] = [B, C]) {
  let state = startPut(wanted, A, others);
  const log = events.flatMap((event) => {
    const step = stepPut(state, event);
    state = step.state;
    return said(step) ?? [];
  });
  return { log, state };
}

const stored = (from: NodeId): PutEvent => ({ type: 'answered', from, answer: 'stored' });
const refused = (from: NodeId): PutEvent => ({ type: 'answered', from, answer: 'refused' });
const incomplete = (from: NodeId): PutEvent => ({ type: 'answered', from, answer: 'incomplete' });
const unroutable = (from: NodeId): PutEvent => ({ type: 'unroutable', from });
const DURABLE = [EVENTS.resolved, EVENTS.stored];

describe('the put machine, state by event', () => {
  it('has the rows and columns that are expected here, and no others', () => {
    expect(Object.keys(PUT_TABLE).sort()).toEqual(Object.keys(EXPECTED).sort());
    for (const [phase, row] of Object.entries(PUT_TABLE)) {
      expect(Object.keys(row).sort()).toEqual(Object.keys(EXPECTED[phase as Phase]).sort());
    }
  });

  for (const [phase, row] of Object.entries(EXPECTED)) {
    it.each(Object.entries(row))(`put: ${phase}, %s`, (type, [next, expected]) => {
      const step = stepPut(STATES[phase as Phase], EVENTS[type as EventType]);
      expect([step.state.phase, said(step)]).toEqual([next, expected]);
    });
  }
});

describe('the put machine, in sequence', () => {
  it('put: all goes well, N=3 W=2', () => {
    const { log, state } = run(2, [...DURABLE, stored(B), stored(C)]);
    expect(log).toEqual(['sent to n2 n3', 'written']);
    expect(state).toEqual({ phase: 'done' });
  });

  it('put: coordinator answers alone and settles the rest, N=3 W=1', () => {
    const { log, state } = run(1, DURABLE);
    expect(log).toEqual(['sent to n2 n3, written']);
    expect(state).toEqual({ phase: 'settling', missing: [B, C] });
  });

  it('put: coordinator is the only replica, N=1 W=1', () => {
    expect(run(1, DURABLE, [])).toEqual({ log: ['sent to , written'], state: { phase: 'done' } });
  });

  it('put: one replica is unroutable and the other stores, N=3 W=2', () => {
    const { log, state } = run(2, [...DURABLE, unroutable(B), stored(C)]);
    expect(log).toEqual(['sent to n2 n3', 'written']);
    expect(state).toEqual({ phase: 'settling', missing: [B] });
  });

  it('put: both replicas refuse or are incomplete, N=3 W=2', () => {
    const { log, state } = run(2, [...DURABLE, refused(B), incomplete(C)]);
    expect(log).toEqual(['sent to n2 n3', 'quorum_not_met unknown, missed 2']);
    expect(state).toEqual({ phase: 'done' });
  });

  it('put: one replica answers many times, the other never, N=3 W=3', () => {
    const { log, state } = run(3, [...DURABLE, stored(B), stored(B), stored(B), stored(A)]);
    expect(log).toEqual(['sent to n2 n3']);
    expect(state.phase).toBe('replicating');
  });

  it('put: a replica that was counted out confirms later, N=3 W=3', () => {
    const { log } = run(3, [...DURABLE, stored(C), unroutable(B), stored(B)]);
    expect(log).toEqual(['sent to n2 n3', 'quorum_not_met unknown, missed 1']);
  });

  it('put: W is not met by the deadline, and it says what it got, N=3 W=3', () => {
    const state = run(3, [...DURABLE, stored(B)]).state;
    const { result } = stepPut(state, EVENTS.deadline);
    expect(result).toMatchObject({
      error: { code: 'quorum_not_met', outcome: 'unknown', got: 2, wanted: 3 },
    });
  });

  it('put: coordinator fails to store, and late answers change nothing, N=3 W=2', () => {
    const { log } = run(2, [EVENTS.resolved, EVENTS.storeFailed, EVENTS.stored, stored(B), EVENTS.deadline]);
    expect(log).toEqual(['storage_unavailable unknown']);
  });

  it('put: a stale write waits for what beat it, N=3 W=2', () => {
    expect(run(2, [EVENTS.stale]).log).toEqual([]);
    expect(run(2, [EVENTS.stale, EVENTS.stored]).log).toEqual(['stale_version none']);
  });

  it('put: settles as replicas confirm, and refusals leave them missing, N=3 W=1', () => {
    const { state } = run(1, [...DURABLE, refused(B), unroutable(B), stored(C), stored(C)]);
    expect(state).toEqual({ phase: 'settling', missing: [B] });
  });
});
