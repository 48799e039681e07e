import { describe, expect, it } from '@jest/globals';
import {
  type GetEvent,
  type GetState,
  type GetStep,
  type ReadSet,
  startGet,
  stepGet,
} from '../../../services/node/core/coordinator/getMachine.js';
import type { ReadAnswer } from '../../../services/node/core/protocol/messages.js';
import type { Actor, NodeId, VersionedRecord } from '../../../services/node/core/types.js';
import { mergeRecords } from '../../../services/node/core/versioning/record.js';

const [A, B, C, F, G] = ['n1', 'n2', 'n3', 'n4', 'n5'] as [NodeId, NodeId, NodeId, NodeId, NodeId];

const recordOf = (actor: string, value: readonly number[] = [1]): VersionedRecord => {
  const dot = { actor: actor as Actor, counter: 1 };
  const siblings = [{ dot, value: new Uint8Array(value) }];
  return { clock: [{ ...dot, timestamp: 1 }], siblings, marks: [] };
};
const TOMBSTONE = recordOf('t', []);
const holding = (record: VersionedRecord): ReadAnswer => ({ status: 'found', record });
const found = (actor: string): ReadAnswer => holding(recordOf(actor));
const answered = (from: NodeId, answer: ReadAnswer): GetEvent => ({ type: 'answered', from, answer });
const unroutable = (from: NodeId): GetEvent => ({ type: 'unroutable', from });
const suspect = (from: NodeId): GetEvent => ({ type: 'suspect', from });
const HEDGE: GetEvent = { type: 'hedge' };
const DEADLINE: GetEvent = { type: 'deadline' };
const [missing, incomplete, refused] = (['missing', 'incomplete', 'refused'] as const).map(
  (status): ReadAnswer => ({ status }),
) as [ReadAnswer, ReadAnswer, ReadAnswer];

const PRIMARIES: ReadSet = { primaries: [A, B, C], fallbacks: [] };
const SLOPPY: ReadSet = { primaries: [A, B, C], fallbacks: [F, G] };

function start(wanted: number, set: ReadSet = PRIMARIES, suspects: readonly NodeId[] = []): GetStep {
  return startGet(wanted, set, new Set(suspects));
}

/** Everything that a GET does over some events; a machine gives one result at most. */
function run(first: GetStep, events: readonly GetEvent[]) {
  const asked = [first.ask ?? []];
  const results = first.result ? [first.result] : [];
  let { state } = first;
  for (const event of events) {
    const step = stepGet(state, event);
    state = step.state;
    asked.push(step.ask ?? []);
    if (step.result) results.push(step.result);
  }
  return { asked: asked.map((nodes) => nodes.join(' ')), results, phase: state.phase, state };
}

function stateAfter(first: GetStep, ...events: readonly GetEvent[]): GetState {
  return run(first, events).state;
}

type Outcome = 'open' | 'found' | 'nothing' | 'quorum_not_met' | 'no_complete_replica' | 'ignored';
type EventName =
  'found' | 'missing' | 'incomplete' | 'refused' | 'unroutable' | 'suspect' | 'hedge' | 'deadline';

const EVENTS: Readonly<Record<EventName, GetEvent>> = {
  found: answered(A, found('a')),
  missing: answered(A, missing),
  incomplete: answered(A, incomplete),
  refused: answered(A, refused),
  unroutable: unroutable(A),
  suspect: suspect(A),
  hedge: HEDGE,
  deadline: DEADLINE,
};

const STATES = {
  'one of one asked': start(1, { primaries: [A], fallbacks: [] }).state,
  'both of two wanted': start(2, { primaries: [A, B], fallbacks: [] }).state,
  'one of three counts, two wanted': stateAfter(start(2), answered(B, missing)),
  'two of three are out, one wanted': stateAfter(
    start(1, { primaries: [B, C, A], fallbacks: [] }),
    answered(B, incomplete),
    answered(C, incomplete),
  ),
  'one of one asked, and a fallback': start(1, { primaries: [A], fallbacks: [F] }).state,
  'only the fallback is left': stateAfter(start(1, { primaries: [B], fallbacks: [A] }), unroutable(B)),
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
    suspect: 'open',
    hedge: 'open',
    deadline: 'quorum_not_met',
  },
  'both of two wanted': {
    found: 'open',
    missing: 'open',
    incomplete: 'no_complete_replica',
    refused: 'quorum_not_met',
    unroutable: 'quorum_not_met',
    suspect: 'open',
    hedge: 'open',
    deadline: 'quorum_not_met',
  },
  'one of three counts, two wanted': {
    found: 'found',
    missing: 'nothing',
    incomplete: 'open',
    refused: 'open',
    unroutable: 'open',
    suspect: 'open',
    hedge: 'open',
    deadline: 'quorum_not_met',
  },
  'two of three are out, one wanted': {
    found: 'found',
    missing: 'nothing',
    incomplete: 'no_complete_replica',
    refused: 'no_complete_replica',
    unroutable: 'no_complete_replica',
    suspect: 'open',
    hedge: 'open',
    deadline: 'no_complete_replica',
  },
  'one of one asked, and a fallback': {
    found: 'found',
    missing: 'nothing',
    incomplete: 'open',
    refused: 'open',
    unroutable: 'open',
    suspect: 'open',
    hedge: 'open',
    deadline: 'quorum_not_met',
  },
  'only the fallback is left': {
    found: 'found',
    missing: 'quorum_not_met',
    incomplete: 'no_complete_replica',
    refused: 'quorum_not_met',
    unroutable: 'quorum_not_met',
    suspect: 'open',
    hedge: 'open',
    deadline: 'quorum_not_met',
  },
  done: {
    found: 'ignored',
    missing: 'ignored',
    incomplete: 'ignored',
    refused: 'ignored',
    unroutable: 'ignored',
    suspect: 'ignored',
    hedge: 'ignored',
    deadline: 'ignored',
  },
};

function outcomeOf(state: GetState, event: GetEvent): Outcome {
  const { result, state: next } = stepGet(state, event);
  if (!result) return next.phase === 'done' ? 'ignored' : 'open';
  if (result.status === 'found') return result.record ? 'found' : 'nothing';
  return result.error.code as Outcome;
}

describe('the get machine, state by event', () => {
  for (const [name, row] of Object.entries(EXPECTED)) {
    it.each(Object.entries(row))(`get: ${name}, %s → %s`, (event, outcome) => {
      expect(outcomeOf(STATES[name as keyof typeof STATES], EVENTS[event as EventName])).toBe(outcome);
    });
  }
});

describe('whom a GET asks', () => {
  it.each<[string, GetStep, readonly GetEvent[], readonly string[]]>([
    ['all is well, N=3 R=2', start(2), [answered(A, missing), answered(B, missing)], ['n1 n2', '', '']],
    ['a primary is unroutable, N=3 R=2', start(2), [unroutable(B)], ['n1 n2', 'n3']],
    ['a primary refuses, N=3 R=1', start(1), [answered(A, refused)], ['n1', 'n2']],
    ['a primary is incomplete, N=3 R=1', start(1), [answered(A, incomplete)], ['n1', 'n2']],
    ['a primary becomes suspect, N=3 R=2', start(2), [suspect(B)], ['n1 n2', 'n3']],
    ['it is slow, N=3 R=1', start(1, SLOPPY), [HEDGE], ['n1', 'n2 n3']],
    ['it is slow and all were asked, N=3 R=3', start(3, SLOPPY), [HEDGE], ['n1 n2 n3', '']],
    ['all primaries fail, N=3 R=1', start(1, SLOPPY), [A, B, C].map(unroutable), ['n1', 'n2', 'n3', 'n4']],
    ['two fail of three wanted', start(3, SLOPPY), [A, C].map(unroutable), ['n1 n2 n3', 'n4', 'n5']],
    [
      'a fallback holds nothing, R=3',
      start(3, SLOPPY),
      [unroutable(C), answered(F, missing)],
      ['n1 n2 n3', 'n4', 'n5'],
    ],
    ['a fallback is unroutable, R=3', start(3, SLOPPY), [C, F].map(unroutable), ['n1 n2 n3', 'n4', 'n5']],
    ['a suspect is joined from the start, R=2', start(2, SLOPPY, [B]), [], ['n1 n2 n3']],
    ['two suspects are joined past each other, R=2', start(2, SLOPPY, [B, C]), [], ['n1 n2 n3 n4']],
    ['all are suspects, R=2', start(2, SLOPPY, [A, B, C]), [], ['n1 n2 n3 n4 n5']],
    ['all are suspects and nobody else is there', start(2, PRIMARIES, [A, B, C]), [], ['n1 n2 n3']],
    [
      'the third is suspect and the second becomes it',
      start(2, SLOPPY, [C]),
      [suspect(B)],
      ['n1 n2', 'n3 n4'],
    ],
    ['a suspect that was joined is unroutable', start(2, SLOPPY, [B]), [unroutable(B)], ['n1 n2 n3', '']],
    ['one that was joined already is suspect again', start(1), [suspect(A), suspect(A)], ['n1', 'n2', '']],
    [
      'one that has answered becomes suspect',
      start(2),
      [answered(A, missing), suspect(A)],
      ['n1 n2', '', ''],
    ],
    ['one that was not asked becomes suspect', start(1), [suspect(C), unroutable(A)], ['n1', '', 'n2']],
    ['one fails that the hedge has replaced', start(1), [HEDGE, unroutable(A)], ['n1', 'n2 n3', '']],
    ['strict, two fail, N=3 R=2', start(2, PRIMARIES), [B, C].map(unroutable), ['n1 n2', 'n3', '']],
  ])('get: %s', (_, first, events, asked) => {
    expect(run(first, events).asked).toEqual(asked);
  });
});

describe('what a GET answers', () => {
  it('get: two replicas hold different siblings, N=3 R=2', () => {
    const { results } = run(start(2), [answered(B, found('b')), answered(A, found('a'))]);
    const record = mergeRecords(recordOf('a'), recordOf('b'));
    expect(results).toEqual([{ status: 'found', record, behind: [B, A] }]);
  });

  it('get: a replica answers twice and then differently, N=3 R=3', () => {
    const twice = [answered(A, missing), answered(A, missing), answered(A, found('a')), answered(B, missing)];
    expect(run(start(3), twice)).toMatchObject({ results: [], phase: 'collecting' });
  });

  it('get: a node that was not asked answers, N=3 R=1', () => {
    const strangers = [answered('n9' as NodeId, found('a')), answered(C, found('a'))];
    expect(run(start(1), strangers)).toMatchObject({ results: [], phase: 'collecting' });
  });

  it('get: answers go on after the result, N=3 R=1', () => {
    const events = [A, B, C].map((node) => answered(node, found('a')));
    expect(run(start(1), [HEDGE, ...events, DEADLINE]).results).toHaveLength(1);
  });

  it('get: the answer of a suspect still counts, N=3 R=2', () => {
    const events = [suspect(B), answered(B, found('b')), answered(A, missing)];
    expect(run(start(2), events).results).toMatchObject([{ status: 'found', record: recordOf('b') }]);
  });

  it('get: the deadline reports how many counted of how many were wanted, N=3 R=3', () => {
    const { results } = run(start(3), [answered(A, missing), DEADLINE]);
    expect(results).toMatchObject([
      { status: 'failed', error: { code: 'quorum_not_met', outcome: 'none', got: 1, wanted: 3 } },
    ]);
  });
});

describe('fallbacks of a GET (R3)', () => {
  const noPrimary = [A, B, C].map(unroutable);

  it('get: what a fallback holds counts, N=3 R=1', () => {
    const { results } = run(start(1, SLOPPY), [...noPrimary, answered(F, found('f'))]);
    expect(results).toEqual([{ status: 'found', record: recordOf('f'), behind: [] }]);
  });

  it('get: one primary and one fallback make a quorum of two, N=3 R=2', () => {
    const events = [answered(A, missing), unroutable(B), unroutable(C), answered(F, found('f'))];
    const { results } = run(start(2, SLOPPY), events);
    expect(results).toEqual([{ status: 'found', record: recordOf('f'), behind: [A] }]);
  });

  it('get: misses of fallbacks are never "not found", however many there are, N=3 R=1', () => {
    const { results } = run(start(1, SLOPPY), [...noPrimary, answered(F, missing), answered(G, missing)]);
    expect(results).toMatchObject([
      { status: 'failed', error: { code: 'quorum_not_met', got: 0, wanted: 1 } },
    ]);
  });

  it('get: a miss of a primary is "not found" also after those of fallbacks, N=3 R=1', () => {
    const events = [suspect(A), unroutable(B), unroutable(C), answered(F, missing), answered(A, missing)];
    expect(run(start(1, SLOPPY), events).results).toEqual([
      { status: 'found', record: undefined, behind: [] },
    ]);
  });

  it('get: incomplete replicas and an empty fallback end in "no complete replica", N=3 R=1', () => {
    const events = [A, B, C].map((node) => answered(node, incomplete));
    const misses = [F, G].map((node) => answered(node, missing));
    expect(run(start(1, SLOPPY), [...events, ...misses]).results).toMatchObject([
      { error: { code: 'no_complete_replica' } },
    ]);
  });
});

describe('who is behind after a GET', () => {
  const newer = mergeRecords(recordOf('a'), recordOf('b'));

  it.each<[string, readonly GetEvent[], readonly NodeId[]]>([
    ['all hold the same', [answered(A, found('a')), answered(B, found('a')), answered(C, found('a'))], []],
    ['one holds nothing', [answered(A, missing), answered(B, found('a')), answered(C, found('a'))], [A]],
    [
      'one holds less',
      [answered(A, holding(newer)), answered(B, found('a')), answered(C, holding(newer))],
      [B],
    ],
    [
      'each lacks something',
      [answered(A, found('a')), answered(B, found('b')), answered(C, holding(newer))],
      [A, B],
    ],
    ['all hold nothing', [A, B, C].map((node) => answered(node, missing)), []],
    [
      'it is a tombstone, and one holds nothing: it may have been reaped there (R13)',
      [answered(A, missing), answered(B, holding(TOMBSTONE)), answered(C, holding(TOMBSTONE))],
      [],
    ],
    [
      'a tombstone lies beside a value that it does not cover',
      [answered(A, holding(TOMBSTONE)), answered(B, found('a')), answered(C, missing)],
      [A, B, C],
    ],
  ])('get: %s, N=3 R=3', (_, events, behind) => {
    expect(run(start(3), events).results).toMatchObject([{ status: 'found', behind }]);
  });

  it('get: it overwrote what one replica holds, N=3 R=2', () => {
    const overwritten = recordOf('a');
    const deleted: VersionedRecord = {
      clock: [...overwritten.clock, { actor: 'b' as Actor, counter: 1, timestamp: 2 }],
      siblings: [{ dot: { actor: 'b' as Actor, counter: 1 }, value: new Uint8Array() }],
      marks: [],
    };
    const events = [answered(A, holding(overwritten)), answered(B, holding(deleted))];
    expect(run(start(2), events).results).toEqual([{ status: 'found', record: deleted, behind: [A] }]);
  });
});
