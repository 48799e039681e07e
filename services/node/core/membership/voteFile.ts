import { assert } from '../assert.js';
import type { DocumentPort } from './port.js';
import type { Vote } from '../protocol/vote.js';

/** Over it, what would be answered is forgotten, as if its message had been lost. */
const WAITING_MAX = 64;

/**
 * The file of this node's vote: one change at a time, and nobody is told of a change before it is durable (R7, R8). After
 * a refusal the disk may hold either vote. Nobody was told of the newer one, so that it may be kept or overwritten.
 */
export class VoteFile {
  readonly #port: Pick<DocumentPort, 'keepVote'>;
  readonly #waiting: (() => void)[] = [];
  #vote: Vote;
  #changing: { readonly vote: Vote; readonly done: (durable: boolean) => void } | undefined;

  /** @param kept what the file held when it was opened */
  constructor(kept: Vote, port: Pick<DocumentPort, 'keepVote'>) {
    this.#vote = kept;
    this.#port = port;
  }

  get voter(): string {
    return this.#vote.voter;
  }

  /** What is durable. */
  get vote(): Vote {
    return this.#vote;
  }

  get isIdle(): boolean {
    return this.#changing === undefined;
  }

  /** Runs now, or when no change is on its way to the disk, so that it sees the vote as it is. */
  whenIdle(action: () => void): void {
    if (this.isIdle) action();
    else if (this.#waiting.length < WAITING_MAX) this.#waiting.push(action);
  }

  /** The file must be idle; `done` is told whether the vote is durable. */
  keep(vote: Vote, done: (durable: boolean) => void): void {
    assert(this.isIdle && vote.voter === this.voter, 'one change of the vote at a time, and of its own');
    this.#changing = { vote, done };
    this.#port.keepVote(vote);
  }

  onKept(durable: boolean): void {
    const changing = this.#changing;
    if (!changing) return;
    this.#changing = undefined;
    if (durable) this.#vote = changing.vote;
    changing.done(durable);
    while (this.isIdle) {
      const action = this.#waiting.shift();
      if (!action) return;
      action();
    }
  }
}
