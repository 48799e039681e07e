import { BallotRegister } from '../../../../services/node/core/membership/ballotRegister.js';
import { voterReplaced } from '../../../../services/node/core/membership/changes.js';
import { documentOf, documentText } from '../../../../services/node/core/membership/documentText.js';
import { Founding } from '../../../../services/node/core/membership/founding.js';
import { FoundingStore } from '../../../../services/node/core/membership/foundingStore.js';
import type { DocumentPort } from '../../../../services/node/core/membership/port.js';
import type {
  Change,
  ProposalResult,
  Register,
  RegisterMessage,
} from '../../../../services/node/core/membership/register.js';
import { Store } from '../../../../services/node/core/membership/store.js';
import { StoreRegister } from '../../../../services/node/core/membership/storeRegister.js';
import { storedCluster, storedText } from '../../../../services/node/core/membership/storedCluster.js';
import { voteOf, voteText } from '../../../../services/node/core/membership/vote.js';
import type { Vote } from '../../../../services/node/core/protocol/vote.js';
import { VoteFile } from '../../../../services/node/core/membership/voteFile.js';
import { decodeMessage, encodeMessage } from '../../../../services/node/core/protocol/codec.js';
import type { Candidate } from '../../../../services/node/core/protocol/membershipMessages.js';
import type { Message } from '../../../../services/node/core/protocol/messages.js';
import type { Actor, Cluster, ClusterDocument, NodeId } from '../../../../services/node/core/types.js';
import { nameOf } from '../../support/clusterNode.js';
import { type Fate, ModelStore, type StoreClient } from './modelStore.js';

/**
 * Nodes that found a cluster and change its document, on a network and on disks that a seed makes fail: messages are lost,
 * doubled and come in any order, nodes crash with what was on its way to the disk kept or not, disks refuse, vote files
 * are lost. Whatever is said to be committed is checked at once. The document is voted on, or lies in a store beside them.
 */

/** How a run is, all of it: some faults only show where others are frequent. */
export interface Temper {
  /** Of messages that tell of what was decided: how many are lost. */
  readonly secrecy: number;
  /** Of messages that ask for acceptance: how many are lost, so that few accept what is proposed. */
  readonly doubt: number;
  /** Of writes under way at a crash: how many had reached the disk. */
  readonly luck: number;
}

export interface ModelOptions {
  readonly temper?: Temper;
  readonly seed: number;
  readonly ids: readonly NodeId[];
  /** Given to nodes that have a cluster from the beginning. */
  readonly cluster?: Cluster;
  /** 0: the node only joins. */
  readonly expects: (id: NodeId) => number;
  /** The document lies in a store beside the nodes; what the cluster has from the beginning lies there already. */
  readonly hasStore?: boolean;
}

interface Disk {
  vote: Vote;
  cluster: Cluster | undefined;
}

interface Write {
  readonly apply: () => void;
  readonly done: (durable: boolean) => void;
}

interface Life {
  readonly file: VoteFile;
  readonly founding: Founding;
  register: Register | undefined;
  readonly store: Store;
  readonly client: StoreClient;
  /** When the store was first seen to have lost the document. */
  lossSeenMs: number | undefined;
  /** When they were asked what they have answered. */
  readonly answered: Map<NodeId, number>;
  readonly pings: Map<number, number>;
  probeAtMs: number;
  readonly writes: Write[];
  /** Proposals that have no end yet. */
  open: number;
}

interface ModelNode {
  readonly id: NodeId;
  readonly disk: Disk;
  life: Life | undefined;
  incarnation: number;
}

interface Packet {
  readonly from: NodeId;
  readonly to: NodeId;
  /** Of the sender, with every message. */
  readonly epoch: number;
  readonly bytes: Uint8Array;
}

export interface Told {
  readonly node: NodeId;
  readonly result: ProposalResult;
}

const PROBE_EVERY_MS = 500;

export class Model {
  readonly nodes: readonly ModelNode[];
  readonly committed = new Map<number, string>();
  readonly told: Told[] = [];
  /** Of all that were committed. */
  newest: ClusterDocument | undefined;
  /** Proposals that have no end yet. */
  open = 0;
  readonly random: () => number;
  readonly #options: ModelOptions;
  readonly #temper: Temper;
  readonly store: ModelStore | undefined;
  /** Who cannot reach the store. */
  readonly barred = new Set<NodeId>();
  refills = 0;
  readonly isSlow: boolean;
  #packets: Packet[] = [];
  /** No faults any more. */
  #isCalm = false;
  /** Nothing goes to or from it. */
  cut: NodeId | undefined;
  nowMs = 1000;
  #names = 0;

  constructor(options: ModelOptions) {
    this.#options = options;
    this.random = randomOf(options.seed);
    this.isSlow = options.seed % 2 === 1;
    this.#temper = options.temper ?? { secrecy: 0, doubt: 0, luck: 0.5 };
    this.nodes = options.ids.map((id) => {
      const listed = options.cluster?.document.nodes.find((node) => node.id === id);
      const voter = listed?.voter ?? this.#name();
      return {
        id,
        disk: { vote: { kind: 'none', voter }, cluster: listed && options.cluster },
        life: undefined,
        incarnation: 1,
      };
    });
    if (options.hasStore) this.store = new ModelStore((document) => this.#commit(document));
    if (options.cluster) this.#commit(options.cluster.document);
    if (options.cluster) this.store?.begin(storedText(options.cluster));
    for (const node of this.nodes) this.start(node);
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.random() * list.length)];
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  get packets(): number {
    return this.#packets.length;
  }

  get writes(): readonly ModelNode[] {
    return this.nodes.filter(({ life }) => life && life.writes.length > 0);
  }

  start(node: ModelNode): void {
    if (node.life) return;
    node.incarnation += 1;
    const port = this.#portOf(node);
    const file = new VoteFile(node.disk.vote, port);
    const { cluster } = node.disk;
    const writes: Write[] = [];
    const client = this.#clientOf(node);
    const store = new Store(port, (held) => {
      founding.onHeld(held);
      const { register } = node.life ?? {};
      if (register instanceof StoreRegister) register.onHeld(held);
    });
    const founding = new Founding({
      self: this.#candidateOf(node),
      expects: this.#options.expects(node.id),
      ...{ partitions: 8, replicas: 3, incarnation: node.incarnation, file, port },
      clusterId: this.#name(),
      versionKey: Uint8Array.from({ length: 32 }, () => Math.floor(this.random() * 256)),
      times: { helloMs: 100, settleMs: 200, keepMs: 2000, askMs: 200 },
      ...(cluster && { cluster }),
      ...(this.store && { store: new FoundingStore(node.id, store) }),
      isAlive: () => true,
      onFounded: (founded) => {
        this.#commit(founded.document);
        if (node.life) node.life.register = this.#registerOf(node, file, port, founded);
      },
    });
    const seen = { lossSeenMs: undefined, answered: new Map(), pings: new Map(), probeAtMs: 0 };
    node.life = { file, founding, register: undefined, store, client, ...seen, writes, open: 0 };
    if (cluster) node.life.register = this.#registerOf(node, file, port, cluster);
    for (const other of this.nodes) if (other.id !== node.id) founding.onPeer(other.id);
  }

  crash(node: ModelNode): void {
    const { life } = node;
    if (!life) return;
    node.life = undefined;
    life.client.gone = true;
    this.open -= life.open;
    for (const { apply } of life.writes) if (this.chance(this.#temper.luck)) apply();
  }

  /** The file of its vote is gone; with `wholly`, the document too. */
  lose(node: ModelNode, wholly: boolean): void {
    this.crash(node);
    node.disk.vote = { kind: 'none', voter: this.#name() };
    if (wholly) node.disk.cluster = undefined;
  }

  /** Ends one write of a node. */
  work(node: ModelNode, durable: boolean): void {
    const write = node.life?.writes.shift();
    if (!write) return;
    // What a disk refuses may have reached it all the same.
    if (durable || this.chance(0.5)) write.apply();
    write.done(durable);
  }

  tick(ms: number, nodes = this.nodes): void {
    this.nowMs += ms;
    for (const node of nodes) {
      const { life } = node;
      life?.founding.tick();
      life?.register?.tick();
      if (!this.store) continue;
      life?.store.tick();
      this.#probe(node);
    }
  }

  /** As nodes do that look whether the others are there. */
  #probe(node: ModelNode): void {
    const { life } = node;
    if (!life?.register || this.nowMs < life.probeAtMs) return;
    life.probeAtMs = this.nowMs + PROBE_EVERY_MS;
    const ping = { type: 'ping', request: 0, epoch: life.register.document.epoch, heights: [] } as const;
    for (const { id } of this.nodes) if (id !== node.id) this.#post(node, id, ping);
  }

  /** The store comes to something that it was asked for. */
  workStore(fate: Fate = 'done'): void {
    const { store } = this;
    if (!store || store.asked === 0) return;
    const at = Math.floor(this.random() * store.asked);
    const before = store.kept;
    store.work(at, this.barred.has(store.askerAt(at)) ? 'lost' : fate);
    if (store.kept !== before) this.#tellOfStore();
  }

  /** Some are told that the store holds something else. */
  #tellOfStore(): void {
    for (const { life } of this.nodes) if (this.#isCalm || this.chance(0.5)) life?.store.look();
  }

  /** Takes a message from the network; the oldest where there is no fault. */
  deliver(fault?: 'lose' | 'double'): void {
    const index = fault === undefined ? 0 : Math.floor(this.random() * this.#packets.length);
    const packet = this.#packets[index];
    if (!packet) return;
    if (fault !== 'double') this.#packets.splice(index, 1);
    if (fault !== 'lose') this.#receive(packet);
  }

  deliverAny(): void {
    const [packet] = this.#packets.splice(Math.floor(this.random() * this.#packets.length), 1);
    if (packet) this.#receive(packet);
  }

  propose(node: ModelNode, change: Change): void {
    const { life } = node;
    if (!life?.register) return;
    this.open += 1;
    life.open += 1;
    life.register.propose(change, (result) => {
      this.open -= 1;
      life.open -= 1;
      this.told.push({ node: node.id, result });
      const document = life.register?.document;
      if (result !== 'committed' || !document) return;
      this.#commit(document);
      if (change(document) !== undefined)
        throw new Error(`${node.id} was told of a change that is not there`);
    });
  }

  /** As a node does that finds that the document does not list its vote file. */
  proposeVoter(node: ModelNode): void {
    const { life } = node;
    if (!life?.register || this.isVoter(node)) return;
    this.propose(node, (document) => voterReplaced(document, node.id, life.file.voter));
  }

  isVoter({ id, disk }: ModelNode): boolean {
    return this.newest?.nodes.some((node) => node.id === id && node.voter === disk.vote.voter) ?? false;
  }

  /** Everybody is up, nothing fails: until the condition holds, or for so long. */
  calm(untilMs: number, isDone: () => boolean): boolean {
    this.cut = undefined;
    this.barred.clear();
    this.#isCalm = true;
    for (const node of this.nodes) this.start(node);
    const endMs = this.nowMs + untilMs;
    while (this.nowMs < endMs && !isDone()) {
      this.tick(20);
      // What is asked again at once is answered at another moment.
      for (let asked = this.store?.asked ?? 0; asked > 0; asked--) this.workStore();
      while (this.#packets.length > 0 || this.writes.length > 0) {
        this.deliver();
        for (const node of this.writes) this.work(node, true);
      }
    }
    return isDone();
  }

  #portOf(node: ModelNode): DocumentPort {
    let request = node.incarnation * 2 ** 20 + Math.floor(this.random() * 2 ** 19);
    const nowMs = (): number => this.nowMs;
    const write = (apply: () => void, done: (durable: boolean) => void): void => {
      node.life?.writes.push({ apply, done });
    };
    const post = (to: NodeId, message: Message): void => {
      this.#post(node, to, message);
    };
    return {
      get now() {
        return { monotonicMs: nowMs(), wallMs: 0 };
      },
      nextNumber: () => ++request,
      send: post,
      sendBulk: post,
      connect: () => undefined,
      readStore: () => this.store?.ask(node.id, node.life!.client),
      swapStore: (index, text) => {
        this.#expectAnswered(node, text);
        this.store?.swap(node.id, node.life!.client, { index, text });
      },
      keepVote: (vote) => {
        write(
          () => (node.disk.vote = voteOf(voteText(vote))),
          (durable) => node.life?.file.onKept(durable),
        );
      },
      keepDocument: (document) => {
        write(
          () => {
            this.#keep(node, { versionKey: node.disk.cluster!.versionKey, document });
          },
          (durable) => node.life?.register?.onDocumentKept(durable),
        );
      },
      keepCluster: (cluster) => {
        write(
          () => {
            this.#keep(node, cluster);
          },
          (durable) => node.life?.founding.onClusterKept(durable),
        );
      },
    };
  }

  #registerOf(node: ModelNode, file: VoteFile, port: DocumentPort, cluster: Cluster): Register {
    const { document } = cluster;
    const times = { proposeMs: 8000, roundMs: 800, fetchMs: 300 };
    const onAdopted = (adopted: ClusterDocument): void => {
      this.#commit(adopted);
      node.life?.founding.onDocument(adopted);
    };
    const onRefilled = (): number => this.refills++;
    return this.store
      ? new StoreRegister({
          ...{ self: node.id, cluster, times, port, store: node.life!.store, onAdopted, onRefilled },
        })
      : new BallotRegister({
          ...{ self: node.id, document, file, port, jitter: this.random(), times, onAdopted },
        });
  }

  #clientOf(node: ModelNode): StoreClient {
    return {
      ...{ read: undefined, gone: false },
      onRead: (reading) => {
        const { life } = node;
        if (!life) return;
        const epoch = life.register?.document.epoch ?? 0;
        const stored = reading.status === 'read' ? (storedCluster(reading.text)?.document.epoch ?? 0) : epoch;
        if (reading.status === 'read')
          life.lossSeenMs = stored < epoch ? (life.lossSeenMs ?? this.nowMs) : undefined;
        life.store.onRead(reading);
      },
      onSwapped: (result) => node.life?.store.onSwapped(result),
    };
  }

  /** What fills a store again is sent only after a majority has answered what was asked since the loss was seen (R8). */
  #expectAnswered({ id, life }: ModelNode, text: string): void {
    const document = life?.register?.document;
    if (!life || !document || storedCluster(text)!.document.epoch < document.epoch + 1000) return;
    const { lossSeenMs = Infinity, answered } = life;
    const heard = document.nodes.filter(
      (node) => node.id === id || (answered.get(node.id) ?? 0) >= lossSeenMs,
    );
    if (2 * heard.length <= document.nodes.length) throw new Error(`${id} fills the store by itself`);
  }

  #candidateOf({ id, disk: { vote } }: ModelNode): Candidate {
    const names = { id, actor: nameOf('actor', vote.voter) as Actor, voter: vote.voter };
    return { ...names, busAddress: `${id}:1`, httpAddress: `${id}:2`, weight: 1, zone: '' };
  }

  #keep(node: ModelNode, cluster: Cluster): void {
    const before = node.disk.cluster?.document.epoch ?? 0;
    const { epoch } = cluster.document;
    if (epoch < before) throw new Error(`${node.id} went back from epoch ${before} to ${epoch}`);
    node.disk.cluster = cluster;
    this.#commit(cluster.document);
  }

  #commit(document: ClusterDocument): void {
    const text = documentText(document);
    const known = this.committed.get(document.epoch);
    if (known !== undefined && known !== text) throw new Error(`two documents of epoch ${document.epoch}`);
    this.committed.set(document.epoch, text);
    if (document.epoch > (this.newest?.epoch ?? 0)) this.newest = document;
  }

  #post(node: ModelNode, to: NodeId, message: Message): void {
    const isNews = message.type === 'document' || message.type === 'founded';
    if (isNews) this.#commit(documentOf(message.document)!);
    const epoch = node.life?.register?.document.epoch ?? 0;
    if (epoch > (node.disk.cluster?.document.epoch ?? 0))
      throw new Error(`${node.id} speaks of what it may forget`);
    if (message.type === 'ping' && message.request > 0) node.life?.pings.set(message.request, this.nowMs);
    if (this.cut === node.id || this.cut === to) return;
    const { secrecy, doubt } = this.#temper;
    const lost = isNews ? secrecy : message.type === 'accept' ? doubt : 0;
    if (!this.#isCalm && this.chance(lost)) return;
    this.#packets.push({ from: node.id, to, epoch, bytes: encodeMessage(message) });
  }

  #receive({ from, to, epoch, bytes }: Packet): void {
    const life = this.nodes.find(({ id }) => id === to)?.life;
    if (!life || this.cut === to) return;
    const message = decodeMessage(bytes);
    if (epoch > 0) life.register?.onEpochSeen(from, epoch);
    switch (message.type) {
      case 'hello':
      case 'found':
      case 'foundVote':
      case 'founded':
        return life.founding.onMessage(from, message);
      case 'ping': {
        const { register } = life;
        if (!register) return;
        const node = this.nodes.find(({ id }) => id === to)!;
        const pong = { type: 'pong', request: message.request, epoch: register.document.epoch } as const;
        this.#post(node, from, { ...pong, heights: [] });
        return;
      }
      case 'pong':
        noteAnswer(life, from, message.request);
        life.register?.onAnswered(from, message.request, message.epoch);
        return;
      default:
        return life.register?.onMessage(from, message as RegisterMessage);
    }
  }

  #name(): string {
    return nameOf(this.#options.seed, ++this.#names);
  }
}

/** Answers come in any order. */
function noteAnswer({ answered, pings }: Life, from: NodeId, request: number): void {
  answered.set(from, Math.max(answered.get(from) ?? 0, pings.get(request) ?? 0));
}

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs with each of these seeds; what fails says which. */
export function withSeeds(count: number, run: (seed: number) => void): void {
  for (let seed = 1; seed <= count; seed++) {
    try {
      run(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
}
