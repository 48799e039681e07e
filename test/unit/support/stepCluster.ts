import { nodeDigests } from '../../../services/node/adapters/system.js';
import { createNode } from '../../../services/node/core/node.js';
import { NODE_LIMITS, type NodeLimits } from '../../../services/node/core/nodeOptions.js';
import type {
  Effect,
  Fact,
  NodeEvent,
  NodeSizes,
  ReadResult,
  ReplyOutcome,
  SteppingNode,
  Ticket,
} from '../../../services/node/core/protocol/events.js';
import type { GetRequest, Message, PutRequest } from '../../../services/node/core/protocol/messages.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import { positionOf } from '../../../services/node/core/ring/position.js';
import { createRing } from '../../../services/node/core/ring/replicaSets.js';
import type { Actor, Key, NodeId, VersionedRecord } from '../../../services/node/core/types.js';

/**
 * Real nodes, driven by hand and in one thread: messages, loads and stores wait in one list until the test has them
 * carried out, dropped, repeated or failed. Time stands still until the test advances it.
 */
export interface StepCluster {
  readonly ids: readonly NodeId[];
  /** What waits to be carried out, oldest first. */
  readonly pending: Pending[];
  readonly facts: Fact[];
  node(id: NodeId): SteppingNode;
  disk(id: NodeId): Disk;
  /** The nodes that hold the key, in their order. */
  primaries(key: Key): readonly NodeId[];
  put(id: NodeId, request: Partial<PutRequest> & { readonly key: Key }): Ticket;
  get(id: NodeId, request: Partial<GetRequest> & { readonly key: Key }): Ticket;
  probe(id: NodeId, target: NodeId, timeoutMs: number): Ticket;
  /** All replies to a ticket, so that a second one is seen. */
  replies(ticket: Ticket): readonly ReplyOutcome[];
  step(id: NodeId, event: NodeEvent): readonly Effect[];
  /** Carries out one thing that waits. */
  run(item: Pending): void;
  /** Carries out what waits and matches, and what comes of it, until nothing matches. */
  runAll(matches?: (item: Pending) => boolean): void;
  /** Takes what matches off the list, as if it were lost; returns it. */
  drop(matches: (item: Pending) => boolean): readonly Pending[];
  /** A store that the disk refuses. */
  failStore(item: PendingStore): void;
  /** A message that cannot be routed. */
  bounce(item: PendingMessage): void;
  /** Lets time pass, then has every node judge its deadlines. */
  advance(ms: number): void;
  /** A crash and a start: what was not stored is gone, and what was on its way to the node still arrives. */
  restart(id: NodeId): void;
  totalSizes(): NodeSizes;
}

export interface PendingMessage {
  readonly kind: 'message';
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: Message;
  readonly remainingMs: number;
}

export interface PendingLoad {
  readonly kind: 'load';
  readonly node: NodeId;
  readonly effect: Extract<Effect, { type: 'load' }>;
}

export interface PendingStore {
  readonly kind: 'store';
  readonly node: NodeId;
  readonly effect: Extract<Effect, { type: 'store' }>;
}

export type Pending = PendingMessage | PendingLoad | PendingStore;

export interface Disk {
  readonly actor: Actor;
  readonly records: Map<Key, VersionedRecord>;
  /** What a load of a key gives instead of what is stored. */
  readonly faults: Map<Key, ReadResult>;
  complete: boolean;
  counter: number;
  incarnation: number;
}

export interface StepClusterOptions {
  readonly nodes?: number;
  readonly replicas?: number;
  readonly limits?: Partial<NodeLimits>;
  readonly incomplete?: readonly string[];
  /** Sees every effect before it is carried out. */
  readonly onEffect?: (node: NodeId, effect: Effect) => void;
}

export const TIMEOUT_MS = 3000;

const DIGESTS = nodeDigests();
const SECRET = new Uint8Array(32).fill(7);

/** The seal of every cluster's versions. */
export const SEAL = { secret: SECRET, digests: DIGESTS };

export const isMessage =
  (type?: Message['type'], to?: NodeId) =>
  (item: Pending): item is PendingMessage =>
    item.kind === 'message' &&
    (type === undefined || item.message.type === type) &&
    (to === undefined || item.to === to);

export const isStore =
  (node?: NodeId) =>
  (item: Pending): item is PendingStore =>
    item.kind === 'store' && (node === undefined || item.node === node);

export const isLoad =
  (node?: NodeId) =>
  (item: Pending): item is PendingLoad =>
    item.kind === 'load' && (node === undefined || item.node === node);

export function key(text: string): Key {
  return text as Key;
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

export function createStepCluster(options: StepClusterOptions = {}): StepCluster {
  const ids = Array.from({ length: options.nodes ?? 3 }, (_, i) => `n${i + 1}` as NodeId);
  const document = foundDocument({
    clusterId: 'test',
    partitions: 8,
    replicas: options.replicas ?? 3,
    nodes: ids.map((id) => ({ id, busAddress: '', httpAddress: '', weight: 1, zone: '' })),
  });
  const ring = createRing(document);
  const disks = new Map(ids.map((id) => [id, emptyDisk(id, !options.incomplete?.includes(id))]));
  const nodes = new Map<NodeId, SteppingNode>();
  const pending: Pending[] = [];
  const facts: Fact[] = [];
  const replies = new Map<Ticket, ReplyOutcome[]>();
  let now = { monotonicMs: 1000, wallMs: 1_700_000_000_000 };
  let lastTicket = 0;

  const disk = (id: NodeId): Disk => disks.get(id)!;

  function start(id: NodeId): void {
    const { actor, counter, incarnation, complete } = disk(id);
    const limits = { ...NODE_LIMITS, ...options.limits };
    const rest = { document, versionSecret: SECRET, digests: DIGESTS, requestTimeoutMs: TIMEOUT_MS, limits };
    nodes.set(id, createNode({ self: id, actor, counter, incarnation, complete, ...rest }));
  }

  function step(id: NodeId, event: NodeEvent): readonly Effect[] {
    const effects = nodes.get(id)!.step(event, now);
    for (const effect of effects) perform(id, effect);
    return effects;
  }

  function perform(node: NodeId, effect: Effect): void {
    options.onEffect?.(node, effect);
    switch (effect.type) {
      case 'send': {
        const { to, message, remainingMs } = effect;
        pending.push({ kind: 'message', from: node, to, message, remainingMs });
        return;
      }
      case 'load':
        pending.push({ kind: 'load', node, effect });
        return;
      case 'store':
        pending.push({ kind: 'store', node, effect });
        return;
      case 'observe':
        facts.push(effect.fact);
        return;
      case 'reply':
        replies.get(effect.ticket)!.push(effect.reply);
    }
  }

  function take(item: Pending): void {
    const index = pending.indexOf(item);
    if (index >= 0) pending.splice(index, 1);
  }

  function run(item: Pending): void {
    take(item);
    switch (item.kind) {
      case 'message': {
        const { from, to, message, remainingMs } = item;
        step(to, { type: 'message', from, message, remainingMs });
        return;
      }
      case 'load': {
        const { key, purpose } = item.effect;
        step(item.node, { type: 'loaded', purpose, result: load(disk(item.node), key) });
        return;
      }
      case 'store': {
        const { key, store } = item.effect;
        commit(disk(item.node), item.effect);
        step(item.node, { type: 'stored', key, store });
      }
    }
  }

  function ticket(id: NodeId, event: (ticket: Ticket) => NodeEvent): Ticket {
    const number = ++lastTicket;
    replies.set(number, []);
    step(id, event(number));
    return number;
  }

  for (const id of ids) start(id);
  return {
    ids,
    pending,
    facts,
    node: (id) => nodes.get(id)!,
    disk,
    primaries: (key) => ring.replicaSet(ring.partitionOf(positionOf(DIGESTS.md5(key)))).primaries,
    put: (id, request) => ticket(id, (n) => ({ type: 'put', ticket: n, request: { ...PUT, ...request } })),
    get: (id, request) =>
      ticket(id, (n) => ({ type: 'get', ticket: n, request: { quorum: 'sloppy', ...request } })),
    probe: (id, node, timeoutMs) => ticket(id, (n) => ({ type: 'probe', ticket: n, node, timeoutMs })),
    replies: (number) => replies.get(number)!,
    step,
    run,
    runAll(matches = () => true) {
      for (let item = pending.find(matches); item; item = pending.find(matches)) run(item);
    },
    drop(matches) {
      const dropped = pending.filter(matches);
      dropped.forEach(take);
      return dropped;
    },
    failStore(item) {
      take(item);
      step(item.node, { type: 'storeFailed', key: item.effect.key, store: item.effect.store });
    },
    bounce(item) {
      take(item);
      step(item.from, { type: 'unroutable', to: item.to, message: item.message });
    },
    advance(ms) {
      now = { monotonicMs: now.monotonicMs + ms, wallMs: now.wallMs + ms };
      for (const id of ids) step(id, { type: 'tick' });
    },
    restart(id) {
      for (const item of pending.filter((other) => other.kind !== 'message' && other.node === id)) take(item);
      disk(id).incarnation++;
      start(id);
    },
    totalSizes: () => ids.map((id) => nodes.get(id)!.sizes()).reduce(addSizes),
  };
}

export const NO_SIZES: NodeSizes = { liveRequests: 0, liveBytes: 0, settling: 0, cells: 0 };

const PUT = {
  value: bytes('value'),
  fromVersion: '',
  quorum: 'sloppy',
  onConflict: 'refuse',
} as const satisfies Partial<PutRequest>;

function emptyDisk(id: NodeId, complete: boolean): Disk {
  const actor = `actor-${id}` as Actor;
  return { actor, records: new Map(), faults: new Map(), complete, counter: 0, incarnation: 1 };
}

function load(disk: Disk, key: Key): ReadResult {
  const record = disk.records.get(key);
  return disk.faults.get(key) ?? (record ? { status: 'found', record } : { status: 'missing' });
}

function commit(disk: Disk, { key, record, counter }: PendingStore['effect']): void {
  disk.records.set(key, record);
  disk.counter = Math.max(disk.counter, counter);
}

function addSizes(a: NodeSizes, b: NodeSizes): NodeSizes {
  return {
    liveRequests: a.liveRequests + b.liveRequests,
    liveBytes: a.liveBytes + b.liveBytes,
    settling: a.settling + b.settling,
    cells: a.cells + b.cells,
  };
}
