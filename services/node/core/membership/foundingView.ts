import type { NodeId } from '../types.js';
import type { Candidates } from './candidates.js';
import type { Vote } from './vote.js';

/** What keeps a cluster from being founded, for a person. */
export type FoundingTrouble =
  /** Nobody can tell which of them are meant. */
  | { readonly code: 'too_many_candidates'; readonly nodes: readonly NodeId[] }
  /** Two nodes run under it. */
  | { readonly code: 'same_id'; readonly node: NodeId }
  | { readonly code: 'other_expectation'; readonly node: NodeId; readonly expects: number }
  /** This node's vote says that it was in a cluster, of which it has no document: it founds no other. */
  | { readonly code: 'document_lost' }
  /** This node has given its vote to one that is not heard of. */
  | { readonly code: 'bound'; readonly proposer: NodeId }
  /** There is a cluster, which this node is not in: it has to be let in, and nothing is founded. */
  | { readonly code: 'not_listed'; readonly node: NodeId; readonly epoch: number };

export interface FoundingView {
  readonly founded: boolean;
  /** Who would found the cluster, this node among them. */
  readonly candidates: readonly NodeId[];
  readonly troubles: readonly FoundingTrouble[];
}

/** What a node without a document can see. */
interface Sight {
  readonly self: NodeId;
  readonly expects: number;
  readonly candidates: Candidates;
  readonly vote: Vote;
  /** Somebody who has a document. */
  readonly seen: { readonly node: NodeId; readonly epoch: number } | undefined;
}

/** All that is wrong; only a vote that binds this node to another does not keep it from looking on. */
export function troublesOf({ self, expects, candidates, vote, seen }: Sight): readonly FoundingTrouble[] {
  if (seen) return [{ code: 'not_listed', ...seen }];
  if (vote.kind === 'ballot') return [{ code: 'document_lost' }];
  const troubles: FoundingTrouble[] = candidates.doubled.map((node) => ({ code: 'same_id', node }));
  if (expects === 0) return troubles;
  const founders = candidates.founders();
  for (const { candidate, expects: others } of founders) {
    if (others !== expects) troubles.push({ code: 'other_expectation', node: candidate.id, expects: others });
  }
  const nodes = [self, ...founders.map(({ candidate }) => candidate.id)].sort();
  if (nodes.length > expects) troubles.push({ code: 'too_many_candidates', nodes });
  const proposer = vote.kind === 'founding' ? vote.proposal.proposer : self;
  if (!nodes.includes(proposer)) troubles.push({ code: 'bound', proposer });
  return troubles;
}
