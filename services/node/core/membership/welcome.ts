import { type Candidate, CANDIDATES_MAX } from '../protocol/membershipMessages.js';
import type { Cluster, NodeId } from '../types.js';
import { documentText } from './documentText.js';
import type { DocumentPort } from './port.js';

export interface WelcomeOptions {
  readonly self: Candidate;
  readonly times: { readonly helloMs: number; readonly keepMs: number };
  readonly port: DocumentPort;
  /** Whether it answers this node. */
  readonly isAlive: (node: NodeId) => boolean;
}

/** Between two times that one node is sent the document, or told where this one is. */
const SENDS_EVERY_HELLOS = 5;

/**
 * What a node that belongs to a cluster tells those that have no document: that there is one, so that they found no other
 * (R8), and to those that it lists, the document itself with the key of versions. Others of the cluster it tells where it
 * is, as long as the document lists it elsewhere: else no vote for its new address would find it. Those that do not answer
 * it tells in any case: they may have been away when it moved, and not know where to send their answers.
 */
export class Welcome {
  readonly #options: WelcomeOptions;
  /** When a listed node may be sent the document again. */
  readonly #nextMs = new Map<NodeId, number>();
  #turn = 0;
  #announceAtMs = 0;

  constructor(options: WelcomeOptions) {
    this.#options = options;
  }

  /** `epoch` 0: the node has no document. */
  onHello(cluster: Cluster, { id, busAddress }: Pick<Candidate, 'id' | 'busAddress'>, epoch: number): void {
    const { self, times, port } = this.#options;
    const { document } = cluster;
    const nowMs = port.now.monotonicMs;
    const isListed = document.nodes.some((node) => node.id === id);
    if (isListed || epoch === 0) port.connect(id, busAddress);
    if (epoch > 0) return;
    const hello = { type: 'hello', candidate: self, expects: 0, epoch: document.epoch } as const;
    const request = port.nextNumber();
    port.send(id, { ...hello, request, known: this.#tell(cluster) }, nowMs + times.keepMs);
    if (!isListed || nowMs < (this.#nextMs.get(id) ?? 0)) return;
    this.#nextMs.set(id, nowMs + SENDS_EVERY_HELLOS * times.helloMs);
    this.#send(cluster, id);
  }

  /** Due every tick. */
  announce({ document: { nodes, epoch } }: Cluster): void {
    const { self, times, port, isAlive } = this.#options;
    const nowMs = port.now.monotonicMs;
    const listed = nodes.find(({ id }) => id === self.id);
    if (!listed || nowMs < this.#announceAtMs) return;
    this.#announceAtMs = nowMs + SENDS_EVERY_HELLOS * times.helloMs;
    const hasMoved = listed.busAddress !== self.busAddress;
    const hello = { type: 'hello', candidate: self, expects: 0, epoch, known: [] } as const;
    for (const { id } of nodes) {
      if (id === self.id || (!hasMoved && isAlive(id))) continue;
      port.send(id, { ...hello, request: port.nextNumber() }, nowMs + times.keepMs);
    }
  }

  /** Tells all nodes of a cluster that has just been founded. */
  spread(cluster: Cluster): void {
    for (const { id } of cluster.document.nodes) if (id !== this.#options.self.id) this.#send(cluster, id);
  }

  #send({ document, versionKey }: Cluster, to: NodeId): void {
    const { times, port } = this.#options;
    const request = port.nextNumber();
    const founded = { type: 'founded', request, versionKey, document: documentText(document) } as const;
    port.sendBulk(to, founded, port.now.monotonicMs + times.keepMs);
  }

  /** Some of the nodes, others at the next call. */
  #tell({ document: { nodes } }: Cluster): Candidate[] {
    const count = Math.min(nodes.length, CANDIDATES_MAX);
    const first = this.#turn;
    this.#turn += count;
    return [...nodes, ...nodes]
      .slice(first % nodes.length, (first % nodes.length) + count)
      .map(({ state: _state, ...candidate }) => candidate);
  }
}
