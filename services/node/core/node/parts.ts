import { Coordinator } from '../coordinator/coordinator.js';
import { RequestNumbers } from '../coordinator/requestNumbers.js';
import { Membership } from '../membership/membership.js';
import type { NodeOptions } from '../nodeOptions.js';
import { Outbox } from '../protocol/outbox.js';
import { Hints } from '../repair/hints.js';
import { ReadRepairs } from '../repair/readRepairs.js';
import { messageMsMax } from '../repair/reaping.js';
import { Repair } from '../repair/repair.js';
import { Reads } from '../replica/reads.js';
import { Replica } from '../replica/replica.js';
import { createRing, type ReplicaSet, replicaSetsByKey, type Ring } from '../ring/replicaSets.js';
import type { Key } from '../types.js';

/** The parts of a node. They know nothing of each other; what each needs of the others is handed to it here. */
export class NodeParts {
  readonly outbox = new Outbox();
  readonly ring: Ring;
  readonly replicaSet: (key: Key) => ReplicaSet;
  readonly membership: Membership;
  readonly hints: Hints;
  readonly replica: Replica;
  readonly reads: Reads;
  readonly readRepairs: ReadRepairs;
  readonly repair: Repair;
  readonly coordinator: Coordinator;
  readonly #numbers: RequestNumbers;

  constructor(options: NodeOptions) {
    this.#numbers = new RequestNumbers(options.incarnation, options.spareActor);
    this.ring = createRing(options.document);
    this.replicaSet = replicaSetsByKey(this.ring, (key) => options.digests.md5(key));
    this.membership = this.#createMembership(options);
    this.hints = this.#createHints(options);
    this.replica = this.#createReplica(options);
    this.reads = this.#createReads(options);
    this.readRepairs = this.#createReadRepairs(options);
    this.repair = this.#createRepair(options);
    this.coordinator = this.#createCoordinator(options);
  }

  #createMembership(options: NodeOptions): Membership {
    const ids = options.document.nodes.map((node) => node.id);
    return new Membership({
      ...options,
      others: ids.filter((id) => id !== options.self),
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
        nextNumber: () => this.#numbers.next(),
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
      watch: {
        changed: (key, before, after) => {
          this.repair.changed(key, before, after);
        },
        doubted: (key) => {
          this.repair.doubted(key);
        },
        damaged: (key) => {
          this.repair.damaged(key);
        },
        mended: (key) => {
          this.repair.mended(key);
        },
      },
    });
  }

  #createReads(options: NodeOptions): Reads {
    return new Reads({
      holds: (key) => this.#holds(key, options),
      isComplete: () => this.replica.complete,
      countsFor: (strict) => this.replica.countsFor(strict),
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
      partitions: options.document.partitions,
      others: options.document.nodes.map(({ id }) => id).filter((id) => id !== options.self),
      outbox: this.outbox,
      nextNumber: () => this.#numbers.next(),
      port: {
        ring: () => this.ring,
        replicaSet: this.replicaSet,
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
      mergeHere: (key, record) => {
        this.replica.repair(key, record);
      },
    });
  }

  #createCoordinator(options: NodeOptions): Coordinator {
    const replica = this.replica;
    return new Coordinator(options, {
      outbox: this.outbox,
      nextNumber: () => this.#numbers.next(),
      port: {
        replicaSet: this.replicaSet,
        suspects: () => this.membership.suspects,
        countsFor: (strict) => replica.countsFor(strict),
        noticeClock: (clock) => {
          replica.noticeClock(clock);
        },
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
    });
  }
}
