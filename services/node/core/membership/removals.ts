import { assertNever } from '../assert.js';
import { requestError, type RequestError } from '../errors.js';
import type { Liveness, Ticket } from '../protocol/events.js';
import type { RemovalOutcome } from '../protocol/convergence.js';
import type { Outbox } from '../protocol/outbox.js';
import type { ClusterDocument, NodeId } from '../types.js';
import { nodeRemoved } from './changes.js';
import type { Change, ProposalResult } from './register.js';

/**
 * Takes a lost node out of the document because a person says so, who accepts what was only there as lost (R11). Only a
 * node that this one has found dead is taken out: what runs can be stopped first, and one that others still reach may have
 * acknowledged a write a moment ago. A majority has to agree, so that no part of a cluster that is cut off can do it (R7).
 */
export interface RemovalsOptions {
  readonly self: NodeId;
  readonly outbox: Outbox;
  readonly document: () => ClusterDocument;
  readonly livenessOf: (node: NodeId) => Liveness | undefined;
  readonly propose: (change: Change, done: (result: ProposalResult) => void) => void;
}

export class Removals {
  readonly #options: RemovalsOptions;
  readonly #live = new Set<Ticket>();

  constructor(options: RemovalsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#live.size;
  }

  /** The register ends each by its own deadline, and takes only so many (I11, I14). */
  open(ticket: Ticket, node: NodeId): void {
    const { document, propose } = this.#options;
    const refusal = this.#refusal(node);
    if (refusal) {
      this.#reply(ticket, refusal);
      return;
    }
    const { actor } = listed(document(), node) ?? {};
    this.#live.add(ticket);
    // Where other changes come first: a node that has come back with a new directory is another one than was meant.
    const change: Change = (next) =>
      listed(next, node)?.actor === actor && !this.#refusal(node) ? nodeRemoved(next, node) : undefined;
    propose(change, (result) => {
      if (this.#live.delete(ticket)) this.#reply(ticket, this.#outcomeOf(node, result));
    });
  }

  /** Nobody waits any more; what was proposed may still come to be. */
  stop(): void {
    for (const ticket of this.#live) this.#reply(ticket, requestError('not_committed', {}, 'unknown'));
    this.#live.clear();
  }

  #refusal(node: NodeId): RequestError | undefined {
    const { self, document, livenessOf } = this.#options;
    if (!listed(document(), node)) return requestError('unknown_node', { detail: node });
    if (node === self) return requestError('node_in_use', { detail: 'it is the one that was asked' });
    const liveness = livenessOf(node);
    return liveness === 'dead'
      ? undefined
      : requestError('node_in_use', { detail: `${node} is ${liveness ?? 'not known yet'}` });
  }

  #outcomeOf(node: NodeId, result: ProposalResult): RemovalOutcome {
    const { epoch } = this.#options.document();
    switch (result) {
      case 'committed':
        return { ok: true, epoch };
      case 'unchanged': {
        // Somebody else had it removed, or it came back meanwhile.
        if (!listed(this.#options.document(), node)) return { ok: true, epoch };
        return (
          this.#refusal(node) ?? requestError('not_committed', { detail: 'it has a new directory' }, 'none')
        );
      }
      case 'superseded':
        return requestError('not_committed', { detail: 'other changes came first' }, 'none');
      case 'failed':
        return requestError('not_committed', { detail: 'no majority agreed in time' }, 'unknown');
      default:
        return assertNever(result);
    }
  }

  #reply(ticket: Ticket, outcome: RemovalOutcome): void {
    this.#options.outbox.reply(ticket, { to: 'remove', outcome });
  }
}

function listed(document: ClusterDocument, node: NodeId): ClusterDocument['nodes'][number] | undefined {
  return document.nodes.find(({ id }) => id === node);
}
