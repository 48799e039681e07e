import type { NodeHeight } from '../protocol/messages.js';
import { HEIGHTS_MAX } from '../protocol/messages.js';
import type { Actor, Height, NodeId } from '../types.js';

/**
 * What is heard of every node's data directory, kept and passed on, so that a directory that was put back to an old copy
 * is told of its own later state (R12).
 */
export class Heights {
  readonly #self: NodeId;
  readonly #actorOf: (node: NodeId) => Actor | undefined;
  readonly #heard: Map<NodeId, Height>;
  /** The last life of a node that began on an old copy of its directory. */
  readonly #strayed = new Map<NodeId, number>();
  #kept: ReadonlyMap<NodeId, Height>;
  #turn = 0;

  /** @param actorOf the directory that the document lists for a node; undefined where it lists no such node */
  constructor(self: NodeId, kept: ReadonlyMap<NodeId, Height>, actorOf: (node: NodeId) => Actor | undefined) {
    this.#self = self;
    this.#actorOf = actorOf;
    this.#kept = kept;
    this.#heard = new Map(kept);
    this.#heard.delete(self);
  }

  /**
   * Takes only what is later in the same directory, and that is the one that the document lists. What a node says of itself is no better: on another directory, or on
   * an old copy, it does not know yet that it is, and has to be told what it was, however often that is lost (R12).
   */
  hear({ node, actor, incarnation, sequence }: NodeHeight): void {
    if (node === this.#self || actor !== this.#actorOf(node)) return;
    const known = this.#heard.get(node);
    const height = { actor, incarnation, sequence };
    if (known?.actor === actor && !this.#isNews(node, height, known)) return;
    this.#heard.set(node, height);
  }

  /** What `to` is told: this node's own, its own, and the others in turns. */
  tell(to: NodeId, own: Height): readonly NodeHeight[] {
    const told: NodeHeight[] = [{ node: this.#self, ...own }];
    const about = this.#heard.get(to);
    if (about) told.push({ node: to, ...about });
    const others = [...this.#heard].filter(([node]) => node !== to);
    const count = Math.min(others.length, HEIGHTS_MAX - told.length);
    for (let i = 0; i < count; i++) {
      const other = others[(this.#turn + i) % others.length];
      if (other) told.push({ node: other[0], ...other[1] });
    }
    this.#turn += count;
    return told;
  }

  /** A life that begins before the end of an earlier one stays on its old copy, also when it has got past that end. */
  #isNews(node: NodeId, height: Height, known: Height): boolean {
    if (height.incarnation < known.incarnation) return false;
    if (height.sequence > known.sequence) return height.incarnation > (this.#strayed.get(node) ?? 0);
    if (height.incarnation > known.incarnation) this.#strayed.set(node, height.incarnation);
    return false;
  }

  /**
   * All that was heard, where there is more to keep than at the last call. A single batch of another node is not: that
   * may be the one in which it kept what it heard of this one, and idle nodes would go on telling each other for ever.
   */
  takeChanges(): ReadonlyMap<NodeId, Height> | undefined {
    const isWorthKeeping = ([node, height]: readonly [NodeId, Height]): boolean => {
      const kept = this.#kept.get(node);
      return kept?.incarnation !== height.incarnation || height.sequence > kept.sequence + 1;
    };
    if (![...this.#heard].some(isWorthKeeping)) return undefined;
    this.#kept = new Map(this.#heard);
    return this.#kept;
  }
}

/**
 * Whether what others heard of this node shows that its directory is not the one it was: a later life of it, or more
 * batches than it had when it was opened. Another directory of the node, which was lost, says nothing of this one.
 */
export function isOvertaken(
  own: {
    readonly actor: Actor;
    readonly incarnation: number;
    readonly openedAt: number;
    readonly sequence: number;
  },
  heard: Height,
): boolean {
  if (heard.actor !== own.actor) return false;
  if (heard.incarnation > own.incarnation) return true;
  return heard.incarnation === own.incarnation
    ? heard.sequence > own.sequence
    : heard.sequence >= own.openedAt;
}
