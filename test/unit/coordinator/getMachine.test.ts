import { describe, expect, it } from '@jest/globals';
import {
  type GetEvent,
  type GetState,
  startGet,
  stepGet,
} from '../../../services/node/core/coordinator/getMachine.js';
import type { ReadAnswer } from '../../../services/node/core/protocol/messages.js';
import type { Actor, NodeId, VersionedRecord } from '../../../services/node/core/types.js';
import { mergeRecords } from '../../../services/node/core/versioning/record.js';

const [A, B, C] = ['n1', 'n2', 'n3'] as [NodeId, NodeId, NodeId];

const recordOf = (actor: string): VersionedRecord => {
  const dot = { actor: actor as Actor, counter: 1 };
  return { clock: [{ ...dot, timestamp: 1 }], siblings: [{ dot, value: new Uint8Array([1]) }], marks: [] };
};
const found = (actor: string): ReadAnswer => ({ status: 'found', record: recordOf(actor) });
const answered = (from: NodeId, answer: ReadAnswer): GetEvent => ({ type: 'answered', from, answer });
const [missing, incomplete, refused] = (['missing', 'incomplete', 'refused'] as const).map(
  (status): ReadAnswer => ({ status }),
) as [ReadAnswer, ReadAnswer, ReadAnswer];

/** The results of all events in turn; a machine gives one at most. */
function resultsOf(state: GetState, events: readonly GetEvent[]) {
  const results = [];
  let current = state;
  for (const event of events) {
    const step = stepGet(current, event);
    current = step.state;
    if (step.result) results.push(step.result);
  }
  return { results, phase: current.phase };
}

type Outcome = 'open' | 'found' | 'nothing' | 'quorum_not_met' | 'no_complete_replica' | 'ignored';
type EventName = 'found' | 'missing' | 'incomplete' | 'refused' | 'unroutable' | 'deadline';

const EVENTS: Readonly<Record<EventName, GetEvent>> = {
  found: answered(A, found('a')),
  missing: answered(A, missing),
  incomplete: answered(A, incomplete),
  refused: answered(A, refused),
  unroutable: { type: 'unroutable', from: A },
  deadline: { type: 'deadline' },
};

const STATES = {
  'one of one asked': startGet(1, [A]),
  'one of two wanted': startGet(2, [A, B]),
  'one of three counts, two wanted': stepGet(startGet(2, [A, B, C]), answered(B, missing)).state,
  'two of three are out, one wanted': [B, C].reduce(
    (state, node) => stepGet(state, answered(node, incomplete)).state,
    startGet(1, [A, B, C]),
  ),
  done: { phase: 'done' },
} as const satisfies Record<string, GetState>;

/** State × event: what comes of it. */
const EXPECTED: Readonly<Record<keyof typeof STATES, Readonly<Record<EventName, Outcome>>>> = {
  'one of one asked': {
    found: 'found',
    missing: 'nothing',
    incomplete: 'no_complete_replica',
    refused: 'quorum_not_met',
    unroutable: 'quorum_not_met',
    deadline: 'quorum_not_met',
  },
  'one of two wanted': {
    found: 'open',
    missing: 'open',
    incomplete: 'no_complete_replica',
    refused: 'quorum_not_met',
    unroutable: 'quorum_not_met',
    deadline: 'quorum_not_met',
  },
  'one of three counts, two wanted': {
    found: 'found',
    missing: 'nothing',
    incomplete: 'open',
    refused: 'open',
    unroutable: 'open',
    deadline: 'quorum_not_met',
  },
  'two of three are out, one wanted': {
    found: 'found',
    missing: 'nothing',
    incomplete: 'no_complete_replica',
    refused: 'no_complete_replica',
    unroutable: 'no_complete_replica',
    deadline: 'no_complete_replica',
  },
  done: {
    found: 'ignored',
    missing: 'ignored',
    incomplete: 'ignored',
    refused: 'ignored',
    unroutable: 'ignored',
    deadline: 'ignored',
  },
};

function outcomeOf(state: GetState, event: GetEvent): Outcome {
  const { results, phase } = resultsOf(state, [event]);
  const [result] = results;
  if (!result) return phase === 'done' ? 'ignored' : 'open';
  if (result.status === 'found') return result.record ? 'found' : 'nothing';
  return result.error.code as Outcome;
}

describe('the get machine', () => {
  for (const [name, row] of Object.entries(EXPECTED)) {
    it.each(Object.entries(row))(`get: ${name}, %s → %s`, (event, outcome) => {
      expect(outcomeOf(STATES[name as keyof typeof STATES], EVENTS[event as EventName])).toBe(outcome);
    });
  }

  it('get: two replicas hold different siblings, N=3 R=2', () => {
    const { results } = resultsOf(startGet(2, [A, B, C]), [answered(B, found('b')), answered(A, found('a'))]);
    expect(results).toEqual([{ status: 'found', record: mergeRecords(recordOf('a'), recordOf('b')) }]);
  });

  it('get: one replica is behind and holds nothing, N=3 R=2', () => {
    const { results } = resultsOf(startGet(2, [A, B, C]), [answered(A, missing), answered(C, found('a'))]);
    expect(results).toEqual([{ status: 'found', record: recordOf('a') }]);
  });

  it('get: a replica answers twice and then differently, N=3 R=3', () => {
    const events = [
      answered(A, missing),
      answered(A, missing),
      answered(A, found('a')),
      answered(B, missing),
    ];
    expect(resultsOf(startGet(3, [A, B, C]), events)).toEqual({ results: [], phase: 'collecting' });
  });

  it('get: a node that was not asked answers, N=3 R=1', () => {
    const stranger = answered('n9' as NodeId, found('a'));
    expect(resultsOf(startGet(1, [A]), [stranger])).toEqual({ results: [], phase: 'collecting' });
  });

  it('get: answers go on after the result, N=3 R=1', () => {
    const events = [A, B, C].map((node) => answered(node, found('a')));
    const { results } = resultsOf(startGet(1, [A, B, C]), [...events, { type: 'deadline' }]);
    expect(results).toHaveLength(1);
  });

  it('get: the deadline reports how many counted of how many were wanted, N=3 R=3', () => {
    const { results } = resultsOf(startGet(3, [A, B, C]), [answered(A, missing), { type: 'deadline' }]);
    expect(results).toMatchObject([
      { status: 'failed', error: { code: 'quorum_not_met', outcome: 'none', got: 1, wanted: 3 } },
    ]);
  });
});
