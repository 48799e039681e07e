import { assertNever } from './assert.js';
import { badQuorum, done, refuseOrDecline } from './coordinator/answers.js';
import { Forwards } from './coordinator/forwards.js';
import { GET_BYTES, Gets } from './coordinator/gets.js';
import { Budget } from './coordinator/liveTable.js';
import { Probes } from './coordinator/probes.js';
import { type CoordinatedPut, type Origin, putBytes, Puts } from './coordinator/puts.js';
import { effectiveQuorum } from './coordinator/quorum.js';
import { RequestNumbers } from './coordinator/requestNumbers.js';
import { SeenForwards } from './coordinator/seenForwards.js';
import { requestError, type RequestError } from './errors.js';
import type {
  Effect,
  LoadPurpose,
  NodeEvent,
  NodeSizes,
  ReadResult,
  SteppingNode,
  Ticket,
} from './protocol/events.js';
import type { ForwardAnswer, GetRequest, Message, PutRequest } from './protocol/messages.js';
import { type NodeOptions } from './nodeOptions.js';
import { Outbox } from './protocol/outbox.js';
import { Replica } from './replica/replica.js';
import { positionOf } from './ring/position.js';
import { createRing, type Ring } from './ring/replicaSets.js';
import type { Instant, Key, NodeId } from './types.js';
import { decodeVersion, type VersionSeal } from './versioning/version.js';

/**
 * The whole node as a pure machine: `step(event, now)` advances it and returns what is to be done. Here the coordinator's
 * machines and the replica meet; they know nothing of each other, so that the simulator can reorder what passes between
 * nodes. No I/O, no time but `now`, no randomness: the same events give the same effects.
 */

export function createNode(options: NodeOptions): SteppingNode {
  return new StorageNode(options);
}

class StorageNode implements SteppingNode {
  readonly #options: NodeOptions;
  readonly #ring: Ring;
  readonly #seal: VersionSeal;
  readonly #numbers: RequestNumbers;
  readonly #budget: Budget;
  readonly #outbox = new Outbox();
  readonly #gets: Gets;
  readonly #puts: Puts;
  readonly #forwards: Forwards;
  readonly #seenForwards = new SeenForwards();
  readonly #probes: Probes;
  readonly #replica: Replica;
  #stopping = false;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#ring = createRing(options.document);
    this.#seal = { secret: options.versionSecret, digests: options.digests };
    this.#numbers = new RequestNumbers(options.incarnation);
    const { requestsMax, requestBytesMax: bytesMax, settlingMax } = options.limits;
    this.#budget = new Budget({ requestsMax, bytesMax });
    const shared = { self: options.self, budget: this.#budget, seal: this.#seal, outbox: this.#outbox };
    this.#gets = new Gets(shared);
    this.#forwards = new Forwards(shared);
    this.#probes = new Probes(shared);
    this.#replica = this.#createReplica(options);
    this.#puts = new Puts({
      ...shared,
      settlingMax,
      port: {
        nextEntry: () => this.#replica.nextEntry(),
        answer: (put, answer) => {
          this.#answerPut(put, answer);
        },
      },
    });
  }

  step(event: NodeEvent, now: Instant): readonly Effect[] {
    this.#outbox.begin(now);
    this.#on(event);
    return this.#outbox.take();
  }

  sizes(): NodeSizes {
    return {
      liveRequests: this.#budget.requests,
      liveBytes: this.#budget.bytes,
      settling: this.#puts.settling,
      cells: this.#replica.cells,
    };
  }

  complete(): boolean {
    return this.#replica.complete;
  }

  #on(event: NodeEvent): void {
    switch (event.type) {
      case 'get':
        return this.#onGet(event.ticket, event.request);
      case 'put':
        return this.#onPut({ for: 'client', ticket: event.ticket }, event.request, this.#deadline());
      case 'probe':
        return this.#onProbe(event.ticket, event.node, this.#outbox.now.monotonicMs + event.timeoutMs);
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
      case 'tick':
        return this.#onTick(this.#outbox.now.monotonicMs);
      case 'stop':
        this.#stopping = true;
        return;
      default:
        return assertNever(event);
    }
  }

  #onGet(ticket: Ticket, request: GetRequest): void {
    const primaries = this.#primaries(request.key);
    const wanted = effectiveQuorum(request.minReads, primaries.length);
    const error = this.#refusal(GET_BYTES);
    if (error) this.#outbox.reply(ticket, { to: 'get', outcome: error });
    else if (wanted === undefined)
      this.#outbox.reply(ticket, { to: 'get', outcome: badQuorum(primaries.length) });
    else {
      const get = { ticket, request, wanted, deadlineMs: this.#deadline() };
      this.#gets.open(this.#numbers.next(), get, primaries);
    }
  }

  #onForward(origin: Extract<Origin, { for: 'peer' }>, put: PutRequest, deadlineMs: number): void {
    const { node, request } = origin;
    if (this.#seenForwards.isFirst(node, request)) this.#onPut(origin, put, deadlineMs);
  }

  /** Coordinates where this node may, else declines, which passes a client's PUT on (R2, R6). */
  #onPut(origin: Origin, put: PutRequest, deadlineMs: number): void {
    const primaries = this.#primaries(put.key);
    const wanted = effectiveQuorum(put.minWrites, primaries.length);
    const context = decodeVersion(this.#seal, put.key, put.fromVersion);
    const refusal = this.#refusal(putBytes(put));
    const asked = { origin, put, deadlineMs };
    if (refusal) this.#answerPut(asked, refuseOrDecline(origin, refusal));
    else if (wanted === undefined) this.#answerPut(asked, done(badQuorum(primaries.length)));
    else if (!context) this.#answerPut(asked, done(requestError('invalid_version')));
    else this.#coordinate({ ...asked, context, wanted }, primaries);
  }

  #coordinate(put: CoordinatedPut, primaries: readonly NodeId[]): void {
    const { self } = this.#options;
    this.#replica.noticeClock(put.context);
    if (!primaries.includes(self) || !this.#replica.complete) {
      this.#answerPut(put, { status: 'declined' });
      return;
    }
    const number = this.#numbers.next();
    const others = primaries.filter((node) => node !== self);
    this.#puts.open(number, put, self, others);
    this.#replica.mint(put.put.key, number);
  }

  #onProbe(ticket: Ticket, node: NodeId, deadlineMs: number): void {
    if (node === this.#options.self) this.#outbox.reply(ticket, { to: 'probe', reachable: true });
    else if (this.#refusal(0)) this.#outbox.reply(ticket, { to: 'probe', reachable: false });
    else this.#probes.open(this.#numbers.next(), ticket, node, deadlineMs);
  }

  #onMessage(from: NodeId, message: Message, deadlineMs: number): void {
    const { request } = message;
    switch (message.type) {
      case 'read':
        return this.#replica.onRead(from, message.key, request, deadlineMs);
      case 'readReply':
        return this.#gets.on(request, { type: 'answered', from, answer: message.answer });
      case 'write':
        return this.#replica.onWrite(from, message, deadlineMs);
      case 'writeReply':
        return this.#puts.on(request, { type: 'answered', from, answer: message.answer });
      case 'forward':
        return this.#onForward({ for: 'peer', node: from, request }, message.put, deadlineMs);
      case 'forwardReply':
        return this.#forwards.on(request, { type: 'answered', from, answer: message.answer });
      case 'ping':
        return this.#outbox.send(from, { type: 'pong', request }, deadlineMs);
      case 'pong':
        return this.#probes.end(request, true);
      default:
        return assertNever(message);
    }
  }

  /** Replies that cannot be routed need no care: whoever waits for them has a deadline. */
  #onUnroutable(to: NodeId, message: Message): void {
    switch (message.type) {
      case 'read':
        return this.#gets.on(message.request, { type: 'unroutable', from: to });
      case 'write':
        return this.#puts.on(message.request, { type: 'unroutable', from: to });
      case 'forward':
        return this.#forwards.on(message.request, { type: 'unroutable', from: to });
      case 'ping':
        return this.#probes.end(message.request, false);
      case 'readReply':
      case 'writeReply':
      case 'forwardReply':
      case 'pong':
        return;
      default:
        return assertNever(message);
    }
  }

  #onLoaded(purpose: LoadPurpose, result: ReadResult): void {
    switch (purpose.for) {
      case 'cell':
        return this.#replica.onCellLoaded(purpose.key, result);
      case 'localRead': {
        const answer = this.#replica.readAnswer(result);
        return this.#gets.on(purpose.request, { type: 'answered', from: this.#options.self, answer });
      }
      case 'replicaRead':
        return this.#replica.onReplicaRead(purpose, result);
      default:
        return assertNever(purpose);
    }
  }

  #onTick(nowMs: number): void {
    this.#gets.expire(nowMs);
    this.#puts.expire(nowMs);
    this.#forwards.expire(nowMs);
    this.#probes.expire(nowMs);
  }

  #answerPut(asked: Pick<CoordinatedPut, 'origin' | 'put' | 'deadlineMs'>, answer: ForwardAnswer): void {
    const { origin, put, deadlineMs } = asked;
    if (origin.for === 'peer') {
      this.#outbox.send(origin.node, { type: 'forwardReply', request: origin.request, answer }, deadlineMs);
    } else if (answer.status === 'done') {
      this.#outbox.reply(origin.ticket, { to: 'put', outcome: answer.outcome });
    } else {
      const others = this.#primaries(put.key).filter((node) => node !== this.#options.self);
      this.#forwards.open(this.#numbers.next(), { ticket: origin.ticket, put, deadlineMs }, others);
    }
  }

  #createReplica(options: NodeOptions): Replica {
    const { actor, counter, complete, limits } = options;
    return new Replica({
      actor,
      counter,
      complete,
      cellBytesMax: limits.cellBytesMax,
      holds: (key) => this.#primaries(key).includes(options.self),
      outbox: this.#outbox,
      mint: {
        resolve: (request, record) => this.#puts.resolve(request, record),
        unsound: (request) => {
          this.#puts.on(request, { type: 'unsound' });
        },
        stored: (request, durable) => {
          this.#puts.on(request, { type: durable ? 'stored' : 'storeFailed' });
        },
      },
    });
  }

  #refusal(bytes: number): RequestError | undefined {
    if (this.#stopping) return requestError('shutting_down', {}, 'none');
    return this.#budget.hasRoom(bytes) ? undefined : requestError('overloaded');
  }

  #primaries(key: Key): readonly NodeId[] {
    const position = positionOf(this.#options.digests.md5(key));
    return this.#ring.replicaSet(this.#ring.partitionOf(position)).primaries;
  }

  #deadline(): number {
    return this.#outbox.now.monotonicMs + this.#options.requestTimeoutMs;
  }
}
