import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  PUT_TABLE,
  type PutEvent,
  type PutState,
  type PutStep,
  startPut,
  stepPut,
  type WriteSet,
} from '../../../services/node/core/coordinator/putMachine.js';
import { startTally } from '../../../services/node/core/coordinator/quorum.js';
import { requestError } from '../../../services/node/core/errors.js';
import type { NodeId } from '../../../services/node/core/types.js';
import { EMPTY_RECORD } from '../../../services/node/core/versioning/record.js';

const [A, B, C, F, G] = ['n1', 'n2', 'n3', 'n4', 'n5'] as [NodeId, NodeId, NodeId, NodeId, NodeId];
const record = { ...EMPTY_RECORD };
const STALE = requestError('stale_version', { version: 'v' });
const LIMIT = requestError('too_many_siblings');

type Phase = PutState['phase'];
type EventType = PutEvent['type'];

/** N=3 W=2, and nobody to stand in. */
const SET: WriteSet = { wanted: 2, self: A, others: [B, C], fallbacks: [] };
const owing = (target: NodeId) => ({ target, standIns: [], isHinted: false });
const OWED = [owing(B), owing(C)];

const STATES: { readonly [P in Phase]: Extract<PutState, { phase: P }> } = {
  resolving: { phase: 'resolving', ...SET },
  refusing: { phase: 'refusing', error: STALE },
  persisting: { phase: 'persisting', ...SET, record },
  replicating: {
    phase: 'replicating',
    tally: { ...startTally(2, [B, C]), counted: 1 },
    record,
    fallbacks: [],
    owed: OWED,
  },
  settling: { phase: 'settling', owed: OWED },
  done: { phase: 'done' },
};

const EVENTS: { readonly [T in EventType]: Extract<PutEvent, { type: T }> } = {
  resolved: { type: 'resolved', record },
  refused: { type: 'refused', error: LIMIT },
  stale: { type: 'stale', error: STALE },
  unsound: { type: 'unsound' },
  stored: { type: 'stored', suspects: new Set() },
  storeFailed: { type: 'storeFailed' },
  answered: { type: 'answered', from: B, answer: 'stored' },
  unroutable: { type: 'unroutable', from: B },
  suspect: { type: 'suspect', from: B },
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
    suspect: ['resolving'],
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
    suspect: ['refusing'],
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
    suspect: ['persisting'],
    deadline: ['done', 'deadline_exceeded unknown, hint for n2 n3'],
  },
  replicating: {
    resolved: ['replicating'],
    refused: ['replicating'],
    stale: ['replicating'],
    unsound: ['replicating'],
    stored: ['replicating'],
    storeFailed: ['replicating'],
    answered: ['settling', 'written'],
    unroutable: ['replicating', 'hint for n2'],
    suspect: ['replicating', 'hint for n2'],
    deadline: ['done', 'quorum_not_met unknown, hint for n2 n3'],
  },
  settling: {
    resolved: ['settling'],
    refused: ['settling'],
    stale: ['settling'],
    unsound: ['settling'],
    stored: ['settling'],
    storeFailed: ['settling'],
    answered: ['settling'],
    unroutable: ['settling', 'hint for n2'],
    suspect: ['settling', 'hint for n2'],
    deadline: ['done', 'hint for n2 n3'],
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
    suspect: ['done'],
    deadline: ['done'],
  },
};

function said({ send, result, hints = [] }: PutStep): string | undefined {
  const failure =
    result?.status === 'failed' ? `${result.error.code} ${result.error.outcome}` : result?.status;
  const to = send?.to.map(({ node, hintFor }) => (hintFor === undefined ? node : `${node} for ${hintFor}`));
  const parts = [
    to && `sent to ${to.join(' ')}`,
    failure,
    hints.length > 0 ? `hint for ${hints.join(' ')}` : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(', ') || undefined;
}

/** What was said of a write over some events, in order. */
function run(set: Partial<WriteSet>, events: readonly PutEvent[]) {
  let state = startPut({ ...SET, ...set });
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
const suspect = (from: NodeId): PutEvent => ({ type: 'suspect', from });
const DURABLE = [EVENTS.resolved, EVENTS.stored];
const SLOPPY = { fallbacks: [F, G] };
/** Durable here, at a time when these are suspect. */
const durableBut = (...suspects: readonly NodeId[]): readonly PutEvent[] => [
  EVENTS.resolved,
  { type: 'stored', suspects: new Set(suspects) },
];

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
    const { log, state } = run({}, [...DURABLE, stored(B), stored(C)]);
    expect(log).toEqual(['sent to n2 n3', 'written']);
    expect(state).toEqual({ phase: 'done' });
  });

  it('put: coordinator answers alone and settles the rest, N=3 W=1', () => {
    const { log, state } = run({ wanted: 1 }, DURABLE);
    expect(log).toEqual(['sent to n2 n3, written']);
    expect(state).toEqual({ phase: 'settling', owed: OWED });
  });

  it('put: coordinator is the only replica, N=1 W=1', () => {
    const { log, state } = run({ wanted: 1, others: [] }, DURABLE);
    expect(log).toEqual(['written']);
    expect(state).toEqual({ phase: 'done' });
  });

  it('put: one replica answers many times, the other never, N=3 W=3', () => {
    const { log, state } = run({ wanted: 3 }, [...DURABLE, stored(B), stored(B), stored(B), stored(A)]);
    expect(log).toEqual(['sent to n2 n3']);
    expect(state.phase).toBe('replicating');
  });

  it('put: W is not met by the deadline, and it says what it got, N=3 W=3', () => {
    const { state } = run({ wanted: 3 }, [...DURABLE, stored(B)]);
    const { result, hints } = stepPut(state, EVENTS.deadline);
    expect(result).toMatchObject({
      error: { code: 'quorum_not_met', outcome: 'unknown', got: 2, wanted: 3 },
    });
    expect(hints).toEqual([C]);
  });

  it('put: coordinator fails to store, and late answers change nothing, N=3 W=2', () => {
    const late = [EVENTS.stored, stored(B), EVENTS.deadline];
    expect(run({}, [EVENTS.resolved, EVENTS.storeFailed, ...late]).log).toEqual([
      'storage_unavailable unknown',
    ]);
  });

  it('put: a stale write waits for what beat it, N=3 W=2', () => {
    expect(run({}, [EVENTS.stale]).log).toEqual([]);
    expect(run({}, [EVENTS.stale, EVENTS.stored]).log).toEqual(['stale_version none']);
  });
});

describe('the put machine, with nobody to stand in (R4)', () => {
  it.each([
    ['is unroutable', unroutable(B)],
    ['refuses', refused(B)],
    ['becomes suspect', suspect(B)],
  ])('put: one replica %s and the other stores; this node keeps a hint, N=3 W=2', (_, event) => {
    const { log, state } = run({}, [...DURABLE, event, stored(C)]);
    expect(log).toEqual(['sent to n2 n3', 'hint for n2', 'written']);
    expect(state).toEqual({ phase: 'done' });
  });

  it('put: a hint is not a second copy, N=3 W=2', () => {
    const { log, state } = run({}, [...DURABLE, unroutable(B), refused(C)]);
    expect(log).toEqual(['sent to n2 n3', 'hint for n2', 'quorum_not_met unknown, hint for n3']);
    expect(state).toEqual({ phase: 'done' });
  });

  it('put: replicas that are not complete have it, are owed nothing and count for nothing, N=3 W=2', () => {
    const { log, state } = run({}, [...DURABLE, incomplete(B), incomplete(C)]);
    expect(log).toEqual(['sent to n2 n3', 'quorum_not_met unknown']);
    expect(state).toEqual({ phase: 'done' });
  });

  it('put: a replica that was unroutable confirms later, which counts for nothing, N=3 W=3', () => {
    const { log } = run({ wanted: 3 }, [...DURABLE, stored(C), unroutable(B), stored(B)]);
    expect(log).toEqual(['sent to n2 n3', 'quorum_not_met unknown, hint for n2']);
  });

  it('put: the late answer of a suspect replica still counts, and its hint is kept once, N=3 W=3', () => {
    const events = [suspect(B), suspect(B), stored(C), stored(B), EVENTS.deadline];
    expect(run({ wanted: 3 }, [...DURABLE, ...events]).log).toEqual([
      'sent to n2 n3',
      'hint for n2',
      'written',
    ]);
  });

  it('put: the deadline keeps no second hint, N=3 W=3', () => {
    const { log } = run({ wanted: 3 }, [...DURABLE, suspect(B), stored(C), EVENTS.deadline]);
    expect(log).toEqual(['sent to n2 n3', 'hint for n2', 'quorum_not_met unknown']);
  });

  it('put: suspects are sent the write all the same, with a hint at once, N=3 W=1', () => {
    const { log, state } = run({ wanted: 1 }, durableBut(C));
    expect(log).toEqual(['sent to n2 n3, written, hint for n3']);
    expect(state).toEqual({ phase: 'settling', owed: [owing(B)] });
  });
});

describe('the put machine, with fallbacks (R4)', () => {
  it.each([
    ['is unroutable', unroutable(C)],
    ['refuses', refused(C)],
    ['becomes suspect', suspect(C)],
  ])('put: a replica %s and a fallback stands in, N=3 W=3', (_, event) => {
    const { log, state } = run({ ...SLOPPY, wanted: 3 }, [...DURABLE, event, stored(B), stored(F)]);
    expect(log).toEqual(['sent to n2 n3', 'sent to n4 for n3', 'written']);
    expect(state).toEqual({ phase: 'done' });
  });

  it('put: one that is suspect from the start is sent the write and replaced, N=3 W=2', () => {
    const { log } = run(SLOPPY, [...durableBut(B), stored(F), stored(C)]);
    expect(log).toEqual(['sent to n2 n3 n4 for n2', 'written']);
  });

  it('put: both are suspect from the start, N=3 W=3', () => {
    const { log } = run({ ...SLOPPY, wanted: 3 }, [...durableBut(B, C), stored(G), stored(F)]);
    expect(log).toEqual(['sent to n2 n3 n4 for n2 n5 for n3', 'written']);
  });

  it.each([
    ['is unroutable', unroutable(F)],
    ['refuses', refused(F)],
    ['becomes suspect', suspect(F)],
    ['is not complete, and keeps no hint', incomplete(F)],
  ])('put: a fallback %s and the next stands in for the same replica, N=3 W=2', (_, event) => {
    const { log } = run(SLOPPY, [...DURABLE, unroutable(B), event, stored(G)]);
    expect(log).toEqual(['sent to n2 n3', 'sent to n4 for n2', 'sent to n5 for n2', 'written']);
  });

  it('put: no fallback is left, and this node keeps the hint, N=3 W=2', () => {
    const { log } = run(SLOPPY, [...DURABLE, ...[B, F, G].map(unroutable), stored(C)]);
    const tried = ['sent to n2 n3', 'sent to n4 for n2', 'sent to n5 for n2'];
    expect(log).toEqual([...tried, 'hint for n2', 'written']);
  });

  it('put: a fallback that is suspect is not asked, N=3 W=2', () => {
    expect(run(SLOPPY, [...durableBut(F), unroutable(B)]).log).toEqual([
      'sent to n2 n3',
      'sent to n5 for n2',
    ]);
  });

  it('put: a fallback that became suspect meanwhile is not asked, N=3 W=2', () => {
    const { log } = run(SLOPPY, [...DURABLE, suspect(F), unroutable(B)]);
    expect(log).toEqual(['sent to n2 n3', 'sent to n5 for n2']);
  });

  it('put: nobody is replaced twice, N=3 W=3', () => {
    const again = [suspect(C), suspect(C), unroutable(C), refused(C)];
    expect(run({ ...SLOPPY, wanted: 3 }, [...DURABLE, ...again]).log).toEqual([
      'sent to n2 n3',
      'sent to n4 for n3',
    ]);
  });

  it('put: the late answer of a suspect replica counts in place of its fallback, N=3 W=2', () => {
    const { log, state } = run(SLOPPY, [...DURABLE, suspect(B), stored(B)]);
    expect(log).toEqual(['sent to n2 n3', 'sent to n4 for n2', 'written']);
    expect(state).toEqual({ phase: 'settling', owed: [owing(C)] });
  });

  it('put: a replica and its fallback count once, for the one hands its copy to the other (I1), N=3 W=3', () => {
    const { log, state } = run({ ...SLOPPY, wanted: 3 }, [...DURABLE, suspect(B), stored(F), stored(B)]);
    expect(log).toEqual(['sent to n2 n3', 'sent to n4 for n2']);
    expect(state).toMatchObject({ phase: 'replicating', tally: { counted: 2, pending: [C] } });
  });

  it('put: two fallbacks of one replica count once (I1), N=3 W=3', () => {
    const events = [suspect(B), suspect(F), stored(F), stored(G), stored(B)];
    const { state } = run({ ...SLOPPY, wanted: 3 }, [...DURABLE, ...events]);
    expect(state).toMatchObject({ phase: 'replicating', tally: { counted: 2, pending: [C] } });
  });

  it('put: a replica turns out incomplete, and its fallback counts, N=3 W=2', () => {
    const { log } = run(SLOPPY, [...DURABLE, suspect(B), incomplete(B), stored(F)]);
    expect(log).toEqual(['sent to n2 n3', 'sent to n4 for n2', 'written']);
  });

  it('put: an incomplete replica is not replaced, for it has the write, N=3 W=2', () => {
    expect(run(SLOPPY, [...DURABLE, incomplete(B), stored(C)]).log).toEqual(['sent to n2 n3', 'written']);
  });

  it('put: the deadline leaves hints for all that nobody has confirmed, N=3 W=3', () => {
    const { log } = run({ ...SLOPPY, wanted: 3 }, [...DURABLE, suspect(B), EVENTS.deadline]);
    expect(log.at(-1)).toBe('quorum_not_met unknown, hint for n3 n2');
  });

  it('put: the deadline leaves no hint for what a fallback has taken, N=3 W=3', () => {
    const { log } = run({ ...SLOPPY, wanted: 3 }, [...DURABLE, suspect(B), stored(F), EVENTS.deadline]);
    expect(log.at(-1)).toBe('quorum_not_met unknown, hint for n3');
  });
});

describe('the put machine, after the answer (R5)', () => {
  const settled = (...events: readonly PutEvent[]) => run({ ...SLOPPY, wanted: 1 }, [...DURABLE, ...events]);

  it('put: settles as replicas confirm, without a hint, N=3 W=1', () => {
    const { log, state } = settled(stored(C), stored(C), stored(B), EVENTS.deadline);
    expect(log).toEqual(['sent to n2 n3, written']);
    expect(state).toEqual({ phase: 'done' });
  });

  it.each([
    ['is unroutable', unroutable(B)],
    ['refuses', refused(B)],
    ['becomes suspect', suspect(B)],
  ])('put: a replica %s; this node keeps the hint, for it has let go of the record, N=3 W=1', (_, event) => {
    const { log, state } = settled(event, event, stored(C));
    expect(log).toEqual(['sent to n2 n3, written', 'hint for n2']);
    expect(state).toEqual({ phase: 'done' });
  });

  it('put: a replica that is not complete is owed nothing more, N=3 W=1', () => {
    expect(settled(incomplete(B), incomplete(C))).toEqual({
      log: ['sent to n2 n3, written'],
      state: { phase: 'done' },
    });
  });

  it.each([
    ['confirms', stored(F), []],
    ['is unroutable', unroutable(F), ['hint for n2']],
    ['refuses', refused(F), ['hint for n2']],
    ['never answers', EVENTS.deadline, ['hint for n2']],
  ])('put: a fallback that was asked before %s, N=3 W=1', (_, event, hints) => {
    const { log } = run({ ...SLOPPY, wanted: 1 }, [...durableBut(B), stored(C), event, EVENTS.deadline]);
    expect(log).toEqual(['sent to n2 n3 n4 for n2, written', ...hints]);
  });

  it('put: the replica itself confirms after its fallback was asked, N=3 W=1', () => {
    const { log, state } = run({ ...SLOPPY, wanted: 1 }, [
      ...durableBut(B),
      stored(C),
      stored(B),
      unroutable(F),
    ]);
    expect(log).toEqual(['sent to n2 n3 n4 for n2, written']);
    expect(state).toEqual({ phase: 'done' });
  });
});

describe('the put machine, whatever happens', () => {
  const nodes = [B, C, F, G];
  const event: fc.Arbitrary<PutEvent> = fc.oneof(
    fc.record({
      type: fc.constant('answered' as const),
      from: fc.constantFrom(...nodes),
      answer: fc.constantFrom('stored' as const, 'incomplete' as const, 'refused' as const),
    }),
    fc.record({
      type: fc.constantFrom('unroutable' as const, 'suspect' as const),
      from: fc.constantFrom(...nodes),
    }),
  );

  it('every other replica has confirmed, has a fallback that confirmed, or has a hint here (R4)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.subarray([F, G]),
        fc.subarray(nodes),
        fc.array(event, { maxLength: 12 }),
        (wanted, fallbacks, suspects, events) => {
          const { kept, taken, results, hinted } = follow({ wanted, fallbacks }, suspects, events);
          for (const node of [B, C])
            expect(kept.has(node) || taken.has(node) || hinted.includes(node)).toBe(true);
          expect(results).toHaveLength(1);
          expect(new Set(hinted).size).toBe(hinted.length);
        },
      ),
    );
  });

  /** Until the deadline; `kept`: who has said that it holds the write, `taken`: for whom a fallback has said so. */
  function follow(set: Partial<WriteSet>, suspects: readonly NodeId[], events: readonly PutEvent[]) {
    let state = startPut({ ...SET, ...set });
    const [kept, taken, standIns] = [new Set<NodeId>(), new Set<NodeId>(), new Map<NodeId, NodeId>()];
    const results = [];
    const hinted: NodeId[] = [];
    for (const one of [...durableBut(...suspects), ...events, EVENTS.deadline]) {
      const step = stepPut(state, one);
      state = step.state;
      for (const { node, hintFor } of step.send?.to ?? []) if (hintFor) standIns.set(node, hintFor);
      if (step.result) results.push(step.result);
      hinted.push(...(step.hints ?? []));
      if (one.type !== 'answered' || one.answer === 'refused') continue;
      const target = standIns.get(one.from);
      if (target && one.answer === 'stored') taken.add(target);
      else if (!target) kept.add(one.from);
    }
    return { kept, taken, results, hinted };
  }
});
