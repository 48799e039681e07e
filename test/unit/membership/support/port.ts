import type { DocumentPort } from '../../../../services/node/core/membership/port.js';
import type { Cluster } from '../../../../services/node/core/types.js';
import type { Vote } from '../../../../services/node/core/protocol/vote.js';
import type { Message } from '../../../../services/node/core/protocol/messages.js';
import type { ClusterDocument, NodeId } from '../../../../services/node/core/types.js';

/** What one machine wants done, for a test to look at and to answer. */
export interface FakePort extends DocumentPort {
  nowMs: number;
  readonly sent: [to: NodeId, message: Message][];
  readonly votes: Vote[];
  readonly documents: ClusterDocument[];
  readonly clusters: Cluster[];
  /** How often the store was asked. */
  reads: number;
  readonly swaps: { readonly index: number; readonly text: string }[];
  readonly connected: [node: NodeId, address: string][];
  /** What was sent since the last call. */
  takeSent(): [to: NodeId, message: Message][];
}

export function createPort(): FakePort {
  let request = 100;
  const sent: [NodeId, Message][] = [];
  const send = (to: NodeId, message: Message): void => void sent.push([to, message]);
  const port: FakePort = {
    ...{ nowMs: 1000, sent, votes: [], documents: [], clusters: [], connected: [], reads: 0, swaps: [] },
    ...{ send, sendBulk: send },
    get now() {
      return { monotonicMs: port.nowMs, wallMs: 0 };
    },
    nextNumber: () => ++request,
    connect: (node, address) => void port.connected.push([node, address]),
    keepVote: (vote) => void port.votes.push(vote),
    keepDocument: (document) => void port.documents.push(document),
    readStore: () => port.reads++,
    swapStore: (index, text) => void port.swaps.push({ index, text }),
    keepCluster: (cluster) => void port.clusters.push(cluster),
    takeSent: () => sent.splice(0),
  };
  return port;
}
