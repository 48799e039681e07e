import { requestError } from './errors.js';
import { Founding, FOUNDING_TIMES, type FoundingMessage } from './membership/founding.js';
import { FoundingStore } from './membership/foundingStore.js';
import { type Base, createBase } from './node/base.js';
import { Member, type MemberEvent } from './node/member.js';
import { NodeParts } from './node/parts.js';
import type { NodeOptions } from './nodeOptions.js';
import type { Effect, NodeEvent, NodeSizes, NodeView, SteppingNode } from './protocol/events.js';
import type { Message } from './protocol/messages.js';
import type { RegisteredNode, RegistryView } from './protocol/store.js';
import type { Cluster, Instant, NodeId } from './types.js';

/**
 * The whole node as a pure machine: `step(event, now)` advances it and returns what is to be done. Here coordinator,
 * replica, repair and membership meet; they know nothing of each other, so that the simulator can reorder what passes
 * between nodes. No I/O, no time but `now`, no randomness: the same events give the same effects.
 *
 * A node begins without a cluster, or with the one that lies on its disk: cold, without asking anybody (I15). Without one
 * it takes part in founding one, or waits for the document that lists it (R8); until then it serves nothing.
 */

export function createNode(options: NodeOptions): SteppingNode {
  return new StorageNode(options);
}

const NO_SIZES: NodeSizes = {
  ...{ liveRequests: 0, liveBytes: 0, settling: 0, cells: 0 },
  ...{ hints: 0, repairs: 0, damagedKeys: 0 },
};

class StorageNode implements SteppingNode {
  readonly #options: NodeOptions;
  readonly #base: Base;
  readonly #founding: Founding;
  #member: Member | undefined;
  #registered: readonly RegisteredNode[] = [];

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#base = createBase(options, (held) => {
      this.#founding.onHeld(held);
      this.#member?.onHeld(held);
    });
    this.#founding = this.#createFounding();
  }

  step(event: NodeEvent, now: Instant): readonly Effect[] {
    this.#base.outbox.begin(now);
    const { cluster } = this.#options;
    if (!this.#member && cluster) this.#join(cluster);
    this.#on(event);
    return this.#base.outbox.take();
  }

  sizes(): NodeSizes {
    return this.#member?.sizes() ?? NO_SIZES;
  }

  view(): NodeView {
    const registry = this.#registryView();
    if (this.#member) return { ...this.#member.view(), registry };
    return {
      registry,
      ...{ document: undefined, founding: this.#founding.view() },
      ...{ complete: false, vouched: false, actor: this.#options.actor },
      ...{ liveness: new Map(), hints: new Map(), antiEntropy: undefined, rebuild: undefined },
    };
  }

  #on(event: NodeEvent): void {
    switch (event.type) {
      case 'voteKept':
        this.#base.file.onKept(event.durable);
        return;
      case 'clusterKept':
        this.#founding.onClusterKept(event.durable);
        return;
      case 'seen':
        this.#onSeen(event.node, event.busAddress);
        return;
      case 'registered':
        this.#registered = event.nodes;
        for (const { node, busAddress } of event.nodes) this.#onSeen(node, busAddress);
        return;
      case 'storeChanged':
        this.#base.store.look();
        return;
      case 'storeRead':
        this.#base.store.onRead(event.reading);
        return;
      case 'storeSwapped':
        this.#base.store.onSwapped(event.result);
        return;
      case 'message': {
        const { message } = event;
        if (isOfFounding(message)) this.#founding.onMessage(event.from, message);
        else this.#onMember({ ...event, message });
        return;
      }
      case 'tick':
        if (this.#options.register === 'store') this.#base.store.tick();
        this.#founding.tick();
        this.#onMember(event);
        return;
      default:
        this.#onMember(event);
    }
  }

  #onSeen(node: NodeId, busAddress: string): void {
    if (node === this.#options.self) return;
    this.#base.outbox.connect(node, busAddress);
    this.#founding.onPeer(node);
  }

  #registryView(): RegistryView | undefined {
    if (this.#options.register !== 'store') return undefined;
    const checks = new Map(this.#registered.map(({ node, passing }) => [node, passing]));
    return { store: this.#member?.storeStanding ?? 'unread', checks };
  }

  #onMember(event: MemberEvent): void {
    if (this.#member) this.#member.on(event);
    else this.#refuse(event);
  }

  /** A node without a cluster serves nothing. */
  #refuse(event: MemberEvent): void {
    const { outbox } = this.#base;
    if (event.type === 'get') {
      outbox.reply(event.ticket, { to: 'get', outcome: requestError('no_complete_replica') });
    } else if (event.type === 'put') {
      outbox.reply(event.ticket, { to: 'put', outcome: requestError('no_coordinator') });
    } else if (event.type === 'probe') {
      outbox.reply(event.ticket, { to: 'probe', reachable: false });
    } else if (event.type === 'where') {
      outbox.reply(event.ticket, { to: 'where', outcome: requestError('no_complete_replica') });
    } else if (event.type === 'hurry') {
      outbox.reply(event.ticket, { to: 'hurry', outcome: requestError('no_complete_replica') });
    } else if (event.type === 'remove') {
      outbox.reply(event.ticket, { to: 'remove', outcome: requestError('not_committed', {}, 'none') });
    }
  }

  #join(cluster: Cluster): void {
    const parts = new NodeParts(this.#options, this.#base, cluster, (document) => {
      this.#founding.onDocument(document);
    });
    this.#member = new Member(this.#options.self, parts);
  }

  #createFounding(): Founding {
    const { self, actor, cluster, founding, incarnation, register } = this.#options;
    const { busAddress, httpAddress, weight, zone } = this.#options;
    const { file, documentPort: port, store } = this.#base;
    return new Founding({
      ...founding,
      self: { id: self, actor, voter: file.voter, busAddress, httpAddress, weight, zone },
      ...(cluster && { cluster }),
      ...(register === 'store' && { store: new FoundingStore(self, store) }),
      ...{ incarnation, file, port },
      times: FOUNDING_TIMES,
      isAlive: (node) => this.#member?.isAlive(node) === true,
      onFounded: (founded) => {
        this.#join(founded);
      },
    });
  }
}

const OF_FOUNDING = new Set<Message['type']>(['hello', 'found', 'foundVote', 'founded']);

function isOfFounding(message: Message): message is FoundingMessage {
  return OF_FOUNDING.has(message.type);
}
