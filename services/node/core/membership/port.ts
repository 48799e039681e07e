import type { Message, RequestNumber } from '../protocol/messages.js';
import type { Vote } from '../protocol/vote.js';
import type { Cluster, ClusterDocument, Instant, NodeId } from '../types.js';

/**
 * What the machines of the cluster document want done; the node's outbox stands behind it. At most one vote and one
 * document are on their way to the disk at a time, and each is answered: durable, or refused.
 */
export interface DocumentPort {
  readonly now: Instant;
  nextNumber(): RequestNumber;
  send(to: NodeId, message: Message, deadlineMs: number): void;
  /** For what is large: documents must not stand in the way of requests. */
  sendBulk(to: NodeId, message: Message, deadlineMs: number): void;
  /** The bus can reach the node there from now on. */
  connect(node: NodeId, busAddress: string): void;
  /** Replaces the file of this node's vote; answered by {@link VoteFile.onKept}. */
  keepVote(vote: Vote): void;
  /** Replaces the document beside the database; answered by {@link Documents.onKept}. */
  keepDocument(document: ClusterDocument): void;
  /** Asks what the store holds; answered by {@link Store.onRead}. */
  readStore(): void;
  /** Changes what the store holds; answered by {@link Store.onSwapped}. */
  swapStore(index: number, text: string): void;
  /** Keeps the first document, with the key of versions; answered by {@link Founding.onClusterKept}. */
  keepCluster(cluster: Cluster): void;
}
