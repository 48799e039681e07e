import type { RequestNumber } from '../protocol/messages.js';
import { majority } from '../ring/majority.js';
import type { ClusterDocument, NodeId } from '../types.js';
import type { DocumentPort } from './port.js';

const ASK_EVERY_MS = 300;
const ANSWER_MS = 1000;

/**
 * Asks all nodes of the document which epoch they are in. Only answers to what was asked since it began count: an older one
 * may come from before the very thing that made this node ask.
 */
export class Census {
  readonly #self: NodeId;
  readonly #port: DocumentPort;
  /** Higher numbers were asked since it began. */
  readonly #begunWith: RequestNumber;
  readonly #begunAtMs: number;
  readonly #epochs = new Map<NodeId, number>();
  #askAtMs = 0;

  constructor(self: NodeId, port: DocumentPort) {
    this.#self = self;
    this.#port = port;
    this.#begunWith = port.nextNumber();
    this.#begunAtMs = port.now.monotonicMs;
  }

  get ageMs(): number {
    return this.#port.now.monotonicMs - this.#begunAtMs;
  }

  onAnswered(node: NodeId, request: RequestNumber, epoch: number): void {
    if (request > this.#begunWith) this.#epochs.set(node, epoch);
  }

  /** Asks again whoever has not answered. */
  tick(document: ClusterDocument): void {
    const nowMs = this.#port.now.monotonicMs;
    if (nowMs < this.#askAtMs) return;
    this.#askAtMs = nowMs + ASK_EVERY_MS;
    for (const { id } of document.nodes) {
      if (id === this.#self || this.#epochs.has(id)) continue;
      const ping = {
        type: 'ping',
        request: this.#port.nextNumber(),
        epoch: document.epoch,
        heights: [],
      } as const;
      this.#port.send(id, ping, nowMs + ANSWER_MS);
    }
  }

  /** A majority of the nodes, this one among them, has answered, and none of them is ahead of the document. */
  confirms({ nodes, epoch }: ClusterDocument): boolean {
    const heard = nodes.flatMap(({ id }) => (id === this.#self ? epoch : (this.#epochs.get(id) ?? [])));
    const isMember = nodes.some(({ id }) => id === this.#self);
    return isMember && heard.length >= majority(nodes.length) && heard.every((other) => other <= epoch);
  }

  hasAll({ nodes }: ClusterDocument): boolean {
    return nodes.every(({ id }) => id === this.#self || this.#epochs.has(id));
  }
}
