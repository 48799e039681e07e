import type { Liveness } from '../protocol/events.js';
import type { NodeHeight } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { Actor, ClusterDocument, Height, NodeId } from '../types.js';
import { Heights, isOvertaken } from './heights.js';
import { type LivenessChanges, livenessTimes, LivenessView } from './liveness.js';

/** Whose data directory this is, as it was when it was opened. */
export interface Directory {
  readonly actor: Actor;
  readonly incarnation: number;
  readonly sequence: number;
}

export interface MembershipOptions {
  readonly self: NodeId;
  readonly document: ClusterDocument;
  readonly nodeTimeoutMs: number;
  readonly directory: Directory;
  readonly heights: ReadonlyMap<NodeId, Height>;
  readonly outbox: Outbox;
  /** A peer knows more of this node's directory than the directory itself (R12); called as long as that is so. */
  readonly onOvertaken: () => void;
}

/** Requests have numbers above it; answers to probes of liveness belong to no request. */
const PROBE = 0;
const KEEP_HEIGHTS_EVERY_MS = 1000;

/**
 * What this node knows of the others, and they of it: probes tell who answers, and carry how far each one's data
 * directory has come. Until the others have answered, a directory that was put back to an old copy is not told from a
 * sound one (R12).
 */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #liveness: LivenessView;
  readonly #heights: Heights;
  readonly #answered = new Set<NodeId>();
  #document: ClusterDocument;
  #others: readonly NodeId[] = [];
  #suspects: ReadonlySet<NodeId> = new Set();
  #own: Height;
  #keepHeightsAtMs = 0;
  #lookAgainAtMs = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#own = options.directory;
    this.#document = options.document;
    this.#liveness = new LivenessView([], livenessTimes(options.nodeTimeoutMs));
    this.#heights = new Heights(options.self, options.heights, (node) => this.#actorOf(node));
    this.adopt(options.document);
  }

  /** Those who have left the document vouch for nothing. */
  adopt(document: ClusterDocument): void {
    this.#document = document;
    this.#others = document.nodes.map(({ id }) => id).filter((id) => id !== this.#options.self);
    for (const node of this.#answered) if (!this.#others.includes(node)) this.#answered.delete(node);
    this.#liveness.setOthers(this.#others);
    this.#suspects = this.#notAlive();
  }

  /** Every other node of the cluster. */
  get others(): readonly NodeId[] {
    return this.#others;
  }

  states(): ReadonlyMap<NodeId, Liveness> {
    return this.#liveness.states();
  }

  /** Nodes that are not to be waited for (R4). */
  get suspects(): ReadonlySet<NodeId> {
    return this.#suspects;
  }

  isAlive(node: NodeId): boolean {
    return this.#liveness.isAlive(node);
  }

  /** Whether a majority of the cluster, this node among them, has seen this life of it. */
  get majorityAnswered(): boolean {
    return this.#answered.size + 1 > (this.#others.length + 1) / 2;
  }

  get allAnswered(): boolean {
    return this.#answered.size === this.#others.length;
  }

  /** This node goes on under another actor. */
  renounced(actor: Actor): void {
    this.#own = { ...this.#own, actor };
  }

  /** `node` answered something that this node had asked. */
  answered(node: NodeId): void {
    this.#liveness.answered(node, this.#options.outbox.now.monotonicMs);
  }

  /** `sequence`: of the last synced batch here. */
  tick(sequence: number): LivenessChanges {
    const { outbox, nodeTimeoutMs } = this.#options;
    const nowMs = outbox.now.monotonicMs;
    this.#own = { ...this.#own, sequence: Math.max(sequence, this.#own.sequence) };
    const changes = this.#liveness.tick(nowMs);
    for (const node of changes.probe) {
      const { epoch } = this.#document;
      const ping = { type: 'ping', request: PROBE, epoch, heights: this.#tell(node) } as const;
      outbox.send(node, ping, nowMs + nodeTimeoutMs);
    }
    if (changes.suspected.length > 0 || changes.recovered.length > 0) this.#suspects = this.#notAlive();
    this.#lookAgain(nowMs);
    this.#keepHeights(nowMs);
    return changes;
  }

  onPing(from: NodeId, heights: readonly NodeHeight[], request: number, deadlineMs: number): void {
    this.#hear(heights);
    const { epoch } = this.#document;
    const pong = { type: 'pong', request, epoch, heights: this.#tell(from) } as const;
    this.#options.outbox.send(from, pong, deadlineMs);
  }

  /** Vouches for this life only where it speaks of it: a pong may answer a ping from before a restart (R12). */
  onPong(from: NodeId, heights: readonly NodeHeight[]): void {
    this.answered(from);
    this.#hear(heights);
    const about = heights.find(({ node }) => node === this.#options.self);
    const knows =
      about?.actor === this.#own.actor &&
      (about.incarnation >= this.#own.incarnation || this.#isOvertaken(about));
    if (knows && this.#others.includes(from)) this.#answered.add(from);
  }

  /** A probe could not be routed. */
  onAbsent(node: NodeId): void {
    this.#liveness.absent(node);
  }

  #tell(node: NodeId): readonly NodeHeight[] {
    return this.#heights.tell(node, this.#own);
  }

  /** Of nodes outside the document nothing is kept. */
  #hear(heights: readonly NodeHeight[]): void {
    const { self, onOvertaken } = this.#options;
    for (const height of heights) {
      if (height.node === self && this.#isOvertaken(height)) onOvertaken();
      this.#heights.hear(height);
    }
  }

  #isOvertaken(heard: Height): boolean {
    return isOvertaken({ ...this.#own, openedAt: this.#options.directory.sequence }, heard);
  }

  #keepHeights(nowMs: number): void {
    if (nowMs < this.#keepHeightsAtMs) return;
    this.#keepHeightsAtMs = nowMs + KEEP_HEIGHTS_EVERY_MS;
    const changed = this.#heights.takeChanges();
    if (changed) this.#options.outbox.keepHeights(changed);
  }

  /**
   * Whoever said last where a silent node is may have been wrong, or late: it is looked for where the document lists it
   * (I13). Not often, so that one that says itself that it is elsewhere can be heard in between.
   */
  #lookAgain(nowMs: number): void {
    const { nodeTimeoutMs, outbox, self } = this.#options;
    if (nowMs < this.#lookAgainAtMs) return;
    this.#lookAgainAtMs = nowMs + nodeTimeoutMs;
    for (const { id, busAddress } of this.#document.nodes) {
      if (id !== self && this.#liveness.isSilent(id)) outbox.connect(id, busAddress);
    }
  }

  #notAlive(): ReadonlySet<NodeId> {
    return new Set(this.#others.filter((node) => !this.#liveness.isAlive(node)));
  }

  #actorOf(node: NodeId): Actor | undefined {
    return this.#document.nodes.find(({ id }) => id === node)?.actor;
  }
}
