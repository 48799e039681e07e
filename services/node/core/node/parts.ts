import { Coordinator } from '../coordinator/coordinator.js';
import type { RequestNumbers } from '../coordinator/requestNumbers.js';
import { BallotRegister } from '../membership/ballotRegister.js';
import { StoreRegister } from '../membership/storeRegister.js';
import { createRebuild, createRemovals } from './changes.js';
import { Membership } from '../membership/membership.js';
import type { Rebuild } from '../membership/rebuild.js';
import type { Removals } from '../membership/removals.js';
import { type Register, REGISTER_TIMES } from '../membership/register.js';
import type { NodeOptions } from '../nodeOptions.js';
import type { Base } from './base.js';
import type { Outbox } from '../protocol/outbox.js';
import { Hints } from '../repair/hints.js';
import { ReadRepairs } from '../repair/readRepairs.js';
import { messageMsMax } from '../repair/reaping.js';
import { Repair } from '../repair/repair.js';
import { Reads } from '../replica/reads.js';
import { Replica } from '../replica/replica.js';
import { createRing, type ReplicaSet, replicaSetsByKey, type Ring } from '../ring/replicaSets.js';
import type { Actor, Cluster, ClusterDocument, Key, NodeId } from '../types.js';

/**
 * The parts of a node that belongs to a cluster. They know nothing of each other; what each needs of the others is handed
 * to it here.
 */
export class NodeParts {
  readonly outbox: Outbox;
  readonly replicaSet: (key: Key) => ReplicaSet;
  readonly register: Register;
  /** The register, where it is one in a store. */
  readonly storeRegister: StoreRegister | undefined;
  readonly membership: Membership;
  readonly hints: Hints;
  readonly replica: Replica;
  readonly reads: Reads;
  readonly readRepairs: ReadRepairs;
  readonly repair: Repair;
  readonly rebuild: Rebuild;
  readonly removals: Removals;
  readonly coordinator: Coordinator;
  readonly #options: NodeOptions;
  readonly #numbers: RequestNumbers;
  readonly #onAdopted: (document: ClusterDocument) => void;
  #ring: Ring;

  constructor(
    options: NodeOptions,
    base: Base,
    cluster: Cluster,
    onAdopted: (document: ClusterDocument) => void,
  ) {
    this.#onAdopted = onAdopted;
    this.#options = options;
    this.#numbers = base.numbers;
    this.outbox = base.outbox;
    this.#ring = createRing(cluster.document);
    this.replicaSet = replicaSetsByKey(
      () => this.#ring,
      (key) => options.digests.md5(key),
    );
    this.storeRegister = options.register === 'store' ? this.#createStoreRegister(base, cluster) : undefined;
    this.register = this.storeRegister ?? this.#createBallotRegister(base, cluster.document);
    this.membership = this.#createMembership(options);
    this.hints = this.#createHints(options);
    this.repair = this.#createRepair(options);
    this.replica = this.#createReplica(options);
    this.reads = this.#createReads(options);
    this.readRepairs = this.#createReadRepairs(options);
    this.rebuild = createRebuild(options, this, { voter: base.file.voter, ring: () => this.#ring });
    this.removals = createRemovals(options.self, this);
    this.coordinator = this.#createCoordinator(options, cluster.versionKey);
    this.#connectAll();
  }

  get document(): ClusterDocument {
    return this.register.document;
  }

  #lists(node: NodeId): boolean {
    return this.document.nodes.some(({ id }) => id === node);
  }

  /** Whether the document lists this directory, and says that it holds everything. */
  #listsAsComplete(actor: Actor): boolean {
    const listed = this.document.nodes.find(({ id }) => id === this.#options.self);
    return listed?.actor === actor && listed.state === 'complete';
  }

  #createBallotRegister(base: Base, document: ClusterDocument): BallotRegister {
    return new BallotRegister({
      self: this.#options.self,
      document,
      file: base.file,
      times: REGISTER_TIMES,
      jitter: this.#options.jitter,
      port: base.documentPort,
      onAdopted: (adopted) => {
        this.#adopt(adopted);
      },
    });
  }

  #createStoreRegister(base: Base, cluster: Cluster): StoreRegister {
    return new StoreRegister({
      ...{ self: this.#options.self, cluster, times: REGISTER_TIMES },
      ...{ port: base.documentPort, store: base.store },
      onAdopted: (adopted) => {
        this.#adopt(adopted);
      },
      onRefilled: () => {
        this.outbox.observe('storeRefilled');
      },
    });
  }

  /** It is durable here: from now on everything is answered under it (R9). */
  #adopt(document: ClusterDocument): void {
    this.#ring = createRing(document);
    this.outbox.observe('documentAdopted');
    this.membership.adopt(document);
    this.#connectAll();
    this.coordinator.adopt();
    this.repair.adopt();
    this.rebuild.adopt(document);
    this.#onAdopted(document);
  }

  #connectAll(): void {
    for (const { id, busAddress } of this.document.nodes) {
      if (id !== this.#options.self) this.outbox.connect(id, busAddress);
    }
  }

  #createMembership(options: NodeOptions): Membership {
    return new Membership({
      ...options,
      document: this.document,
      directory: options,
      outbox: this.outbox,
      onOvertaken: () => {
        this.replica.renounce();
      },
    });
  }

  #createHints({ limits, hints, requestTimeoutMs, tombstoneGraceMs }: NodeOptions): Hints {
    return new Hints({
      hintsMax: limits.hintsMax,
      timeoutMs: requestTimeoutMs,
      messageMsMax: messageMsMax(tombstoneGraceMs),
      kept: hints,
      outbox: this.outbox,
      port: {
        isAlive: (target) => this.membership.isAlive(target),
        isListed: (target) => this.#lists(target),
        nextNumber: () => this.#numbers.next(),
        sinceOf: (key) => this.replicaSet(key).since,
        handedOver: (key, record) => {
          this.replica.handedOver(key, record);
        },
      },
    });
  }

  #createReplica(options: NodeOptions): Replica {
    return new Replica({
      ...options,
      cellBytesMax: options.limits.cellBytesMax,
      vouched: {
        forStrict: () => this.membership.majorityAnswered,
        forMints: () => this.membership.allAnswered,
      },
      listsAsComplete: (actor) => this.#listsAsComplete(actor),
      epoch: () => this.document.epoch,
      sinceOf: (key) => this.replicaSet(key).since,
      holds: (key) => this.#holds(key, options),
      outbox: this.outbox,
      onRenounced: (actor) => {
        this.membership.renounced(actor);
      },
      mint: {
        resolve: (request, record) => this.coordinator.resolve(request, record),
        unsound: (request) => {
          this.coordinator.onPutEvent(request, { type: 'unsound' });
        },
        stored: (request, durable) => {
          this.coordinator.onMinted(request, durable);
        },
      },
      standIn: this.hints,
      watch: this.repair,
    });
  }

  #createReads(options: NodeOptions): Reads {
    return new Reads({
      holds: (key) => this.#holds(key, options),
      isComplete: () => this.replica.complete,
      countsFor: (strict) => this.replica.countsFor(strict),
      epoch: () => this.document.epoch,
      sinceOf: (key) => this.replicaSet(key).since,
      onDamaged: (key) => {
        this.repair.damaged(key);
      },
      outbox: this.outbox,
    });
  }

  #holds(key: Key, { self }: NodeOptions): boolean {
    return this.replicaSet(key).primaries.includes(self);
  }

  #createRepair(options: NodeOptions): Repair {
    return new Repair({
      ...options,
      partitions: this.document.partitions,
      others: () => this.membership.others,
      outbox: this.outbox,
      nextNumber: () => this.#numbers.next(),
      port: {
        ring: () => this.#ring,
        epoch: () => this.document.epoch,
        isListedComplete: (node) =>
          this.document.nodes.some(({ id, state }) => id === node && state === 'complete'),
        exchanged: (peer) => {
          this.rebuild.exchanged(peer);
        },
        replicaSet: this.replicaSet,
        isMember: () => this.#lists(options.self),
        isSettled: () => this.register.isSettled,
        isComplete: () => this.replica.complete,
        isAlive: (node) => this.membership.isAlive(node),
        merge: (key, record, done) => {
          this.replica.repair(key, record, done);
        },
        mend: (key) => {
          this.replica.mend(key);
        },
        reap: (item) => {
          this.replica.reap(item);
        },
        isWriting: (key) => this.replica.isWriting(key),
        hasHint: (key) => this.hints.has(key),
        keepHint: (target, key) => {
          this.hints.keep(target, key);
        },
        hintsAreFull: () => this.hints.isFull,
      },
    });
  }

  #createReadRepairs({ self, limits, requestTimeoutMs }: NodeOptions): ReadRepairs {
    return new ReadRepairs({
      self,
      repairsMax: limits.repairsMax,
      timeoutMs: requestTimeoutMs,
      outbox: this.outbox,
      nextNumber: () => this.#numbers.next(),
      sinceOf: (key) => this.replicaSet(key).since,
      mergeHere: (key, record) => {
        this.replica.repair(key, record);
      },
    });
  }

  #createCoordinator(options: NodeOptions, versionKey: Uint8Array): Coordinator {
    const replica = this.replica;
    return new Coordinator(
      { ...options, versionKey },
      {
        outbox: this.outbox,
        nextNumber: () => this.#numbers.next(),
        port: {
          replicaSet: this.replicaSet,
          suspects: () => this.membership.suspects,
          countsFor: (strict) => replica.countsFor(strict),
          noticeClock: (clock) => {
            replica.noticeClock(clock);
          },
          withoutTrimmed: (key, version, record) => replica.withoutTrimmed(key, version, record),
          nextEntry: () => replica.nextEntry(),
          mint: (key, number) => {
            replica.mint(key, number);
          },
          keepHint: (target, key) => {
            this.hints.keep(target, key);
          },
          repair: (key, record, behind) => {
            this.readRepairs.start(key, record, behind);
          },
        },
      },
    );
  }
}
