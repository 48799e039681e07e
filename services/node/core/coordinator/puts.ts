import { requestError } from '../errors.js';
import type { Ticket } from '../protocol/events.js';
import type { ForwardAnswer, PutOutcome, PutRequest, RequestNumber } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { Clock, ClockEntry, Dot, Key, NodeId, VersionedRecord } from '../types.js';
import { LIMITS } from '../types.js';
import { recordBytes } from '../versioning/record.js';
import { encodeVersion, type VersionSeal } from '../versioning/version.js';
import { Budget, LiveTable } from './liveTable.js';
import { Again } from './again.js';
import {
  type Destination,
  type PutEvent,
  type PutState,
  type PutStep,
  startPut,
  stepPut,
  type WriteSet,
} from './putMachine.js';
import { coversOnly, resolveWrite } from './resolve.js';

/** Who is to be told how a PUT ended. */
export type Origin =
  | { readonly for: 'client'; readonly ticket: Ticket }
  | { readonly for: 'peer'; readonly node: NodeId; readonly request: RequestNumber };

/** What live PUTs ask of the rest of the node, beside what goes into the outbox. */
export interface PutPort {
  /** The clock of a client's version without entries that all replicas have trimmed, and this record too (R14). */
  withoutTrimmed(key: Key, version: Clock, record: VersionedRecord): Clock;
  /** The dot of a new write: this actor, the next counter (I4), and the wall clock. */
  nextEntry(): ClockEntry;
  /** Keeps a hint for a primary that may not have the write (R4). */
  keepHint(target: NodeId, key: Key): void;
  /** Tells whoever asked; a declined PUT can be passed on. */
  answer(put: CoordinatedPut, answer: ForwardAnswer): void;
}

/** A PUT that this node may coordinate, checked and its version decoded. */
export interface CoordinatedPut {
  readonly origin: Origin;
  readonly put: PutRequest;
  readonly context: Clock;
  readonly deadlineMs: number;
}

interface LivePut extends CoordinatedPut {
  readonly bytes: number;
  state: PutState;
  set: WriteSet;
  /** The epoch in which the replicas last changed, as of the set (R9). */
  since: number;
  /** To whom the record went, in order. */
  sent: readonly Destination[];
  readonly again: Again;
  written: { readonly record: VersionedRecord; readonly dot: Dot } | undefined;
}

/** All that is kept once the client has its answer, outside the budget of live requests (R5). */
interface Settling {
  readonly key: Key;
  readonly deadlineMs: number;
  readonly bytes: 0;
  state: PutState;
}

const NOT_SENT: readonly Destination[] = [];

/** What a live PUT costs: its value, twice while it is resolved, and the rest. */
export function putBytes(put: PutRequest): number {
  return 1024 + 2 * put.value.length;
}

/** The PUTs that this node coordinates: feeds each one's machine and carries out what it decides. */
export class Puts {
  readonly #live: LiveTable<LivePut>;
  readonly #settling: LiveTable<Settling>;
  readonly #settlingBudget: Budget;
  readonly #seal: VersionSeal;
  readonly #outbox: Outbox;
  readonly #port: PutPort;

  constructor(options: {
    readonly budget: Budget;
    readonly settlingMax: number;
    readonly seal: VersionSeal;
    readonly outbox: Outbox;
    readonly port: PutPort;
  }) {
    this.#live = new LiveTable(options.budget);
    this.#settlingBudget = new Budget({ requestsMax: options.settlingMax, bytesMax: Infinity });
    this.#settling = new LiveTable(this.#settlingBudget);
    this.#seal = options.seal;
    this.#outbox = options.outbox;
    this.#port = options.port;
  }

  get settling(): number {
    return this.#settlingBudget.requests;
  }

  /** The caller then has {@link Puts.resolve} called with the newest record here. */
  open(number: RequestNumber, put: CoordinatedPut, set: WriteSet, since: number): void {
    this.#live.add(number, {
      origin: put.origin,
      put: put.put,
      context: put.context,
      deadlineMs: put.deadlineMs,
      bytes: putBytes(put.put),
      state: startPut(set),
      set,
      since,
      sent: NOT_SENT,
      again: new Again(),
      written: undefined,
    });
  }

  /** `from` has another document than this node: it is sent the same record again, under whichever is newer (R9). */
  onOtherEpoch(number: RequestNumber, from: NodeId): void {
    const live = this.#live.get(number);
    if (live) live.again.add(from, this.#outbox.now.monotonicMs);
    else this.on(number, { type: 'answered', from, answer: 'refused' });
  }

  /**
   * The document has changed. Where it has changed the replicas of a key, copies are counted anew, and the same record
   * goes to those that it names: what an old directory acknowledged counts no more (R9, R10). Without a set this node may
   * not coordinate the write any more, and cannot tell what becomes of it.
   */
  adopt(
    setOf: (put: CoordinatedPut) => { readonly set: WriteSet; readonly since: number } | undefined,
    suspects: ReadonlySet<NodeId>,
  ): void {
    for (const number of this.#live.numbers()) {
      const live = this.#live.get(number);
      const now = live && setOf(live);
      if (!live || now?.since === live.since) continue;
      if (now) this.#restart(number, live, now, suspects);
      else this.on(number, { type: 'deadline' });
    }
  }

  #restart(
    number: RequestNumber,
    live: LivePut,
    { set, since }: { readonly set: WriteSet; readonly since: number },
    suspects: ReadonlySet<NodeId>,
  ): void {
    const { state } = live;
    const wanted = Math.min(live.set.wanted, set.others.length + 1);
    live.set = { ...set, wanted };
    live.since = since;
    if (state.phase === 'resolving') live.state = startPut(live.set);
    if (state.phase !== 'persisting' && state.phase !== 'replicating') return;
    const persisting = stepPut(startPut(live.set), { type: 'resolved', record: state.record }).state;
    live.state = persisting;
    if (state.phase === 'replicating') this.on(number, { type: 'stored', suspects });
  }

  /**
   * Judges the live write `number` against the newest record here. Returns the record that has to be durable before the
   * write is answered, that of a stale write being `record` itself; `undefined` where there is nothing to wait for: the
   * write is refused, or its deadline has passed and it must have no effect.
   */
  resolve(number: RequestNumber, record: VersionedRecord): VersionedRecord | undefined {
    const live = this.#live.get(number);
    if (!live) return undefined;
    const { put } = live;
    const context = this.#port.withoutTrimmed(put.key, live.context, record);
    if (!this.#live.resize(number, putBytes(put) + recordBytes(record))) {
      this.on(number, { type: 'refused', error: requestError('overloaded') });
      return undefined;
    }
    const resolution = resolveWrite(record, { ...put, context }, () => this.#port.nextEntry());
    switch (resolution.type) {
      case 'stale': {
        this.#outbox.observe('staleWriteRefused');
        const version = encodeVersion(this.#seal, put.key, record.clock);
        this.on(number, { type: 'stale', error: requestError('stale_version', { version }) });
        return record;
      }
      case 'refused':
        if (resolution.error.code === 'too_many_siblings') this.#outbox.observe('siblingsRefused');
        this.on(number, { type: 'refused', error: resolution.error });
        return undefined;
      case 'repeat':
      case 'minted':
        if (resolution.type === 'repeat') this.#outbox.observe('repeatRecognised');
        if (resolution.record.siblings.length >= LIMITS.siblingsWarn) this.#outbox.observe('siblingsMany');
        live.written = { record: resolution.record, dot: resolution.dot };
        this.on(number, { type: 'resolved', record: resolution.record });
        return resolution.record;
    }
  }

  /** Late and repeated events find no request, or a machine that ignores them. */
  on(number: RequestNumber, event: PutEvent): void {
    const live = this.#live.get(number);
    if (live) this.#advance(number, live, stepPut(live.state, event));
    else this.#settle(number, event);
  }

  /** Some nodes have just become suspect. */
  suspect(nodes: readonly NodeId[]): void {
    for (const number of [...this.#live.numbers(), ...this.#settling.numbers()]) {
      for (const from of nodes) this.on(number, { type: 'suspect', from });
    }
  }

  /** Has every answered write that still waits for a primary handed to the hints: this node will not wait on. */
  abandonSettling(): void {
    for (const number of this.#settling.numbers()) this.on(number, { type: 'deadline' });
  }

  expire(nowMs: number): void {
    for (const number of this.#live.expired(nowMs)) this.on(number, { type: 'deadline' });
    for (const number of this.#settling.expired(nowMs)) this.on(number, { type: 'deadline' });
    for (const number of this.#live.numbers()) this.#sendAgain(number, nowMs);
  }

  #advance(number: RequestNumber, live: LivePut, step: PutStep): void {
    live.state = step.state;
    if (step.send) {
      live.sent = live.sent.length === 0 ? step.send.to : [...live.sent, ...step.send.to];
      this.#replicate(number, live, step.send);
    }
    this.#keepHints(live.put.key, step.hints);
    if (!step.result) return;
    this.#live.delete(number);
    this.#port.answer(live, this.#answer(live, step.result));
    if (step.state.phase === 'settling') this.#keep(number, step.state, live);
  }

  #replicate(number: RequestNumber, live: LivePut, { to, record }: NonNullable<PutStep['send']>): void {
    const { key } = live.put;
    const { since } = live;
    for (const { node, hintFor } of to) {
      const write = { type: 'write', request: number, key, since, record } as const;
      if (hintFor !== undefined) this.#outbox.observe('standInAsked');
      this.#outbox.send(node, hintFor === undefined ? write : { ...write, hintFor }, live.deadlineMs);
    }
  }

  #sendAgain(number: RequestNumber, nowMs: number): void {
    const live = this.#live.get(number);
    if (live?.state.phase !== 'replicating') return;
    const { record } = live.state;
    const to = live.again
      .take(nowMs)
      .flatMap((node) => live.sent.findLast((destination) => destination.node === node) ?? []);
    this.#replicate(number, live, { to, record });
  }

  #keepHints(key: Key, targets: readonly NodeId[] = []): void {
    for (const target of targets) this.#port.keepHint(target, key);
  }

  #keep(number: RequestNumber, state: Extract<PutState, { phase: 'settling' }>, live: LivePut): void {
    const { key } = live.put;
    if (this.#settlingBudget.hasRoom(0)) {
      this.#settling.add(number, { key, deadlineMs: live.deadlineMs, bytes: 0, state });
    } else {
      this.#keepHints(key, stepPut(state, { type: 'deadline' }).hints);
    }
  }

  #settle(number: RequestNumber, event: PutEvent): void {
    const settling = this.#settling.get(number);
    if (!settling) return;
    const step = stepPut(settling.state, event);
    settling.state = step.state;
    this.#keepHints(settling.key, step.hints);
    if (step.state.phase === 'done') this.#settling.delete(number);
  }

  #answer(live: LivePut, result: NonNullable<PutStep['result']>): ForwardAnswer {
    switch (result.status) {
      case 'declined':
        return { status: 'declined' };
      case 'failed':
        return { status: 'done', outcome: result.error };
      case 'written':
        return { status: 'done', outcome: this.#written(live) };
    }
  }

  #written({ put, written }: LivePut): PutOutcome {
    if (!written) return requestError('internal');
    const { record, dot } = written;
    const version = coversOnly(record, dot) ? encodeVersion(this.#seal, put.key, record.clock) : null;
    return { ok: true, version, siblings: record.siblings.length };
  }
}
