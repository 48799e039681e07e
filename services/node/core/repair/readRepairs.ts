import type { RequestNumber } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { Key, NodeId, VersionedRecord } from '../types.js';

/**
 * Read repair: after its reply a GET gives what it merged to the primaries that lacked some of it. They merge it as any
 * write, so that it can only add; what is lost on the way is found by the next read or by anti-entropy.
 */
export interface ReadRepairOptions {
  readonly self: NodeId;
  readonly repairsMax: number;
  readonly timeoutMs: number;
  readonly outbox: Outbox;
  readonly nextNumber: () => RequestNumber;
  /** In which epoch the replicas of a key last changed (R9). */
  readonly sinceOf: (key: Key) => number;
  /** Merges into the record of this node. */
  readonly mergeHere: (key: Key, record: VersionedRecord) => void;
}

export class ReadRepairs {
  readonly #options: ReadRepairOptions;
  /** Deadlines, by request. */
  readonly #underway = new Map<RequestNumber, number>();

  constructor(options: ReadRepairOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#underway.size;
  }

  /** Over the bound a repair is left out: the record is safe where it is. */
  start(key: Key, record: VersionedRecord, behind: readonly NodeId[]): void {
    const { self, repairsMax, timeoutMs, outbox, nextNumber, sinceOf, mergeHere } = this.#options;
    for (const node of behind) {
      if (this.#underway.size >= repairsMax) {
        outbox.observe('readRepairSkipped');
        continue;
      }
      outbox.observe('readRepaired');
      if (node === self) {
        mergeHere(key, record);
        continue;
      }
      const request = nextNumber();
      const deadlineMs = outbox.now.monotonicMs + timeoutMs;
      this.#underway.set(request, deadlineMs);
      outbox.sendBulk(node, { type: 'write', request, key, since: sinceOf(key), record }, deadlineMs);
    }
  }

  /** It was answered, or came back. */
  end(request: RequestNumber): void {
    this.#underway.delete(request);
  }

  expire(nowMs: number): void {
    for (const [request, deadlineMs] of this.#underway) {
      if (deadlineMs > nowMs) return;
      this.#underway.delete(request);
    }
  }
}
