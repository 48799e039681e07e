import { requestError } from '../errors.js';
import type { ForwardAnswer, PutOutcome } from '../protocol/messages.js';
import type { NodeId } from '../types.js';

/**
 * One PUT at a node that may not coordinate it: passed on to one primary after another, but to the next only after
 * "unroutable" or a refusal, never after silence, because a silent one may have minted already (R6).
 */
export type ForwardState =
  | { readonly phase: 'asking'; readonly asked: NodeId; readonly untried: readonly NodeId[] }
  | { readonly phase: 'done' };

export type ForwardEvent =
  | { readonly type: 'answered'; readonly from: NodeId; readonly answer: ForwardAnswer }
  | { readonly type: 'unroutable'; readonly from: NodeId }
  | { readonly type: 'deadline' };

export interface ForwardStep {
  readonly state: ForwardState;
  readonly ask?: NodeId;
  readonly outcome?: PutOutcome;
}

export function startForward(candidates: readonly NodeId[]): ForwardStep {
  const [asked, ...untried] = candidates;
  if (asked === undefined) return end(requestError('no_coordinator'));
  return { state: { phase: 'asking', asked, untried }, ask: asked };
}

export function stepForward(state: ForwardState, event: ForwardEvent): ForwardStep {
  switch (state.phase) {
    case 'done':
      return { state };
    case 'asking':
      return whileAsking(state, event);
  }
}

function whileAsking(state: Extract<ForwardState, { phase: 'asking' }>, event: ForwardEvent): ForwardStep {
  if (event.type !== 'deadline' && event.from !== state.asked) return { state };
  switch (event.type) {
    case 'answered':
      return event.answer.status === 'done' ? end(event.answer.outcome) : startForward(state.untried);
    case 'unroutable':
      return startForward(state.untried);
    case 'deadline':
      return end(requestError('deadline_exceeded', {}, 'unknown'));
  }
}

function end(outcome: PutOutcome): ForwardStep {
  return { state: { phase: 'done' }, outcome };
}
