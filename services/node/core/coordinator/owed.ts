import type { WriteAnswer } from '../protocol/messages.js';
import type { NodeId } from '../types.js';
import { countIn, countOut, type Tally } from './quorum.js';

/**
 * A primary that is not known to hold the write. It and those who stand in for it count once: a fallback that has handed
 * its copy over forgets it (I1).
 */
export interface Owed {
  readonly target: NodeId;
  /** Fallbacks that were asked to stand in for it, one after the other. */
  readonly standIns: readonly NodeId[];
  /** Nobody was left to ask, so that this node keeps a hint already. */
  readonly isHinted: boolean;
}

/** `from` holds the write in the place of `paid`. */
export function countPlace(tally: Tally, { target, standIns }: Owed, from: NodeId): Tally {
  return [target, ...standIns].reduce(countOut, countIn(tally, from));
}

/**
 * A primary that is not complete has the write, though it counts for nothing; where a fallback was asked already, that
 * one is waited for. A fallback that is not complete keeps no hint.
 */
export function isPaidBy({ target, standIns }: Owed, from: NodeId, answer: WriteAnswer): boolean {
  if (answer === 'incomplete') return target === from && standIns.length === 0;
  return answer === 'stored' && (target === from || standIns.includes(from));
}

/** Whose failure makes another be asked. */
export function isUpTo({ target, standIns, isHinted }: Owed, node: NodeId): boolean {
  return !isHinted && (standIns.at(-1) ?? target) === node;
}

/** Primaries for which a hint is still to be kept. */
export function owedTo(owed: readonly Owed[]): readonly NodeId[] {
  return owed.filter(({ isHinted }) => !isHinted).map(({ target }) => target);
}
