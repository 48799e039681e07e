import { requestError, type RequestError } from '../errors.js';
import type { NodeOptions } from '../nodeOptions.js';
import type { Ticket } from '../protocol/events.js';
import type { ForwardAnswer, GetRequest, PutRequest, RequestNumber } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { ReplicaSet } from '../ring/replicaSets.js';
import type { Clock, ClockEntry, Key, NodeId, VersionedRecord } from '../types.js';
import { decodeVersion, type VersionSeal } from '../versioning/version.js';
import { badQuorum, done, refuseOrDecline } from './answers.js';
import type { ForwardEvent } from './forwardMachine.js';
import { Forwards } from './forwards.js';
import type { GetEvent, ReadSet } from './getMachine.js';
import { GET_BYTES, Gets } from './gets.js';
import { Budget } from './liveTable.js';
import { Probes } from './probes.js';
import type { PutEvent, WriteSet } from './putMachine.js';
import { type CoordinatedPut, type Origin, putBytes, Puts, type PutPort } from './puts.js';
import { effectiveQuorum } from './quorum.js';
import { SeenForwards } from './seenForwards.js';

/** How the coordinator reaches the rest of its node; they meet in node.ts. */
export interface CoordinatorPort extends Pick<PutPort, 'withoutTrimmed'> {
  replicaSet(key: Key): ReplicaSet;
  /** Nodes that are not to be waited for (R4). */
  suspects(): ReadonlySet<NodeId>;
  /** Whether this node's own copy counts (R2, R3). */
  countsFor(strict: boolean): boolean;
  /** Looks whether a clock shows that this node's directory is an old copy (I4). */
  noticeClock(clock: Clock): void;
  /** The dot of a new write. */
  nextEntry(): ClockEntry;
  /** Has the write resolved against the newest record here; see {@link Coordinator.resolve}. */
  mint(key: Key, number: RequestNumber): void;
  keepHint(target: NodeId, key: Key): void;
  /** Gives a record to primaries that lack some of it. */
  repair(key: Key, record: VersionedRecord, behind: readonly NodeId[]): void;
}

export interface CoordinatorOptions extends Pick<
  NodeOptions,
  'self' | 'limits' | 'digests' | 'requestTimeoutMs'
> {
  /** Authenticates version strings. */
  readonly versionKey: Uint8Array;
}

/** The requests that this node coordinates or passes on: checks them, starts their machines, and ends all by their deadline. */
export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #port: CoordinatorPort;
  readonly #outbox: Outbox;
  readonly #nextNumber: () => RequestNumber;
  readonly #seal: VersionSeal;
  readonly #budget: Budget;
  readonly #gets: Gets;
  readonly #puts: Puts;
  readonly #forwards: Forwards;
  readonly #probes: Probes;
  readonly #seenForwards = new SeenForwards();
  #stopping = false;

  constructor(
    options: CoordinatorOptions,
    parts: {
      readonly outbox: Outbox;
      readonly nextNumber: () => RequestNumber;
      readonly port: CoordinatorPort;
    },
  ) {
    const { port, outbox } = parts;
    const { requestsMax, requestBytesMax: bytesMax, settlingMax } = options.limits;
    this.#options = options;
    this.#port = port;
    this.#outbox = outbox;
    this.#nextNumber = parts.nextNumber;
    this.#seal = { secret: options.versionKey, digests: options.digests };
    this.#budget = new Budget({ requestsMax, bytesMax });
    const shared = { self: options.self, budget: this.#budget, seal: this.#seal, outbox };
    this.#forwards = new Forwards(shared);
    this.#probes = new Probes(shared);
    this.#gets = new Gets({
      ...shared,
      repair: (key, record, behind) => {
        port.repair(key, record, behind);
      },
    });
    this.#puts = new Puts({
      ...shared,
      settlingMax,
      port: {
        withoutTrimmed: (key, version, record) => port.withoutTrimmed(key, version, record),
        nextEntry: () => port.nextEntry(),
        keepHint: (target, key) => {
          port.keepHint(target, key);
        },
        answer: (put, answer) => {
          this.#answerPut(put, answer);
        },
      },
    });
  }

  sizes(): { readonly liveRequests: number; readonly liveBytes: number; readonly settling: number } {
    const { requests, bytes } = this.#budget;
    return { liveRequests: requests, liveBytes: bytes, settling: this.#puts.settling };
  }

  /** No new requests from now on; a node without live ones may get no further tick. */
  stop(): void {
    this.#stopping = true;
    this.#puts.abandonSettling();
  }

  onGet(ticket: Ticket, request: GetRequest): void {
    const { key, quorum, minReads } = request;
    const set = this.#readSet(key, quorum === 'strict');
    const wanted = effectiveQuorum(minReads, set.primaries.length);
    const error = this.#refusal(GET_BYTES);
    if (error) this.#outbox.reply(ticket, { to: 'get', outcome: error });
    else if (wanted === undefined) {
      this.#outbox.reply(ticket, { to: 'get', outcome: badQuorum(set.primaries.length) });
    } else {
      const { since } = this.#port.replicaSet(key);
      const get = { ticket, request, wanted, since, deadlineMs: this.#deadline() };
      this.#gets.open(this.#nextNumber(), get, set, this.#port.suspects());
    }
  }

  onPut(ticket: Ticket, put: PutRequest): void {
    this.#onPut({ for: 'client', ticket }, put, this.#deadline());
  }

  onForward(node: NodeId, request: RequestNumber, put: PutRequest, deadlineMs: number): void {
    if (this.#seenForwards.isFirst(node, request)) {
      this.#onPut({ for: 'peer', node, request }, put, deadlineMs);
    }
  }

  onProbe(ticket: Ticket, node: NodeId, timeoutMs: number): void {
    if (node === this.#options.self) this.#outbox.reply(ticket, { to: 'probe', reachable: true });
    else if (this.#refusal(0)) this.#outbox.reply(ticket, { to: 'probe', reachable: false });
    else this.#probes.open(this.#nextNumber(), ticket, node, this.#outbox.now.monotonicMs + timeoutMs);
  }

  onGetEvent(number: RequestNumber, event: GetEvent): void {
    this.#gets.on(number, event);
  }

  onPutEvent(number: RequestNumber, event: PutEvent): void {
    this.#puts.on(number, event);
  }

  /** A replica has another document than this node; the request goes to it again (R9). */
  onOtherEpoch(number: RequestNumber, from: NodeId): void {
    this.#gets.onOtherEpoch(number, from);
    this.#puts.onOtherEpoch(number, from);
  }

  /** The document has changed (R9). */
  adopt(): void {
    const { self } = this.#options;
    const suspects = this.#port.suspects();
    this.#gets.adopt((key, strict) => {
      const { since } = this.#port.replicaSet(key);
      return { ...this.#readSet(key, strict), since };
    }, suspects);
    this.#puts.adopt(({ put }) => {
      const { primaries, since } = this.#port.replicaSet(put.key);
      if (!primaries.includes(self) || !this.#port.countsFor(put.quorum === 'strict')) return undefined;
      return { set: this.#writeSet(put, primaries.length), since };
    }, suspects);
  }

  onForwardEvent(number: RequestNumber, event: ForwardEvent): void {
    this.#forwards.on(number, event);
  }

  onProbed(number: RequestNumber, reachable: boolean): void {
    this.#probes.end(number, reachable);
  }

  /** See {@link Puts.resolve}. */
  resolve(number: RequestNumber, record: VersionedRecord): VersionedRecord | undefined {
    return this.#puts.resolve(number, record);
  }

  /** The write is durable here, or could not be stored. */
  onMinted(number: RequestNumber, durable: boolean): void {
    const suspects = this.#port.suspects();
    this.#puts.on(number, durable ? { type: 'stored', suspects } : { type: 'storeFailed' });
  }

  /** `suspected`: nodes that have just become suspect. */
  tick(nowMs: number, suspected: readonly NodeId[]): void {
    if (suspected.length > 0) {
      this.#gets.suspect(suspected);
      this.#puts.suspect(suspected);
    }
    this.#gets.expire(nowMs);
    this.#puts.expire(nowMs);
    this.#forwards.expire(nowMs);
    this.#probes.expire(nowMs);
    if (this.#stopping) this.#puts.abandonSettling();
  }

  /** Coordinates where this node may, else declines, which passes a client's PUT on (R2, R6). */
  #onPut(origin: Origin, put: PutRequest, deadlineMs: number): void {
    const { primaries } = this.#port.replicaSet(put.key);
    const wanted = effectiveQuorum(put.minWrites, primaries.length);
    const context = decodeVersion(this.#seal, put.key, put.fromVersion);
    const refusal = this.#refusal(putBytes(put));
    const asked = { origin, put, deadlineMs };
    if (refusal) this.#answerPut(asked, refuseOrDecline(origin, refusal));
    else if (wanted === undefined) this.#answerPut(asked, done(badQuorum(primaries.length)));
    else if (!context) this.#answerPut(asked, done(requestError('invalid_version')));
    else this.#coordinate({ ...asked, context }, wanted);
  }

  #coordinate(put: CoordinatedPut, wanted: number): void {
    const { self } = this.#options;
    const { key, quorum } = put.put;
    const { primaries, since } = this.#port.replicaSet(key);
    this.#port.noticeClock(put.context);
    if (!primaries.includes(self) || !this.#port.countsFor(quorum === 'strict')) {
      this.#answerPut(put, { status: 'declined' });
      return;
    }
    const number = this.#nextNumber();
    this.#puts.open(number, put, this.#writeSet(put.put, wanted), since);
    this.#port.mint(key, number);
  }

  #writeSet({ key, quorum }: PutRequest, wanted: number): WriteSet {
    const { self } = this.#options;
    const { primaries, fallbacks } = this.#port.replicaSet(key);
    const others = primaries.filter((node) => node !== self);
    return { wanted, self, others, fallbacks: quorum === 'strict' ? [] : this.#usable(fallbacks) };
  }

  #answerPut(asked: Pick<CoordinatedPut, 'origin' | 'put' | 'deadlineMs'>, answer: ForwardAnswer): void {
    const { origin, put, deadlineMs } = asked;
    if (origin.for === 'peer') {
      this.#outbox.send(origin.node, { type: 'forwardReply', request: origin.request, answer }, deadlineMs);
    } else if (answer.status === 'done') {
      this.#outbox.reply(origin.ticket, { to: 'put', outcome: answer.outcome });
    } else {
      const { primaries } = this.#port.replicaSet(put.key);
      const others = primaries.filter((node) => node !== this.#options.self);
      this.#forwards.open(
        this.#nextNumber(),
        { ticket: origin.ticket, put, deadlineMs },
        this.#suspectsLast(others),
      );
    }
  }

  /** This node first, which needs no message; with strict quorum nobody stands in (R4). */
  #readSet(key: Key, strict: boolean): ReadSet {
    const { self } = this.#options;
    const { primaries, fallbacks } = this.#port.replicaSet(key);
    const others = this.#suspectsLast(primaries.filter((node) => node !== self));
    return {
      primaries: others.length < primaries.length ? [self].concat(others) : others,
      fallbacks: strict ? [] : this.#usable(fallbacks).slice(0, primaries.length),
    };
  }

  #usable(fallbacks: readonly NodeId[]): readonly NodeId[] {
    const suspects = this.#port.suspects();
    return suspects.size === 0 ? fallbacks : fallbacks.filter((node) => !suspects.has(node));
  }

  #suspectsLast(nodes: readonly NodeId[]): readonly NodeId[] {
    const suspects = this.#port.suspects();
    if (suspects.size === 0) return nodes;
    return [...nodes.filter((node) => !suspects.has(node)), ...nodes.filter((node) => suspects.has(node))];
  }

  #refusal(bytes: number): RequestError | undefined {
    if (this.#stopping) return requestError('shutting_down', {}, 'none');
    return this.#budget.hasRoom(bytes) ? undefined : requestError('overloaded');
  }

  #deadline(): number {
    return this.#outbox.now.monotonicMs + this.#options.requestTimeoutMs;
  }
}
