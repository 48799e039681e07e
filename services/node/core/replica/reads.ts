import type { LoadPurpose, ReadResult } from '../protocol/events.js';
import type { Message, OtherEpoch, PullAnswer, ReadAnswer, RequestNumber } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { Key, NodeId } from '../types.js';

/** What this node tells of its records: to coordinators, and to those who repair theirs. Only what is durable (R1). */
export interface ReadsOptions {
  readonly holds: (key: Key) => boolean;
  readonly isComplete: () => boolean;
  /** Whether answers count, for strict requests or others (R3). */
  readonly countsFor: (strict: boolean) => boolean;
  /** Of the document. */
  readonly epoch: () => number;
  /** In which epoch the replicas of a key last changed (R9). */
  readonly sinceOf: (key: Key) => number;
  readonly onDamaged: (key: Key) => void;
  readonly outbox: Outbox;
}

type ReadMessage = Extract<Message, { type: 'read' }>;

export class Reads {
  readonly #options: ReadsOptions;

  constructor(options: ReadsOptions) {
    this.#options = options;
  }

  onRead(from: NodeId, { key, request, strict, since }: ReadMessage, deadlineMs: number): void {
    const { epoch, sinceOf } = this.#options;
    const isOther = since !== sinceOf(key);
    const answer = isOther ? ({ status: 'otherEpoch', epoch: epoch() } as const) : this.#unread(key, strict);
    if (answer) this.#answerRead(from, request, answer, deadlineMs);
    else this.#options.outbox.load(key, { for: 'replicaRead', from, request, strict, deadlineMs });
  }

  onReplicaRead(key: Key, purpose: Extract<LoadPurpose, { for: 'replicaRead' }>, result: ReadResult): void {
    const { from, request, strict, deadlineMs } = purpose;
    this.#answerRead(from, request, this.readAnswer(key, result, strict), deadlineMs);
  }

  /** What a load means as an answer; a damaged record counts for nothing. */
  readAnswer(key: Key, result: ReadResult, strict: boolean): ReadAnswer {
    if (!this.#options.countsFor(strict)) return { status: 'incomplete' };
    switch (result.status) {
      case 'found':
      case 'missing':
        return result;
      case 'damaged':
        this.#options.outbox.observe('damagedRead');
        this.#options.onDamaged(key);
        return { status: 'incomplete' };
      case 'failed':
        return { status: 'refused' };
    }
  }

  /** Whoever compares replicas is told only what counts. */
  onPull(from: NodeId, request: RequestNumber, key: Key, deadlineMs: number): void {
    if (this.#options.holds(key) && this.#options.countsFor(true)) {
      this.#options.outbox.load(key, { for: 'pull', from, request, deadlineMs });
    } else this.#answerPull(from, request, { status: 'incomplete' }, deadlineMs);
  }

  onPullLoaded(key: Key, purpose: Extract<LoadPurpose, { for: 'pull' }>, result: ReadResult): void {
    const { from, request, deadlineMs } = purpose;
    this.#answerPull(from, request, this.pullAnswer(key, result, true), deadlineMs);
  }

  /** As for a read, with damage told apart. */
  pullAnswer(key: Key, result: ReadResult, strict: boolean): PullAnswer {
    const answer = this.readAnswer(key, result, strict);
    const isDamaged = result.status === 'damaged' && this.#options.countsFor(strict);
    return isDamaged ? { status: 'damaged' } : answer;
  }

  #unread(key: Key, strict: boolean): ReadAnswer | undefined {
    if (!this.#options.holds(key))
      return strict || !this.#options.isComplete() ? { status: 'refused' } : undefined;
    return this.#options.countsFor(strict) ? undefined : { status: 'incomplete' };
  }

  #answerRead(to: NodeId, request: RequestNumber, answer: ReadAnswer | OtherEpoch, deadlineMs: number): void {
    this.#options.outbox.send(to, { type: 'readReply', request, answer }, deadlineMs);
  }

  #answerPull(to: NodeId, request: RequestNumber, answer: PullAnswer, deadlineMs: number): void {
    this.#options.outbox.sendBulk(to, { type: 'pulled', request, answer }, deadlineMs);
  }
}
