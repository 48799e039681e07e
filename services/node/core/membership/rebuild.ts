import type { Outbox } from '../protocol/outbox.js';
import { meetingEveryMajority } from '../ring/majority.js';
import type { Ring } from '../ring/replicaSets.js';
import type { ClusterDocument, ClusterNode, NodeId, Partition } from '../types.js';
import { type Directories, readdressed, rebuildBegun, rebuildFinished, voterReplaced } from './changes.js';
import type { Change, ProposalResult } from './register.js';

/**
 * Keeps what the document says of this node true. A node whose directory is not the one that the document lists has lost
 * its data: a change of the document makes the new directory count in its place, as one that is being rebuilt; from then
 * on nothing that the old one acknowledged counts (R9, R10). When this node has compared with every complete replica of
 * what it holds, and pulled what differed, another change says that it is complete.
 *
 * R10 asks for N − majority + 1 complete replicas; here *all* that are complete are waited for, and at least so many. A
 * write that fewer than a majority acknowledged is then found as well, as long as one of its holders is left (I2): whoever
 * minted it is among those that are waited for.
 */
export interface RebuildPort {
  document(): ClusterDocument;
  ring(): Ring;
  /** As they are. */
  directories(): Directories;
  readonly addresses: Pick<ClusterNode, 'busAddress' | 'httpAddress'>;
  /** Nothing was ever minted under the directory's actor: it is new. */
  mayKeepActor(): boolean;
  /** The directory goes on under another actor (I4). */
  renounce(): void;
  hasDamage(): boolean;
  propose(change: Change, done: (result: ProposalResult) => void): void;
  /** Compare with the others as soon as possible. */
  hurry(): void;
}

export interface RebuildOptions {
  readonly self: NodeId;
  readonly outbox: Outbox;
  readonly port: RebuildPort;
}

const AGAIN_MS = 500;

export class Rebuild {
  readonly #options: RebuildOptions;
  /** Compared with since the document lists this directory. */
  readonly #exchanged = new Set<NodeId>();
  #listedActor: string | undefined;
  #isProposing = false;
  #dueAtMs = 0;

  constructor(options: RebuildOptions) {
    this.#options = options;
    this.adopt(options.port.document());
  }

  /** While this node is being rebuilt: the complete ones that are still to be compared with. */
  view(): { readonly left: readonly NodeId[] } | undefined {
    if (this.#listed?.state !== 'rebuilding') return undefined;
    return { left: [...this.#sources().all].filter((node) => !this.#exchanged.has(node)) };
  }

  /** What was compared under another directory counts for nothing. */
  adopt(document: ClusterDocument): void {
    const listed = document.nodes.find(({ id }) => id === this.#options.self);
    if (listed?.actor !== this.#listedActor) this.#exchanged.clear();
    this.#listedActor = listed?.actor;
    this.#dueAtMs = 0;
  }

  /** Everything of the peer's that was missing here has been pulled. */
  exchanged(peer: NodeId): void {
    this.#exchanged.add(peer);
  }

  tick(nowMs: number): void {
    if (this.#isProposing || nowMs < this.#dueAtMs) return;
    this.#dueAtMs = nowMs + AGAIN_MS;
    const listed = this.#listed;
    if (listed) this.#advance(listed);
  }

  get #listed(): ClusterNode | undefined {
    return this.#options.port.document().nodes.find(({ id }) => id === this.#options.self);
  }

  #advance(listed: ClusterNode): void {
    const { self, port, outbox } = this.#options;
    const { actor, voter } = port.directories();
    if (listed.actor !== actor) {
      // A directory that was listed before may be an old copy: what it minted since is not known.
      if (!port.mayKeepActor()) port.renounce();
      const directories = port.directories();
      this.#propose(
        (document) => rebuildBegun(document, self, directories),
        () => {
          outbox.observe('rebuildBegun');
        },
      );
    } else if (listed.voter !== voter) {
      this.#propose((document) => voterReplaced(document, self, voter));
    } else if (this.#isElsewhere(listed)) {
      this.#propose((document) => readdressed(document, self, port.addresses));
    } else if (listed.state === 'rebuilding') this.#rebuild(listed);
  }

  #isElsewhere({ busAddress, httpAddress }: ClusterNode): boolean {
    const { addresses } = this.#options.port;
    return busAddress !== addresses.busAddress || httpAddress !== addresses.httpAddress;
  }

  #rebuild({ actor }: ClusterNode): void {
    const { self, port, outbox } = this.#options;
    const { all, isEnough } = this.#sources();
    const isDone = isEnough && [...all].every((node) => this.#exchanged.has(node)) && !port.hasDamage();
    if (!isDone) {
      port.hurry();
      return;
    }
    this.#propose(
      (document) => rebuildFinished(document, self, actor),
      () => {
        outbox.observe('rebuildFinished');
      },
    );
  }

  /** The other complete replicas of everything that this node holds. */
  #sources(): { readonly all: ReadonlySet<NodeId>; readonly isEnough: boolean } {
    const { self, port } = this.#options;
    const complete = new Set(
      port
        .document()
        .nodes.filter(({ state }) => state === 'complete')
        .map(({ id }) => id),
    );
    const ring = port.ring();
    const all = new Set<NodeId>();
    let isEnough = true;
    for (let partition = 0; partition < ring.partitions; partition++) {
      const { primaries } = ring.replicaSet(partition as Partition);
      if (!primaries.includes(self)) continue;
      const sources = primaries.filter((node) => node !== self && complete.has(node));
      for (const node of sources) all.add(node);
      isEnough &&= sources.length >= meetingEveryMajority(primaries.length);
    }
    return { all, isEnough };
  }

  #propose(change: Change, committed: () => void = () => undefined): void {
    const { port, outbox } = this.#options;
    this.#isProposing = true;
    port.propose(change, (result) => {
      this.#isProposing = false;
      this.#dueAtMs = outbox.now.monotonicMs + (result === 'committed' ? 0 : AGAIN_MS);
      if (result === 'committed') committed();
    });
  }
}
