import type { Envelope } from '../../core/protocol/envelope.js';
import type { NodeId } from '../../core/types.js';
import type { Rejection } from './reporter.js';

/** Who this node is, as other nodes must hear and prove it. */
export interface LocalNode {
  readonly self: NodeId;
  /** '' before this node belongs to a cluster. */
  readonly clusterId: () => string;
  readonly incarnation: number;
  readonly epoch: () => number;
  readonly secret: Uint8Array | undefined;
}

/** Why an envelope is not for this node, whoever sent it. */
export function misaddressed({ self, clusterId }: LocalNode, { header }: Envelope): Rejection | undefined {
  if (!mayTalk(header.clusterId, clusterId())) return 'cluster';
  return header.receiver === self ? undefined : 'receiver';
}

/** A node that belongs to no cluster yet has to ask those that do, and they to answer. */
function mayTalk(theirs: string, own: string): boolean {
  return theirs === own || theirs === '' || own === '';
}
