import { requestError } from '../errors.js';
import type { Ticket } from '../protocol/events.js';
import type { GetOutcome, GetRequest, RequestNumber } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { Key, NodeId } from '../types.js';
import { recordBytes, visibleValues } from '../versioning/record.js';
import { encodeVersion, type VersionSeal } from '../versioning/version.js';
import { type GetEvent, type GetResult, type GetState, startGet, stepGet } from './getMachine.js';
import { type Budget, LiveTable } from './liveTable.js';

interface LiveGet {
  readonly ticket: Ticket;
  readonly key: Key;
  readonly deadlineMs: number;
  bytes: number;
  state: GetState;
}

/** A GET that has been checked: `wanted` is its R. */
export interface CoordinatedGet {
  readonly ticket: Ticket;
  readonly request: GetRequest;
  readonly wanted: number;
  readonly deadlineMs: number;
}

/** What a live GET costs beside the values that it holds. */
export const GET_BYTES = 1024;

/** The GETs that this node coordinates: feeds each one's machine and carries out what it decides. */
export class Gets {
  readonly #live: LiveTable<LiveGet>;
  readonly #self: NodeId;
  readonly #seal: VersionSeal;
  readonly #outbox: Outbox;

  constructor(options: {
    readonly self: NodeId;
    readonly budget: Budget;
    readonly seal: VersionSeal;
    readonly outbox: Outbox;
  }) {
    this.#live = new LiveTable(options.budget);
    this.#self = options.self;
    this.#seal = options.seal;
    this.#outbox = options.outbox;
  }

  open(number: RequestNumber, get: CoordinatedGet, primaries: readonly NodeId[]): void {
    const { ticket, wanted, deadlineMs } = get;
    const { key } = get.request;
    const state = startGet(wanted, primaries);
    this.#live.add(number, { ticket, key, state, deadlineMs, bytes: GET_BYTES });
    for (const node of primaries) {
      if (node === this.#self) this.#outbox.load(key, { for: 'localRead', request: number });
      else this.#outbox.send(node, { type: 'read', request: number, key }, deadlineMs);
    }
  }

  /** Late and repeated events find no live request, or a machine that ignores them. */
  on(number: RequestNumber, event: GetEvent): void {
    const live = this.#live.get(number);
    if (!live) return;
    const step = stepGet(live.state, event);
    live.state = step.state;
    const result = step.result ?? this.#overBudget(number, step.state);
    if (!result) return;
    this.#live.delete(number);
    this.#outbox.reply(live.ticket, { to: 'get', outcome: this.#outcome(live.key, result) });
  }

  expire(nowMs: number): void {
    for (const number of this.#live.expired(nowMs)) this.on(number, { type: 'deadline' });
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
