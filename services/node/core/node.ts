import { assertNever } from './assert.js';
import { NodeParts } from './node/parts.js';
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
  readonly #parts: NodeParts;

  constructor(options: NodeOptions) {
    this.#self = options.self;
    this.#parts = new NodeParts(options);
  }

  step(event: NodeEvent, now: Instant): readonly Effect[] {
    this.#parts.outbox.begin(now);
    this.#on(event);
    return this.#parts.outbox.take();
  }

  sizes(): NodeSizes {
    return {
      ...this.#parts.coordinator.sizes(),
      cells: this.#parts.replica.cells,
      hints: this.#parts.hints.total,
      repairs: this.#parts.readRepairs.size,
      damagedKeys: this.#parts.repair.damagedKeys,
    };
  }

  view(): NodeView {
    return {
      complete: this.#parts.replica.complete,
      vouched: this.#parts.membership.allAnswered,
      actor: this.#parts.replica.actor,
      liveness: this.#parts.membership.states(),
      hints: this.#parts.hints.counts(),
    };
  }

  #on(event: NodeEvent): void {
    switch (event.type) {
      case 'get':
        return this.#parts.coordinator.onGet(event.ticket, event.request);
      case 'put':
        return this.#parts.coordinator.onPut(event.ticket, event.request);
      case 'probe':
        return this.#parts.coordinator.onProbe(event.ticket, event.node, event.timeoutMs);
      case 'message':
        return this.#onMessage(
          event.from,
          event.message,
          this.#parts.outbox.now.monotonicMs + event.remainingMs,
        );
      case 'unroutable':
        return this.#onUnroutable(event.to, event.message);
      case 'loaded':
        return this.#onLoaded(event.key, event.purpose, event.result);
      case 'stored':
        return this.#parts.replica.onStored(event.key, event.store);
      case 'storeFailed':
        return this.#parts.replica.onStoreFailed(event.key, event.store);
      case 'hintStored':
        return this.#parts.hints.onStored(event.target, event.key, event.durable);
      case 'renounceStored':
        return this.#parts.replica.onRenounceStored(event.durable);
      case 'scanBegun':
        return this.#parts.repair.onScanBegun(event.scan);
      case 'scanned':
        return this.#parts.repair.onScanned(event.scan, event.page);
      case 'scanFailed':
        return this.#parts.repair.onScanFailed(event.scan);
      case 'tick':
        return this.#onTick(this.#parts.outbox.now.monotonicMs, event.sequence);
      case 'stop':
        return this.#parts.coordinator.stop();
      default:
        return assertNever(event);
    }
  }

  #onMessage(from: NodeId, message: Message, deadlineMs: number): void {
    const { request } = message;
    switch (message.type) {
      case 'read':
        return this.#parts.reads.onRead(from, message, deadlineMs);
      case 'readReply': {
        const { answer } = message;
        this.#parts.membership.answered(from);
        if (answer.status === 'found') this.#parts.replica.noticeClock(answer.record.clock);
        return this.#parts.coordinator.onGetEvent(request, { type: 'answered', from, answer });
      }
      case 'write':
        return this.#parts.replica.onWrite(from, message, deadlineMs);
      case 'writeReply': {
        const { answer } = message;
        this.#parts.membership.answered(from);
        this.#parts.readRepairs.end(request);
        this.#parts.hints.onAnswer(request, answer);
        return this.#parts.coordinator.onPutEvent(request, { type: 'answered', from, answer });
      }
      case 'forward':
        return this.#parts.coordinator.onForward(from, request, message.put, deadlineMs);
      case 'forwardReply': {
        const { answer } = message;
        this.#parts.membership.answered(from);
        return this.#parts.coordinator.onForwardEvent(request, { type: 'answered', from, answer });
      }
      case 'ping':
        return this.#parts.membership.onPing(from, message.heights, request, deadlineMs);
      case 'pong':
        this.#parts.membership.onPong(from, message.heights);
        return this.#parts.coordinator.onProbed(request, true);
      case 'compare':
      case 'leaves':
      case 'list':
      case 'reap':
        return this.#parts.repair.onQuestion(from, message, deadlineMs);
      case 'pull':
        return this.#parts.reads.onPull(from, request, message.key, deadlineMs);
      case 'compared':
      case 'leavesReply':
      case 'listed':
      case 'pulled':
      case 'reaped':
        this.#parts.membership.answered(from);
        return this.#parts.repair.onReply(message);
      default:
        return ignored(message);
    }
  }

  /** Replies that cannot be routed need no care: whoever waits for them has a deadline. */
  #onUnroutable(to: NodeId, message: Message): void {
    const { request } = message;
    switch (message.type) {
      case 'read':
        return this.#parts.coordinator.onGetEvent(request, { type: 'unroutable', from: to });
      case 'write':
        this.#parts.readRepairs.end(request);
        this.#parts.hints.onUnroutable(request);
        return this.#parts.coordinator.onPutEvent(request, { type: 'unroutable', from: to });
      case 'forward':
        return this.#parts.coordinator.onForwardEvent(request, { type: 'unroutable', from: to });
      case 'ping':
        this.#parts.membership.onAbsent(to);
        return this.#parts.coordinator.onProbed(request, false);
      case 'compare':
      case 'leaves':
      case 'list':
      case 'pull':
      case 'reap':
        return this.#parts.repair.onUnroutable(request);
      case 'readReply':
      case 'writeReply':
      case 'forwardReply':
      case 'pong':
      case 'compared':
      case 'leavesReply':
      case 'listed':
      case 'pulled':
      case 'reaped':
        return;
      default:
        return ignored(message);
    }
  }

  #onLoaded(key: Key, purpose: LoadPurpose, result: ReadResult): void {
    switch (purpose.for) {
      case 'cell':
        return this.#parts.replica.onCellLoaded(key, result);
      case 'localRead': {
        const answer = this.#parts.reads.readAnswer(key, result, purpose.strict);
        return this.#parts.coordinator.onGetEvent(purpose.request, {
          type: 'answered',
          from: this.#self,
          answer,
        });
      }
      case 'replicaRead':
        return this.#parts.reads.onReplicaRead(key, purpose, result);
      case 'pull':
        return this.#parts.reads.onPullLoaded(key, purpose, result);
      case 'reap':
        return this.#parts.repair.onReapLoaded(purpose, result);
      case 'hint':
        return this.#parts.hints.onLoaded(purpose.target, key, result);
      default:
        return assertNever(purpose);
    }
  }

  #onTick(nowMs: number, sequence: number): void {
    const { suspected, recovered } = this.#parts.membership.tick(sequence);
    this.#parts.coordinator.tick(nowMs, suspected);
    this.#parts.readRepairs.expire(nowMs);
    this.#parts.hints.recovered(recovered);
    this.#parts.hints.tick();
    this.#parts.replica.tick();
    this.#parts.repair.tick(nowMs);
  }
}

/** Nothing takes part in votes and foundings yet. */
function ignored(_message: MembershipMessage): void {
  return;
}
