import { majority } from '../ring/majority.js';
import type { NodeId } from '../types.js';

/**
 * Quorum arithmetic. A tally is an immutable count of who was asked and what came back; it answers: enough? still
 * possible? A node counts once, however often it answers: only a pending node can be counted (I1, I7).
 */
export interface Tally {
  readonly wanted: number;
  readonly pending: readonly NodeId[];
  readonly counted: number;
}

export type Verdict = 'enough' | 'open' | 'impossible';

export function startTally(wanted: number, asked: readonly NodeId[]): Tally {
  return { wanted, pending: asked, counted: 0 };
}

/** `node` is asked as well. */
export function askToo(tally: Tally, node: NodeId): Tally {
  return { ...tally, pending: [...tally.pending, node] };
}

/** `node` answered, and its answer counts. */
export function countIn(tally: Tally, node: NodeId): Tally {
  if (!tally.pending.includes(node)) return tally;
  return { ...tally, pending: without(tally.pending, node), counted: tally.counted + 1 };
}

/** `node` will not answer, or its answer counts for nothing. */
export function countOut(tally: Tally, node: NodeId): Tally {
  if (!tally.pending.includes(node)) return tally;
  return { ...tally, pending: without(tally.pending, node) };
}

/** `unasked`: how many more could be asked. */
export function verdict(tally: Tally, unasked = 0): Verdict {
  if (tally.counted >= tally.wanted) return 'enough';
  return tally.counted + tally.pending.length + unasked >= tally.wanted ? 'open' : 'impossible';
}

/** The quorum a request means; `undefined` where it asks for none or for more replicas than there are. */
export function effectiveQuorum(requested: number | undefined, replicas: number): number | undefined {
  if (requested === undefined) return majority(replicas);
  return Number.isInteger(requested) && requested >= 1 && requested <= replicas ? requested : undefined;
}

function without(nodes: readonly NodeId[], node: NodeId): readonly NodeId[] {
  return nodes.filter((other) => other !== node);
}
