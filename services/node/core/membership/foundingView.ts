import type { NodeId } from '../types.js';
import type { Candidates } from './candidates.js';
import type { FoundingTrouble } from '../protocol/foundingView.js';
import type { Vote } from '../protocol/vote.js';

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
