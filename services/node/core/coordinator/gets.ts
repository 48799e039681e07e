import { requestError } from '../errors.js';
import type { Ticket } from '../protocol/events.js';
import type { GetOutcome, GetRequest, RequestNumber } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { Key, NodeId, VersionedRecord } from '../types.js';
import { recordBytes, visibleValues } from '../versioning/record.js';
import { encodeVersion, type VersionSeal } from '../versioning/version.js';
import {
  type GetEvent,
  type GetResult,
  type GetState,
  type GetStep,
  type ReadSet,
  startGet,
  stepGet,
} from './getMachine.js';
import { Again } from './again.js';
import { type Budget, LiveTable } from './liveTable.js';

interface LiveGet {
  readonly ticket: Ticket;
  readonly key: Key;
  readonly strict: boolean;
  readonly deadlineMs: number;
  /** When the rest of the primaries is asked; never where all are. */
  hedgeAtMs: number;
  bytes: number;
  state: GetState;
  readonly wanted: number;
  /** The epoch in which the replicas last changed, as of the set that is asked (R9). */
  since: number;
  readonly again: Again;
}

/** A GET that has been checked: `wanted` is its R. */
export interface CoordinatedGet {
  readonly ticket: Ticket;
  readonly request: GetRequest;
  readonly wanted: number;
  readonly since: number;
  readonly deadlineMs: number;
}

/** What a live GET costs beside the values that it holds. */
export const GET_BYTES = 1024;

/** Long against an answer of a healthy replica, short against what a person notices. */
export const HEDGE_AFTER_MS = 40;

/** One in twenty, and so many at once: a cluster that is slow because it is busy is not given more to do. */
const HEDGES = { perGet: 0.05, savedMax: 32 } as const;

/** Has primaries that lack some of a record given it, after the reply (read repair). */
export type Repair = (key: Key, record: VersionedRecord, behind: readonly NodeId[]) => void;

/** The GETs that this node coordinates: feeds each one's machine and carries out what it decides. */
export class Gets {
  readonly #live: LiveTable<LiveGet>;
  readonly #self: NodeId;
  readonly #seal: VersionSeal;
  readonly #outbox: Outbox;
  readonly #repair: Repair;
  #hedges: number = HEDGES.savedMax;

  constructor(options: {
    readonly self: NodeId;
    readonly budget: Budget;
    readonly seal: VersionSeal;
    readonly outbox: Outbox;
    readonly repair: Repair;
  }) {
    this.#live = new LiveTable(options.budget);
    this.#self = options.self;
    this.#seal = options.seal;
    this.#outbox = options.outbox;
    this.#repair = options.repair;
  }

  open(number: RequestNumber, get: CoordinatedGet, set: ReadSet, suspects: ReadonlySet<NodeId>): void {
    const { ticket, wanted, since, deadlineMs } = get;
    const { key, quorum } = get.request;
    const step = startGet(wanted, set, suspects);
    const hedges = wanted < set.primaries.length;
    const live: LiveGet = {
      ticket,
      key,
      strict: quorum === 'strict',
      deadlineMs,
      hedgeAtMs: hedges ? this.#outbox.now.monotonicMs + HEDGE_AFTER_MS : Infinity,
      bytes: GET_BYTES,
      state: step.state,
      wanted,
      since,
      again: new Again(),
    };
    this.#hedges = Math.min(HEDGES.savedMax, this.#hedges + HEDGES.perGet);
    this.#live.add(number, live);
    this.#advance(number, live, step);
  }

  /** Late and repeated events find no live request, or a machine that ignores them. */
  on(number: RequestNumber, event: GetEvent): void {
    const live = this.#live.get(number);
    if (live) this.#advance(number, live, stepGet(live.state, event));
  }

  /** `from` has another document than this node: it is asked again, under whichever is newer (R9). */
  onOtherEpoch(number: RequestNumber, from: NodeId): void {
    this.#live.get(number)?.again.add(from, this.#outbox.now.monotonicMs);
  }

  /** The document has changed: where it has changed the replicas of a key, those are asked that it names (R9). */
  adopt(
    setOf: (key: Key, strict: boolean) => ReadSet & { readonly since: number },
    suspects: ReadonlySet<NodeId>,
  ): void {
    for (const number of this.#live.numbers()) {
      const live = this.#live.get(number);
      const set = live && setOf(live.key, live.strict);
      if (!live || !set || set.since === live.since) continue;
      live.since = set.since;
      this.#advance(number, live, startGet(Math.min(live.wanted, set.primaries.length), set, suspects));
    }
  }

  /** Some nodes have just become suspect. */
  suspect(nodes: readonly NodeId[]): void {
    for (const number of this.#live.numbers()) {
      for (const from of nodes) this.on(number, { type: 'suspect', from });
    }
  }

  expire(nowMs: number): void {
    for (const number of this.#live.expired(nowMs)) this.on(number, { type: 'deadline' });
    for (const number of this.#live.numbers()) this.#hedge(number, nowMs);
    for (const number of this.#live.numbers()) this.#askAgain(number, nowMs);
  }

  #askAgain(number: RequestNumber, nowMs: number): void {
    const live = this.#live.get(number);
    if (live) for (const node of live.again.take(nowMs)) this.#ask(number, live, node);
  }

  #hedge(number: RequestNumber, nowMs: number): void {
    const live = this.#live.get(number);
    if (!live || live.hedgeAtMs > nowMs) return;
    live.hedgeAtMs = Infinity;
    if (this.#hedges < 1) return;
    const step = stepGet(live.state, { type: 'hedge' });
    if (step.ask) {
      this.#hedges -= 1;
      this.#outbox.observe('readHedged');
    }
    this.#advance(number, live, step);
  }

  #advance(number: RequestNumber, live: LiveGet, step: GetStep): void {
    live.state = step.state;
    const result = step.result ?? this.#overBudget(number, step.state);
    if (!result) {
      for (const node of step.ask ?? []) this.#ask(number, live, node);
      return;
    }
    this.#live.delete(number);
    this.#outbox.reply(live.ticket, { to: 'get', outcome: this.#outcome(live.key, result) });
    if (result.status === 'found' && result.record && result.behind.length > 0) {
      this.#repair(live.key, result.record, result.behind);
    }
  }

  #ask(number: RequestNumber, { key, strict, since, deadlineMs }: LiveGet, node: NodeId): void {
    if (node === this.#self) this.#outbox.load(key, { for: 'localRead', request: number, strict });
    else this.#outbox.send(node, { type: 'read', request: number, key, since, strict }, deadlineMs);
  }

  /** Values that wait for others to come count like those of a PUT (I14); how large they are is known only now. */
  #overBudget(number: RequestNumber, state: GetState): GetResult | undefined {
    if (state.phase === 'done' || !state.merged) return undefined;
    if (this.#live.resize(number, GET_BYTES + recordBytes(state.merged))) return undefined;
    return { status: 'failed', error: requestError('overloaded') };
  }

  #outcome(key: Key, result: GetResult): GetOutcome {
    if (result.status === 'failed') return result.error;
    const { record } = result;
    if (!record) return { ok: true, version: '', values: [] };
    return { ok: true, version: encodeVersion(this.#seal, key, record.clock), values: visibleValues(record) };
  }
}
