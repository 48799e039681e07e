import type { NodeId } from '../types.js';

/** Long against the time in which a document spreads to a node that has heard of it. */
const AGAIN_MS = 50;
/** Shared: hardly a request ever needs another list. */
const NONE: readonly NodeId[] = [];

/**
 * The nodes that have to be sent a request again, since they or this node did not know the newest replicas of its key
 * (R9): the same request, a little later, for as long as it lives.
 */
export class Again {
  #nodes: readonly NodeId[] = NONE;
  #atMs = 0;

  add(node: NodeId, nowMs: number): void {
    if (this.#nodes.length === 0) this.#atMs = nowMs + AGAIN_MS;
    if (!this.#nodes.includes(node)) this.#nodes = [...this.#nodes, node];
  }

  /** Those whose time has come; they are forgotten. */
  take(nowMs: number): readonly NodeId[] {
    if (this.#nodes.length === 0 || nowMs < this.#atMs) return NONE;
    const due = this.#nodes;
    this.#nodes = NONE;
    return due;
  }
}
