import { assertNever } from './assert.js';
import { Coordinator } from './coordinator/coordinator.js';
import { RequestNumbers } from './coordinator/requestNumbers.js';
import { Membership } from './membership/membership.js';
import type { NodeOptions } from './nodeOptions.js';
import type {
  Effect,
  LoadPurpose,
  NodeEvent,
  NodeSizes,
  NodeView,
  ReadResult,
  SteppingNode,
} from './protocol/events.js';
import type { MembershipMessage } from './protocol/membershipMessages.js';
import type { Message } from './protocol/messages.js';
import { Outbox } from './protocol/outbox.js';
import { Hints } from './repair/hints.js';
import { ReadRepairs } from './repair/readRepairs.js';
import { Replica } from './replica/replica.js';
import { type ReplicaSet, replicaSetsByKey } from './ring/replicaSets.js';
import type { Instant, Key, NodeId } from './types.js';

/**
 * The whole node as a pure machine: `step(event, now)` advances it and returns what is to be done. Here coordinator,
 * replica, repair and membership meet; they know nothing of each other, so that the simulator can reorder what passes
 * between nodes. No I/O, no time but `now`, no randomness: the same events give the same effects.
 */

export function createNode(options: NodeOptions): SteppingNode {
  return new StorageNode(options);
}

class StorageNode implements SteppingNode {
  readonly #self: NodeId;
  readonly #outbox = new Outbox();
  readonly #numbers: RequestNumbers;
  readonly #replicaSet: (key: Key) => ReplicaSet;
  readonly #membership: Membership;
  readonly #hints: Hints;
  readonly #replica: Replica;
  readonly #repairs: ReadRepairs;
  readonly #coordinator: Coordinator;

  constructor(options: NodeOptions) {
    this.#self = options.self;
    this.#numbers = new RequestNumbers(options.incarnation, options.spareActor);
    this.#replicaSet = replicaSetsByKey(options.document, (key) => options.digests.md5(key));
    this.#membership = this.#createMembership(options);
    this.#hints = this.#createHints(options);
    this.#replica = this.#createReplica(options);
    this.#repairs = this.#createRepairs(options);
    this.#coordinator = this.#createCoordinator(options);
  }

  step(event: NodeEvent, now: Instant): readonly Effect[] {
    this.#outbox.begin(now);
    this.#on(event);
    return this.#outbox.take();
  }

  sizes(): NodeSizes {
    return {
      ...this.#coordinator.sizes(),
      cells: this.#replica.cells,
      hints: this.#hints.total,
      repairs: this.#repairs.size,
    };
  }

  view(): NodeView {
    return {
      complete: this.#replica.complete,
      vouched: this.#membership.allAnswered,
      actor: this.#replica.actor,
      liveness: this.#membership.states(),
      hints: this.#hints.counts(),
    };
  }

  #on(event: NodeEvent): void {
    switch (event.type) {
      case 'get':
        return this.#coordinator.onGet(event.ticket, event.request);
      case 'put':
        return this.#coordinator.onPut(event.ticket, event.request);
      case 'probe':
        return this.#coordinator.onProbe(event.ticket, event.node, event.timeoutMs);
      case 'message':
        return this.#onMessage(event.from, event.message, this.#outbox.now.monotonicMs + event.remainingMs);
      case 'unroutable':
        return this.#onUnroutable(event.to, event.message);
      case 'loaded':
        return this.#onLoaded(event.purpose, event.result);
      case 'stored':
        return this.#replica.onStored(event.key, event.store);
      case 'storeFailed':
        return this.#replica.onStoreFailed(event.key, event.store);
      case 'hintStored':
        return this.#hints.onStored(event.target, event.key, event.durable);
      case 'renounceStored':
        return this.#replica.onRenounceStored(event.durable);
      case 'tick':
        return this.#onTick(this.#outbox.now.monotonicMs, event.sequence);
      case 'stop':
        return this.#coordinator.stop();
      default:
        return assertNever(event);
    }
  }

  #onMessage(from: NodeId, message: Message, deadlineMs: number): void {
    const { request } = message;
    switch (message.type) {
      case 'read':
        return this.#replica.onRead(from, message, deadlineMs);
      case 'readReply': {
        const { answer } = message;
        this.#membership.answered(from);
        if (answer.status === 'found') this.#replica.noticeClock(answer.record.clock);
        return this.#coordinator.onGetEvent(request, { type: 'answered', from, answer });
      }
      case 'write':
        return this.#replica.onWrite(from, message, deadlineMs);
      case 'writeReply': {
        const { answer } = message;
        this.#membership.answered(from);
        this.#repairs.end(request);
        this.#hints.onAnswer(request, answer);
        return this.#coordinator.onPutEvent(request, { type: 'answered', from, answer });
      }
      case 'forward':
        return this.#coordinator.onForward(from, request, message.put, deadlineMs);
      case 'forwardReply': {
        const { answer } = message;
        this.#membership.answered(from);
        return this.#coordinator.onForwardEvent(request, { type: 'answered', from, answer });
      }
      case 'ping':
        return this.#membership.onPing(from, message.heights, request, deadlineMs);
      case 'pong':
        this.#membership.onPong(from, message.heights);
        return this.#coordinator.onProbed(request, true);
      default:
        return ignored(message);
    }
  }

  /** Replies that cannot be routed need no care: whoever waits for them has a deadline. */
  #onUnroutable(to: NodeId, message: Message): void {
    const { request } = message;
    switch (message.type) {
      case 'read':
        return this.#coordinator.onGetEvent(request, { type: 'unroutable', from: to });
      case 'write':
        this.#repairs.end(request);
        this.#hints.onUnroutable(request);
        return this.#coordinator.onPutEvent(request, { type: 'unroutable', from: to });
      case 'forward':
        return this.#coordinator.onForwardEvent(request, { type: 'unroutable', from: to });
      case 'ping':
        this.#membership.onAbsent(to);
        return this.#coordinator.onProbed(request, false);
      case 'readReply':
      case 'writeReply':
      case 'forwardReply':
      case 'pong':
        return;
      default:
        return ignored(message);
    }
  }

  #onLoaded(purpose: LoadPurpose, result: ReadResult): void {
    switch (purpose.for) {
      case 'cell':
        return this.#replica.onCellLoaded(purpose.key, result);
      case 'localRead': {
        const answer = this.#replica.readAnswer(result, purpose.strict);
        return this.#coordinator.onGetEvent(purpose.request, { type: 'answered', from: this.#self, answer });
      }
      case 'replicaRead':
        return this.#replica.onReplicaRead(purpose, result);
      case 'hint':
        return this.#hints.onLoaded(purpose.target, purpose.key, result);
      default:
        return assertNever(purpose);
    }
  }

  #onTick(nowMs: number, sequence: number): void {
    const { suspected, recovered } = this.#membership.tick(sequence);
    this.#coordinator.tick(nowMs, suspected);
    this.#repairs.expire(nowMs);
    this.#hints.recovered(recovered);
    this.#hints.tick();
    this.#replica.tick();
  }

  #createMembership(options: NodeOptions): Membership {
    const ids = options.document.nodes.map((node) => node.id);
    return new Membership({
      ...options,
      others: ids.filter((id) => id !== options.self),
      directory: options,
      outbox: this.#outbox,
      onOvertaken: () => {
        this.#replica.renounce();
      },
    });
  }

  #createHints({ limits, hints, requestTimeoutMs }: NodeOptions): Hints {
    return new Hints({
      hintsMax: limits.hintsMax,
      timeoutMs: requestTimeoutMs,
      kept: hints,
      outbox: this.#outbox,
      port: {
        isAlive: (target) => this.#membership.isAlive(target),
        nextNumber: () => this.#numbers.next(),
        handedOver: (key, record) => {
          this.#replica.handedOver(key, record);
        },
      },
    });
  }

  #createReplica(options: NodeOptions): Replica {
    return new Replica({
      ...options,
      cellBytesMax: options.limits.cellBytesMax,
      vouched: {
        forStrict: () => this.#membership.majorityAnswered,
        forMints: () => this.#membership.allAnswered,
      },
      holds: (key) => this.#replicaSet(key).primaries.includes(options.self),
      outbox: this.#outbox,
      onRenounced: (actor) => {
        this.#membership.renounced(actor);
      },
      mint: {
        resolve: (request, record) => this.#coordinator.resolve(request, record),
        unsound: (request) => {
          this.#coordinator.onPutEvent(request, { type: 'unsound' });
        },
        stored: (request, durable) => {
          this.#coordinator.onMinted(request, durable);
        },
      },
      standIn: this.#hints,
    });
  }

  #createRepairs({ self, limits, requestTimeoutMs }: NodeOptions): ReadRepairs {
    return new ReadRepairs({
      self,
      repairsMax: limits.repairsMax,
      timeoutMs: requestTimeoutMs,
      outbox: this.#outbox,
      nextNumber: () => this.#numbers.next(),
      mergeHere: (key, record) => {
        this.#replica.repair(key, record);
      },
    });
  }

  #createCoordinator(options: NodeOptions): Coordinator {
    const replica = this.#replica;
    return new Coordinator(options, {
      outbox: this.#outbox,
      nextNumber: () => this.#numbers.next(),
      port: {
        replicaSet: this.#replicaSet,
        suspects: () => this.#membership.suspects,
        countsFor: (strict) => replica.countsFor(strict),
        noticeClock: (clock) => {
          replica.noticeClock(clock);
        },
        nextEntry: () => replica.nextEntry(),
        mint: (key, number) => {
          replica.mint(key, number);
        },
        keepHint: (target, key) => {
          this.#hints.keep(target, key);
        },
        repair: (key, record, behind) => {
          this.#repairs.start(key, record, behind);
        },
      },
    });
  }
}

/** Nothing takes part in votes and foundings yet. */
function ignored(_message: MembershipMessage): void {
  return;
}
