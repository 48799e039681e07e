import { requestError } from '../errors.js';
import type { HolderAnswer, Holding, WhereOutcome } from '../protocol/convergence.js';
import type { Ticket } from '../protocol/events.js';
import type { Message, OtherEpoch, PullAnswer } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import { positionOf } from '../ring/position.js';
import type { ReplicaSet, Ring } from '../ring/replicaSets.js';
import type { Digests, Key, NodeId, VersionedRecord } from '../types.js';
import { recordBytes, visibleValues } from '../versioning/record.js';
import { hashRecord } from '../versioning/recordHash.js';
import type { Asks } from './asks.js';

/**
 * Finds out for a person what each node holds of a key: primaries are asked as for repair, which tells damage apart;
 * fallbacks as for a read, since one that stands in is no primary. Changes nothing. Of an answer only what it comes to is
 * kept: four records of 32 MiB from each of many nodes would be too much (I14).
 */
export interface WhereaboutsOptions {
  readonly self: NodeId;
  readonly digests: Digests;
  readonly timeoutMs: number;
  readonly outbox: Outbox;
  readonly asks: Asks;
  readonly ring: () => Ring;
  readonly epoch: () => number;
  readonly replicaSet: (key: Key) => ReplicaSet;
  readonly isAlive: (node: NodeId) => boolean;
}

interface Search {
  readonly ticket: Ticket;
  readonly key: Key;
  readonly set: ReplicaSet;
  readonly epoch: number;
  readonly deadlineMs: number;
  readonly answers: Map<NodeId, HolderAnswer>;
}

const SEARCHES_MAX = 4;

export class Whereabouts {
  readonly #options: WhereaboutsOptions;
  readonly #live = new Map<number, Search>();
  #last = 0;

  constructor(options: WhereaboutsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#live.size;
  }

  open(ticket: Ticket, key: Key): void {
    const { outbox, timeoutMs, replicaSet, epoch } = this.#options;
    if (this.#live.size >= SEARCHES_MAX) {
      const detail = 'other keys are being looked for';
      outbox.reply(ticket, { to: 'where', outcome: requestError('overloaded', { detail }) });
      return;
    }
    const number = ++this.#last;
    const set = replicaSet(key);
    const deadlineMs = outbox.now.monotonicMs + timeoutMs;
    this.#live.set(number, { ticket, key, set, epoch: epoch(), deadlineMs, answers: new Map() });
    for (const node of set.primaries) this.#ask(number, key, node, { since: set.since, isPrimary: true });
    for (const node of set.fallbacks) this.#ask(number, key, node, { since: set.since, isPrimary: false });
  }

  /** What this node's own disk has. */
  onLoaded(number: number, answer: PullAnswer): void {
    this.#on(number, this.#options.self, answer);
  }

  tick(nowMs: number): void {
    for (const [number, { deadlineMs }] of this.#live) if (deadlineMs <= nowMs) this.#end(number);
  }

  /** Nobody waits any more. */
  stop(): void {
    for (const number of this.#live.keys()) this.#end(number);
  }

  #ask(
    number: number,
    key: Key,
    node: NodeId,
    { since, isPrimary }: { readonly since: number; readonly isPrimary: boolean },
  ): void {
    const { self, asks, outbox, timeoutMs, isAlive } = this.#options;
    if (node === self) {
      outbox.load(key, { for: 'where', search: number, strict: isPrimary });
      return;
    }
    // There may be many of them, and what they hold can be had without those that are away.
    if (!isPrimary && !isAlive(node)) {
      this.#on(number, node, undefined);
      return;
    }
    asks.ask(
      node,
      (request) =>
        isPrimary ? { type: 'pull', request, key } : { type: 'read', request, key, since, strict: false },
      timeoutMs,
      (reply) => {
        this.#on(number, node, answerOf(reply));
      },
    );
  }

  #on(number: number, node: NodeId, answer: PullAnswer | OtherEpoch | undefined): void {
    const search = this.#live.get(number);
    if (!search) return;
    search.answers.set(node, summaryOf(search.key, node, answer));
    const { primaries, fallbacks } = search.set;
    if (search.answers.size >= primaries.length + fallbacks.length) this.#end(number);
  }

  /** Whoever has not answered is silent. */
  #end(number: number): void {
    const search = this.#live.get(number);
    if (!search) return;
    this.#live.delete(number);
    this.#options.outbox.reply(search.ticket, { to: 'where', outcome: this.#outcomeOf(search) });
  }

  #outcomeOf({ key, set, epoch, answers }: Search): WhereOutcome {
    const { digests, ring } = this.#options;
    const position = positionOf(digests.md5(key));
    const said = (node: NodeId): HolderAnswer => answers.get(node) ?? { node, status: 'silent' };
    return {
      ok: true,
      ...{ position, epoch, partition: ring().partitionOf(position) },
      primaries: set.primaries.map(said),
      fallbacks: set.fallbacks.map(said),
    };
  }
}

function answerOf(reply: Message | undefined): PullAnswer | OtherEpoch | undefined {
  return reply?.type === 'pulled' || reply?.type === 'readReply' ? reply.answer : undefined;
}

function summaryOf(key: Key, node: NodeId, answer: PullAnswer | OtherEpoch | undefined): HolderAnswer {
  switch (answer?.status) {
    case undefined:
      return { node, status: 'silent' };
    case 'found':
      return { node, status: 'found', holding: holdingOf(key, answer.record) };
    case 'otherEpoch':
      // It means other replicas of the key; asked again in a moment, it means the same.
      return { node, status: 'refused' };
    case 'missing':
    case 'incomplete':
    case 'damaged':
    case 'refused':
      return { node, status: answer.status };
  }
}

function holdingOf(key: Key, record: VersionedRecord): Holding {
  return {
    hash: hashRecord(key, record),
    clock: record.clock,
    values: visibleValues(record).length,
    bytes: recordBytes(record),
  };
}
