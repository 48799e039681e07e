import { describe, expect, it } from '@jest/globals';
import {
  type ForwardEvent,
  type ForwardState,
  startForward,
  stepForward,
} from '../../../services/node/core/coordinator/forwardMachine.js';
import type { ForwardAnswer, PutOutcome } from '../../../services/node/core/protocol/messages.js';
import type { NodeId } from '../../../services/node/core/types.js';

const [A, B, C] = ['n1', 'n2', 'n3'] as [NodeId, NodeId, NodeId];
const OUTCOME: PutOutcome = { ok: true, version: 'v', siblings: 1 };

const answered = (from: NodeId, answer: ForwardAnswer): ForwardEvent => ({ type: 'answered', from, answer });
const done = (from: NodeId) => answered(from, { status: 'done', outcome: OUTCOME });
const declined = (from: NodeId) => answered(from, { status: 'declined' });
const unroutable = (from: NodeId): ForwardEvent => ({ type: 'unroutable', from });
const deadline: ForwardEvent = { type: 'deadline' };

function run(candidates: readonly NodeId[], events: readonly ForwardEvent[]) {
  const first = startForward(candidates);
  const steps = [first];
  let state: ForwardState = first.state;
  for (const event of events) {
    const step = stepForward(state, event);
    state = step.state;
    steps.push(step);
  }
  return {
    asked: steps.flatMap(({ ask }) => ask ?? []),
    outcomes: steps.flatMap(({ outcome }) =>
      outcome ? [outcome.ok ? 'ok' : `${outcome.code} ${outcome.outcome}`] : [],
    ),
    phase: state.phase,
  };
}

describe('the forward machine', () => {
  it.each<[string, readonly NodeId[], readonly ForwardEvent[], readonly NodeId[], readonly string[]]>([
    ['there is nobody to ask', [], [], [], ['no_coordinator none']],
    ['the first carries it out', [A, B], [done(A)], [A], ['ok']],
    ['the first is unroutable', [A, B], [unroutable(A)], [A, B], []],
    ['the first declines', [A, B], [declined(A), done(B)], [A, B], ['ok']],
    [
      'all decline or are unroutable',
      [A, B, C],
      [declined(A), unroutable(B), declined(C)],
      [A, B, C],
      ['no_coordinator none'],
    ],
    ['the first is silent (R6)', [A, B], [deadline], [A], ['deadline_exceeded unknown']],
    [
      'the second is silent after the first declined (R6)',
      [A, B, C],
      [declined(A), deadline],
      [A, B],
      ['deadline_exceeded unknown'],
    ],
    ['the refusal comes twice', [A, B, C], [declined(A), declined(A)], [A, B], []],
    ['one who was asked before answers late', [A, B], [unroutable(A), done(A)], [A, B], []],
    ['one who was not asked yet answers', [A, B], [done(B), unroutable(B)], [A], []],
    [
      'more comes after the end',
      [A, B],
      [done(A), declined(A), done(A), unroutable(A), deadline],
      [A],
      ['ok'],
    ],
  ])('put passed on: %s', (_, candidates, events, asked, outcomes) => {
    const result = run(candidates, events);
    expect(result).toMatchObject({ asked, outcomes });
    expect(result.phase).toBe(outcomes.length > 0 ? 'done' : 'asking');
  });
});
