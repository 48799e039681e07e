import { assert } from '../assert.js';
import type { ClusterDocument, NodeId } from '../types.js';
import { documentText, fitsMessage } from './documentText.js';
import type { Documents } from './documents.js';
import type { DocumentPort } from './port.js';
import type { Change, ProposalResult } from './register.js';

/** A change that somebody wants made. */
interface Wish {
  readonly change: Change;
  readonly done: (result: ProposalResult) => void;
  readonly deadlineMs: number;
  /** How often another document came first. */
  superseded: number;
  attempts: number;
}

/** What is proposed as the document after `base`, for as long as that is the newest. */
export interface Proposal {
  readonly wish: Wish;
  readonly base: ClusterDocument;
  readonly document: ClusterDocument;
  readonly text: string;
}

export interface ProposalsOptions {
  readonly self: NodeId;
  readonly proposeMs: number;
  readonly port: Pick<DocumentPort, 'now'>;
  readonly documents: Documents;
  /** Begins to have a proposal agreed to. */
  readonly start: (proposal: Proposal) => void;
  /** It is not wanted any more; what was begun may still come to be. */
  readonly drop: () => void;
}

const WISHES_MAX = 8;
const SUPERSEDED_MAX = 8;

/**
 * Changes of the document that wait for their turn, and the one under way, which is made anew on each newer document. How
 * a document is agreed to is another's affair (R7). Each change ends by its deadline (I11).
 */
export class Proposals {
  readonly #options: ProposalsOptions;
  readonly #wishes: Wish[] = [];
  #current: Proposal | undefined;

  constructor(options: ProposalsOptions) {
    this.#options = options;
  }

  get current(): Proposal | undefined {
    return this.#current;
  }

  propose(change: Change, done: (result: ProposalResult) => void): void {
    if (this.#wishes.length >= WISHES_MAX) {
      done('failed');
      return;
    }
    const deadlineMs = this.#nowMs + this.#options.proposeMs;
    this.#wishes.push({ change, done, deadlineMs, superseded: 0, attempts: 0 });
    if (this.#wishes.length === 1) this.begin();
  }

  /** A newer document counts here: what was proposed is either it, or has to be thought over. */
  onAdopted(document: ClusterDocument): void {
    const proposal = this.#current;
    if (!proposal) {
      this.begin();
      return;
    }
    const { wish, base, text } = proposal;
    this.#drop();
    if (document.epoch === base.epoch + 1 && documentText(document) === text) {
      this.#finish(wish, 'committed');
      return;
    }
    wish.superseded += 1;
    if (wish.superseded > SUPERSEDED_MAX) this.#finish(wish, 'superseded');
    else this.begin();
  }

  /** Ends what is past its deadline. */
  expire(): void {
    for (const wish of [...this.#wishes]) if (wish.deadlineMs <= this.#nowMs) this.#finish(wish, 'failed');
  }

  /** The first wish becomes a proposal on the newest document, once that is durable here. */
  begin(): void {
    const { documents, self, start } = this.#options;
    const [wish] = this.#wishes;
    if (!wish || this.#current || documents.isAdopting) return;
    const base = documents.document;
    const isMember = base.nodes.some(({ id }) => id === self);
    const next = isMember ? wish.change(base) : undefined;
    if (!next) {
      this.#finish(wish, isMember ? 'unchanged' : 'failed');
      return;
    }
    assert(
      next.epoch === base.epoch + 1 && next.clusterId === base.clusterId,
      'a change is of the next epoch',
    );
    const text = documentText(next);
    if (fitsMessage(text)) start((this.#current = { wish, base, document: next, text }));
    else this.#finish(wish, 'failed');
  }

  get #nowMs(): number {
    return this.#options.port.now.monotonicMs;
  }

  /** Of a wish that is not the first, nothing was proposed yet. */
  #finish(wish: Wish, result: ProposalResult): void {
    this.#wishes.splice(this.#wishes.indexOf(wish), 1);
    if (this.#current?.wish === wish) this.#drop();
    wish.done(result);
    this.begin();
  }

  #drop(): void {
    this.#current = undefined;
    this.#options.drop();
  }
}
