import { nodeDigests } from '../../../services/node/adapters/system.js';
import { createNode } from '../../../services/node/core/node.js';
import { NODE_LIMITS, type NodeLimits } from '../../../services/node/core/nodeOptions.js';
import {
  type Effect,
  type Fact,
  type NodeEvent,
  type NodeSizes,
  type ReplyOutcome,
  type ScanId,
  type ScanPage,
  type SteppingNode,
  type Ticket,
  TICK_MS,
} from '../../../services/node/core/protocol/events.js';
import type { GetRequest, Message, PutRequest } from '../../../services/node/core/protocol/messages.js';
import { foundDocument } from '../../../services/node/core/ring/document.js';
import { positionOf } from '../../../services/node/core/ring/position.js';
import { createRing, type ReplicaSet } from '../../../services/node/core/ring/replicaSets.js';
import type { Actor, ClusterNode, Key, NodeId, Partition } from '../../../services/node/core/types.js';
import {
  commit,
  copyDisk,
  type Disk,
  type DiskEffect,
  emptyDisk,
  isOfDisk,
  loadFrom,
  pagesFrom,
} from './stepDisk.js';
import { clusterNode } from './clusterNode.js';

/**
 * Real nodes, driven by hand and in one thread: messages, loads and changes of the disk wait in one list until the test
 * has them carried out, dropped, repeated or failed. Time stands still until the test advances it. Probes of liveness
 * are carried out at once, so that nodes are vouched for and alive unless the test says otherwise.
 */
export interface StepCluster {
  readonly ids: readonly NodeId[];
  /** What waits to be carried out, oldest first. */
  readonly pending: Pending[];
  readonly facts: Fact[];
  /** What is sent to or from these is lost. */
  readonly silent: Set<NodeId>;
  /** What is sent to these comes back as unroutable; their time stands still. */
  readonly absent: Set<NodeId>;
  node(id: NodeId): SteppingNode;
  disk(id: NodeId): Disk;
  /** The nodes that hold the key, in their order. */
  primaries(key: Key): readonly NodeId[];
  /** The nodes that stand in for them, in their order. */
  fallbacks(key: Key): readonly NodeId[];
  put(id: NodeId, request: Partial<PutRequest> & { readonly key: Key }): Ticket;
  get(id: NodeId, request: Partial<GetRequest> & { readonly key: Key }): Ticket;
  probe(id: NodeId, target: NodeId, timeoutMs: number): Ticket;
  where(id: NodeId, key: Key): Ticket;
  hurry(id: NodeId, partition?: number): Ticket;
  remove(id: NodeId, target: NodeId): Ticket;
  /** All replies to a ticket, so that a second one is seen. */
  replies(ticket: Ticket): readonly ReplyOutcome[];
  step(id: NodeId, event: NodeEvent): readonly Effect[];
  /** Carries out one thing that waits. */
  run(item: Pending): void;
  /** Carries out what waits and matches, and what comes of it, until nothing matches. */
  runAll(matches?: (item: Pending) => boolean): void;
  /** Takes what matches off the list, as if it were lost; returns it. */
  drop(matches: (item: Pending) => boolean): readonly Pending[];
  /** A change that the disk refuses. */
  failStore(item: PendingStore | PendingChange): void;
  /** A message that cannot be routed. */
  bounce(item: PendingMessage): void;
  /** Lets time pass in one leap, in which no process ran, then has every node judge its deadlines. */
  advance(ms: number): void;
  /** Lets time pass tick by tick, and carries out what waits after each. */
  elapse(ms: number): void;
  /** A crash and a start: what was not stored is gone, and what was on its way to the node still arrives. */
  restart(id: NodeId): void;
  /** A copy of what a node has on its disk. */
  backUp(id: NodeId): Disk;
  /** A crash, and a start on what was copied before. */
  putBack(id: NodeId, copy: Disk): void;
  /** A crash, and a start on an empty disk that takes itself for complete. */
  wipe(id: NodeId): void;
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

/** Any other change of the disk. */
export interface PendingChange {
  readonly kind: 'change';
  readonly node: NodeId;
  readonly effect: Exclude<DiskEffect, { type: 'store' }>;
}

/** The next page of a scan. */
export interface PendingScan {
  readonly kind: 'scan';
  readonly node: NodeId;
  readonly scan: ScanId;
}

export type Pending = PendingMessage | PendingLoad | PendingStore | PendingChange | PendingScan;

export interface StepClusterOptions {
  readonly nodes?: number;
  readonly replicas?: number;
  readonly limits?: Partial<NodeLimits>;
  readonly incomplete?: readonly string[];
  /** `byHand`: probes of liveness wait like any message, and there are none before the first tick. */
  readonly probes?: 'atOnce' | 'byHand';
  /** Absent: nodes do not compare what they hold. */
  readonly antiEntropyMs?: number;
  readonly tombstoneGraceMs?: number;
  readonly scrubMs?: number;
  /** False: nobody can change the document. */
  readonly votes?: boolean;
  /** Sees every effect before it is carried out. */
  readonly onEffect?: (node: NodeId, effect: Effect) => void;
}

export const TIMEOUT_MS = 3000;
export const NODE_TIMEOUT_MS = 2000;
/** Silence after which a node is suspect, and some. */
export const SUSPECT_AFTER_MS = NODE_TIMEOUT_MS / 4 + 2 * TICK_MS;

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

export const isChange =
  (type?: PendingChange['effect']['type'], node?: NodeId) =>
  (item: Pending): item is PendingChange =>
    item.kind === 'change' &&
    (type === undefined || item.effect.type === type) &&
    (node === undefined || item.node === node);

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

/** Changes that the node is told the end of. */
const AWAITED = new Set<Effect['type']>(['drop', 'keepHint', 'keepVote', 'keepDocument', 'keepCluster']);

/** Without these the document stays as it is: nodes that are not complete stay so. */
const VOTES = new Set<Message['type']>(['prepare', 'accept']);

function listedNode(id: NodeId, { actor, vote }: Disk, { incomplete }: StepClusterOptions): ClusterNode {
  const state = incomplete?.includes(id) === true ? 'rebuilding' : 'complete';
  return clusterNode(id, { actor, voter: vote.voter, state });
}

export function createStepCluster(options: StepClusterOptions = {}): StepCluster {
  const ids = Array.from({ length: options.nodes ?? 3 }, (_, i) => `n${i + 1}` as NodeId);
  const disks = new Map(ids.map((id) => [id, emptyDisk(`actor-${id}`)]));
  const document = foundDocument({
    clusterId: 'test',
    partitions: 8,
    replicas: options.replicas ?? 3,
    nodes: ids.map((id) => listedNode(id, disks.get(id)!, options)),
  });
  const ring = createRing(document);
  for (const made of disks.values()) made.cluster = { document, versionKey: SECRET };
  const nodes = new Map<NodeId, SteppingNode>();
  const pending: Pending[] = [];
  const probes: PendingMessage[] = [];
  const begun: { readonly node: NodeId; readonly scan: ScanId }[] = [];
  const scans = new Map<string, ScanPage[]>();
  const facts: Fact[] = [];
  const replies = new Map<Ticket, ReplyOutcome[]>();
  const [silent, absent] = [new Set<NodeId>(), new Set<NodeId>()];
  const lives = new Map<NodeId, number>();
  let now = { monotonicMs: 1000, wallMs: 1_700_000_000_000 };
  let lastTicket = 0;

  const disk = (id: NodeId): Disk => disks.get(id)!;
  const replicaSet = (key: Key): ReplicaSet =>
    ring.replicaSet(ring.partitionOf(positionOf(DIGESTS.md5(key))));

  /** Opening the directory is a batch of its own, under a number of a life that was never used before. */
  function start(id: NodeId): void {
    const life = (lives.get(id) ?? 0) + 1;
    lives.set(id, life);
    const opened = disk(id);
    opened.incarnation = Math.max(opened.incarnation + 1, life);
    opened.sequence++;
    const { actor, counter, incarnation, sequence, hints, heights, cluster, vote } = opened;
    const identity = { actor, counter, incarnation, sequence, heights, hints: [...hints.values()] };
    const spareActor = `spare-${id}-${incarnation}` as Actor;
    const times = { requestTimeoutMs: TIMEOUT_MS, nodeTimeoutMs: NODE_TIMEOUT_MS };
    const limits = { ...NODE_LIMITS, ...options.limits };
    const repair = {
      antiEntropyMs: options.antiEntropyMs ?? 1e9,
      tombstoneGraceMs: options.tombstoneGraceMs ?? 1e9,
      scrubMs: options.scrubMs ?? 1e9,
    };
    const founding = { expects: 0, partitions: 8, replicas: 3, clusterId: 'other', versionKey: SECRET };
    const place = { busAddress: '', httpAddress: '', weight: 1, zone: '' };
    const rest = { ...repair, ...place, founding, vote, jitter: 0.5, digests: DIGESTS, limits };
    const known = cluster && { cluster };
    nodes.set(
      id,
      createNode({ register: 'ballots', self: id, ...identity, ...known, spareActor, ...times, ...rest }),
    );
  }

  function tick(id: NodeId): void {
    if (!absent.has(id)) step(id, { type: 'tick', sequence: disk(id).sequence });
  }

  function step(id: NodeId, event: NodeEvent): readonly Effect[] {
    const effects = nodes.get(id)!.step(event, now);
    for (const effect of effects) perform(id, effect);
    for (let opened = begun.shift(); opened; opened = begun.shift()) {
      step(opened.node, { type: 'scanBegun', scan: opened.scan });
    }
    for (let probe = probes.shift(); probe; probe = probes.shift()) deliver(probe);
    return effects;
  }

  function perform(node: NodeId, effect: Effect): void {
    options.onEffect?.(node, effect);
    if (effect.type === 'send') send(node, effect);
    else if (effect.type === 'load') pending.push({ kind: 'load', node, effect });
    else if (effect.type === 'observe') facts.push(effect.fact);
    else if (effect.type === 'reply') replies.get(effect.ticket)!.push(effect.reply);
    else if (effect.type === 'scan') openScan(node, effect);
    else if (effect.type === 'scanNext') pending.push({ kind: 'scan', node, scan: effect.scan });
    else if (effect.type === 'scanEnd') scans.delete(`${node} ${effect.scan}`);
    else if (isOfDisk(effect)) change(node, effect);
  }

  function openScan(node: NodeId, { scan, range }: Extract<Effect, { type: 'scan' }>): void {
    scans.set(
      `${node} ${scan}`,
      pagesFrom(disk(node), (key) => DIGESTS.md5(key), range),
    );
    begun.push({ node, scan });
  }

  function send(from: NodeId, { to, message, remainingMs }: Extract<Effect, { type: 'send' }>): void {
    const isQuiet = options.antiEntropyMs === undefined;
    if ((isQuiet || options.votes === false) && VOTES.has(message.type)) return;
    if (isQuiet && message.type === 'compare') return;
    const isProbe = (message.type === 'ping' || message.type === 'pong') && message.request === 0;
    const list = isProbe && options.probes !== 'byHand' ? probes : pending;
    list.push({ kind: 'message', from, to, message, remainingMs });
  }

  /** Changes of one disk take effect in their order; those that nobody waits for do so at once where they can. */
  function change(node: NodeId, effect: DiskEffect): void {
    const isAwaited = AWAITED.has(effect.type);
    const isBehind = pending.some((item) => isStore(node)(item) || isChange(undefined, node)(item));
    if (effect.type === 'store') pending.push({ kind: 'store', node, effect });
    else if (effect.type === 'keepHeights' || !(isAwaited || isBehind)) commit(disk(node), effect);
    else pending.push({ kind: 'change', node, effect });
  }

  function take(item: Pending): void {
    const index = pending.indexOf(item);
    if (index >= 0) pending.splice(index, 1);
  }

  function deliver(item: PendingMessage): void {
    const { from, to, message, remainingMs } = item;
    if (silent.has(to) || silent.has(from)) return;
    if (absent.has(to)) step(from, { type: 'unroutable', to, message });
    else step(to, { type: 'message', from, message, remainingMs });
  }

  function run(item: Pending): void {
    take(item);
    switch (item.kind) {
      case 'message':
        deliver(item);
        return;
      case 'load': {
        const { key, purpose } = item.effect;
        step(item.node, { type: 'loaded', key, purpose, result: loadFrom(disk(item.node), key) });
        return;
      }
      case 'scan': {
        const page = scans.get(`${item.node} ${item.scan}`)?.shift();
        if (page) step(item.node, { type: 'scanned', scan: item.scan, page });
        return;
      }
      case 'store':
      case 'change':
        commit(disk(item.node), item.effect);
        answer(item, true);
    }
  }

  function answer({ node, effect }: PendingStore | PendingChange, durable: boolean): void {
    if (effect.type === 'store' || effect.type === 'drop') {
      step(node, { type: durable ? 'stored' : 'storeFailed', key: effect.key, store: effect.store });
    } else if (effect.type === 'keepHint') {
      const { target, key } = effect.hint;
      step(node, { type: 'hintStored', target, key, durable });
    } else if (effect.type === 'renounce') {
      step(node, { type: 'renounceStored', durable });
    } else if (effect.type === 'keepVote') {
      step(node, { type: 'voteKept', durable });
    } else if (effect.type === 'keepDocument') {
      step(node, { type: 'documentKept', durable });
    } else if (effect.type === 'keepCluster') {
      step(node, { type: 'clusterKept', durable });
    }
  }

  function ticket(id: NodeId, event: (ticket: Ticket) => NodeEvent): Ticket {
    const number = ++lastTicket;
    replies.set(number, []);
    step(id, event(number));
    return number;
  }

  function advance(ms: number): void {
    now = { monotonicMs: now.monotonicMs + ms, wallMs: now.wallMs + ms };
    ids.forEach(tick);
  }

  function runAll(matches: (item: Pending) => boolean = () => true): void {
    for (let item = pending.find(matches); item; item = pending.find(matches)) run(item);
  }

  function restart(id: NodeId): void {
    for (const item of pending.filter((other) => other.kind !== 'message' && other.node === id)) take(item);
    absent.delete(id);
    start(id);
    if (options.probes !== 'byHand') tick(id);
  }

  ids.forEach(start);
  if (options.probes !== 'byHand') ids.forEach(tick);
  return {
    ...{ ids, pending, facts, silent, absent, disk, step, run, runAll, advance, restart },
    node: (id) => nodes.get(id)!,
    primaries: (key) => replicaSet(key).primaries,
    fallbacks: (key) => replicaSet(key).fallbacks,
    put: (id, request) => ticket(id, (n) => ({ type: 'put', ticket: n, request: { ...PUT, ...request } })),
    get: (id, request) =>
      ticket(id, (n) => ({ type: 'get', ticket: n, request: { quorum: 'sloppy', ...request } })),
    probe: (id, node, timeoutMs) => ticket(id, (n) => ({ type: 'probe', ticket: n, node, timeoutMs })),
    where: (id, key) => ticket(id, (n) => ({ type: 'where', ticket: n, key })),
    hurry: (id, partition) =>
      ticket(id, (n) => ({
        ...{ type: 'hurry', ticket: n },
        ...(partition !== undefined && { partition: partition as Partition }),
      })),
    remove: (id, node) => ticket(id, (n) => ({ type: 'remove', ticket: n, node })),
    replies: (number) => replies.get(number)!,
    drop(matches) {
      const dropped = pending.filter(matches);
      dropped.forEach(take);
      return dropped;
    },
    failStore(item) {
      take(item);
      answer(item, false);
    },
    bounce(item) {
      take(item);
      step(item.from, { type: 'unroutable', to: item.to, message: item.message });
    },
    elapse(ms) {
      for (let passed = 0; passed < ms; passed += TICK_MS) {
        advance(TICK_MS);
        runAll();
      }
    },
    backUp: (id) => copyDisk(disk(id)),
    putBack(id, copy) {
      disks.set(id, copyDisk(copy));
      restart(id);
    },
    wipe(id) {
      const { cluster, vote } = disk(id);
      disks.set(id, { ...emptyDisk(`actor-${id}-${lives.get(id)!}`), cluster, vote });
      restart(id);
    },
    totalSizes: () => ids.map((id) => nodes.get(id)!.sizes()).reduce(addSizes),
  };
}

export const NO_SIZES: NodeSizes = {
  ...{ liveRequests: 0, liveBytes: 0, settling: 0, cells: 0 },
  ...{ hints: 0, repairs: 0, damagedKeys: 0 },
};

const PUT = {
  value: bytes('value'),
  fromVersion: '',
  quorum: 'sloppy',
  onConflict: 'refuse',
} as const satisfies Partial<PutRequest>;

function addSizes(a: NodeSizes, b: NodeSizes): NodeSizes {
  const sums = (Object.keys(a) as (keyof NodeSizes)[]).map((name) => [name, a[name] + b[name]] as const);
  return Object.fromEntries(sums) as unknown as NodeSizes;
}
