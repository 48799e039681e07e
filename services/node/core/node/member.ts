import { assertNever } from '../assert.js';
import type { NodeParts } from './parts.js';
import type { LoadPurpose, NodeEvent, NodeSizes, NodeView, ReadResult } from '../protocol/events.js';
import { isOfRegister, type RegisterMessage } from '../membership/register.js';
import type { FoundingMessage } from '../membership/founding.js';
import type { Message, OtherEpoch, ReadAnswer, RequestNumber, WriteAnswer } from '../protocol/messages.js';
import type { Held } from '../membership/store.js';
import type { StoreStanding } from '../protocol/store.js';
import type { Key, NodeId } from '../types.js';

export type MemberMessage = Exclude<Message, FoundingMessage>;
/** Of interest also to a node that is in no cluster yet. */
type EventOfAll = Extract<
  NodeEvent,
  {
    type: 'voteKept' | 'clusterKept' | 'seen' | 'registered' | 'storeChanged' | 'storeRead' | 'storeSwapped';
  }
>;
export type MemberEvent =
  | Exclude<NodeEvent, { type: EventOfAll['type'] | 'message' }>
  | (Omit<Extract<NodeEvent, { type: 'message' }>, 'message'> & { readonly message: MemberMessage });

/** What happens to a node that belongs to a cluster, and which of its parts has to know. */
export class Member {
  readonly #self: NodeId;
  readonly #parts: NodeParts;

  constructor(self: NodeId, parts: NodeParts) {
    this.#self = self;
    this.#parts = parts;
  }

  sizes(): NodeSizes {
    return {
      ...this.#parts.coordinator.sizes(),
      liveRequests: this.#liveRequests,
      cells: this.#parts.replica.cells,
      hints: this.#parts.hints.total,
      repairs: this.#parts.readRepairs.size,
      damagedKeys: this.#parts.repair.damagedKeys,
    };
  }

  view(): Omit<NodeView, 'registry'> {
    return {
      document: this.#parts.document,
      founding: undefined,
      complete: this.#parts.replica.complete,
      vouched: this.#parts.membership.allAnswered,
      actor: this.#parts.replica.actor,
      liveness: this.#parts.membership.states(),
      hints: this.#parts.hints.counts(),
      antiEntropy: this.#parts.repair.view(),
      rebuild: this.#parts.rebuild.view(),
    };
  }

  /** The store has answered. */
  onHeld(held: Held): void {
    this.#parts.storeRegister?.onHeld(held);
  }

  get storeStanding(): StoreStanding {
    return this.#parts.storeRegister?.standing ?? 'unread';
  }

  isAlive(node: NodeId): boolean {
    return this.#parts.membership.isAlive(node);
  }

  get #liveRequests(): number {
    const { coordinator, repair, removals } = this.#parts;
    return coordinator.sizes().liveRequests + repair.searches + removals.size;
  }

  on(event: MemberEvent): void {
    switch (event.type) {
      case 'get':
        return this.#parts.coordinator.onGet(event.ticket, event.request);
      case 'put':
        return this.#parts.coordinator.onPut(event.ticket, event.request);
      case 'probe':
        return this.#parts.coordinator.onProbe(event.ticket, event.node, event.timeoutMs);
      case 'where':
        return this.#parts.repair.where(event.ticket, event.key);
      case 'hurry':
        return this.#parts.repair.hurryFor(event.ticket, event.partition);
      case 'remove':
        return this.#parts.removals.open(event.ticket, event.node);
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
      case 'documentKept':
        return this.#parts.register.onDocumentKept(event.durable);
      case 'scanBegun':
        return this.#parts.repair.onScanBegun(event.scan);
      case 'scanned':
        return this.#parts.repair.onScanned(event.scan, event.page);
      case 'scanFailed':
        return this.#parts.repair.onScanFailed(event.scan);
      case 'tick':
        return this.#onTick(this.#parts.outbox.now.monotonicMs, event.sequence);
      case 'stop':
        return this.#onStop();
      default:
        return assertNever(event);
    }
  }

  /**
   * Of nodes that the document does not list, only what is about the document is heard: what one that was taken out still
   * has, all others may have forgotten since (I10). It is told which epoch it is, so that it asks.
   */
  #onMessage(from: NodeId, message: MemberMessage, deadlineMs: number): void {
    const { register, membership } = this.#parts;
    if (isOfRegister(message)) register.onMessage(from, message);
    else if (membership.others.includes(from)) this.#onMemberMessage(from, message, deadlineMs);
    else if (message.type === 'ping') membership.onPing(from, [], message.request, deadlineMs);
  }

  #onMemberMessage(from: NodeId, message: Exclude<MemberMessage, RegisterMessage>, deadlineMs: number): void {
    const { request } = message;
    switch (message.type) {
      case 'read':
        return this.#parts.reads.onRead(from, message, deadlineMs);
      case 'readReply':
        this.#parts.membership.answered(from);
        this.#parts.repair.onReply(message);
        return this.#onReadReply(from, request, message.answer);
      case 'write':
        return this.#parts.replica.onWrite(from, message, deadlineMs);
      case 'writeReply':
        this.#parts.membership.answered(from);
        return this.#onWriteReply(from, request, message.answer);
      case 'forward':
        return this.#parts.coordinator.onForward(from, request, message.put, deadlineMs);
      case 'forwardReply': {
        const { answer } = message;
        this.#parts.membership.answered(from);
        return this.#parts.coordinator.onForwardEvent(request, { type: 'answered', from, answer });
      }
      case 'ping':
        this.#parts.register.onEpochSeen(from, message.epoch);
        return this.#parts.membership.onPing(from, message.heights, request, deadlineMs);
      case 'pong':
        this.#parts.register.onEpochSeen(from, message.epoch);
        this.#parts.register.onAnswered(from, request, message.epoch);
        this.#parts.membership.onPong(from, message.heights);
        return this.#parts.coordinator.onProbed(request, true);
      case 'compare':
        this.#parts.register.onEpochSeen(from, message.epoch);
        return this.#parts.repair.onQuestion(from, message, deadlineMs);
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
        return assertNever(message);
    }
  }

  #onReadReply(from: NodeId, request: RequestNumber, answer: ReadAnswer | OtherEpoch): void {
    const { coordinator, register, replica } = this.#parts;
    if (answer.status === 'otherEpoch') {
      register.onEpochSeen(from, answer.epoch);
      coordinator.onOtherEpoch(request, from);
      return;
    }
    if (answer.status === 'found') replica.noticeClock(answer.record.clock);
    coordinator.onGetEvent(request, { type: 'answered', from, answer });
  }

  #onWriteReply(from: NodeId, request: RequestNumber, answer: WriteAnswer | OtherEpoch): void {
    const { coordinator, register, readRepairs, hints } = this.#parts;
    readRepairs.end(request);
    hints.onAnswer(request, answer);
    if (typeof answer === 'string') {
      coordinator.onPutEvent(request, { type: 'answered', from, answer });
      return;
    }
    register.onEpochSeen(from, answer.epoch);
    coordinator.onOtherEpoch(request, from);
  }

  /** Replies that cannot be routed need no care: whoever waits for them has a deadline. */
  #onUnroutable(to: NodeId, message: Message): void {
    const { request } = message;
    switch (message.type) {
      case 'read':
        this.#parts.repair.onUnroutable(request);
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
        // Of what is about the document, everything is sent again.
        return;
    }
  }

  #onLoaded(key: Key, purpose: LoadPurpose, result: ReadResult): void {
    // Whatever it was loaded for.
    if (result.status === 'damaged') this.#parts.repair.damaged(key);
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
      case 'where': {
        const answer = this.#parts.reads.pullAnswer(key, result, purpose.strict);
        return this.#parts.repair.onWhereLoaded(purpose.search, answer);
      }
      default:
        return assertNever(purpose);
    }
  }

  #onStop(): void {
    this.#parts.coordinator.stop();
    this.#parts.repair.stop();
    this.#parts.removals.stop();
  }

  #onTick(nowMs: number, sequence: number): void {
    const { suspected, recovered } = this.#parts.membership.tick(sequence);
    this.#parts.coordinator.tick(nowMs, suspected);
    this.#parts.readRepairs.expire(nowMs);
    this.#parts.hints.recovered(recovered);
    this.#parts.hints.tick();
    this.#parts.replica.tick();
    this.#parts.repair.tick(nowMs);
    this.#parts.register.tick();
    this.#parts.rebuild.tick(nowMs);
  }
}
