import { assertNever } from '../core/assert.js';
import type { NodeView } from '../core/protocol/events.js';
import type { FoundingTrouble } from '../core/protocol/foundingView.js';
import type { NodeId } from '../core/types.js';

/** What a person has to know of a node that is in no cluster yet. */
export interface WaitingNode {
  readonly self: NodeId;
  readonly expects: number;
  readonly seeds: readonly NodeId[];
}

/** What the node waits for, and what has to be done if it is not to wait for ever. */
export function describeWaiting(
  { self, expects, seeds }: WaitingNode,
  { document, founding }: NodeView,
): string {
  if (document) {
    return `the cluster's document (epoch ${String(document.epoch)}) does not list ${self}: is --node-id right?`;
  }
  const candidates = founding?.candidates ?? [];
  const sight =
    expects > 0
      ? `${String(candidates.length)} of ${String(expects)} nodes that are to found a cluster are found (${list(candidates)})`
      : `looking for the cluster at ${list(seeds)}`;
  const troubles = (founding?.troubles ?? []).map((trouble) => describeTrouble(trouble, expects));
  return [sight, ...troubles].join('; ');
}

function describeTrouble(trouble: FoundingTrouble, expects: number): string {
  switch (trouble.code) {
    case 'too_many_candidates':
      return `more than --expect-nodes want to found it (${list(trouble.nodes)}): stop those that do not belong to it, or start all with the right number`;
    case 'same_id':
      return `two nodes run under the name ${trouble.node}: give one of them another --node-id, or end it`;
    case 'other_expectation':
      return `${trouble.node} expects ${String(trouble.expects)} nodes and this one ${String(expects)}: start all with the same --expect-nodes`;
    case 'document_lost':
      return 'this node was in a cluster whose document it has lost: it founds no other, and learns it again from a node that lists it; check --seeds and start such a node';
    case 'bound':
      return `this node has given its vote to ${trouble.proposer}, which is not heard of: start ${trouble.proposer} again`;
    case 'not_listed':
      return `${trouble.node} is in a cluster (epoch ${String(trouble.epoch)}) that does not list this node: is --node-id right? nothing is founded beside it`;
    case 'store_unread':
      return 'the store of the cluster document does not answer: is Consul running, at --consul-url, and may this node read there?';
    case 'not_in_store':
      return `Consul holds the document of a cluster (epoch ${String(trouble.epoch)}) that does not list this node: is --node-id right? nothing is founded beside it`;
    case 'store_damaged':
      return 'what Consul holds in the place of the cluster document is none: look who wrote it, and delete it if it is of no use';
    default:
      return assertNever(trouble);
  }
}

function list(nodes: readonly NodeId[]): string {
  return nodes.length > 0 ? nodes.join(', ') : 'none';
}
