import { requestError } from '../errors.js';
import type { NodeLimits } from '../nodeOptions.js';
import type { AntiEntropyView } from '../protocol/convergence.js';
import type { LoadPurpose, ReadResult, ScanId, ScanPage, Ticket } from '../protocol/events.js';
import type { Message, PullAnswer, ReapItem, RequestNumber } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import { meetingEveryMajority } from '../ring/majority.js';
import type { ReplicaSet, Ring } from '../ring/replicaSets.js';
import type { Digests, Key, NodeId, Partition, VersionedRecord } from '../types.js';
import { AntiEntropy } from './antiEntropy.js';
import { Asks } from './asks.js';
import { Comparisons } from './comparisons.js';
import { HashTrees } from './hashTrees.js';
import { Mending } from './mending.js';
import { ReapChecks } from './reapChecks.js';
import { mayBeReaped } from './reapable.js';
import { messageMsMax, Reaping } from './reaping.js';
import { Scans } from './scans.js';
import { Scrub } from './scrub.js';
import { sharedPartitions } from './sharedPartitions.js';
import { Strays } from './strays.js';
import { isExpired } from './tombstones.js';
import { Whereabouts } from './whereabouts.js';

/** How repair reaches the rest of its node; they meet in node.ts. */
export interface RepairPort {
  ring(): Ring;
  /** Of the document. */
  epoch(): number;
  /** Whether the document says that the node holds everything. */
  isListedComplete(node: NodeId): boolean;
  /** Everything of the node's that was missing here has been pulled. */
  exchanged(peer: NodeId): void;
  replicaSet(key: Key): ReplicaSet;
  /** Whether the document lists this node. */
  isMember(): boolean;
  /** Nobody can lose the document any more. */
  isSettled(): boolean;
  isComplete(): boolean;
  isAlive(node: NodeId): boolean;
  /** Merges a record here; `done` is told when it is durable, or that it could not be made so. */
  merge(key: Key, record: VersionedRecord, done: (kept: boolean) => void): void;
  mend(key: Key): void;
  /** Forgets it, if it still is what was agreed to. */
  reap(item: ReapItem): void;
  isWriting(key: Key): boolean;
  hasHint(key: Key): boolean;
  keepHint(target: NodeId, key: Key): void;
  hintsAreFull(): boolean;
}

export interface RepairOptions {
  readonly self: NodeId;
  readonly partitions: number;
  readonly digests: Digests;
  readonly requestTimeoutMs: number;
  /** From one comparison with a node to the next. */
  readonly antiEntropyMs: number;
  readonly tombstoneGraceMs: number;
  /** In which every record is read again. */
  readonly scrubMs: number;
  readonly limits: Pick<NodeLimits, 'clockEntriesMax'>;
  /** Every other node of the cluster. */
  readonly others: () => readonly NodeId[];
  readonly outbox: Outbox;
  readonly nextNumber: () => RequestNumber;
  readonly port: RepairPort;
}

type RepairQuestion = Extract<Message, { type: 'compare' | 'leaves' | 'list' | 'reap' }>;

/** In a turn of comparisons, so many partitions that are not held are looked through for strays. */
const STRAY_SCANS_A_TURN = 16;
const STRAY_SCAN_MS_MAX = 250;

/** Everything that makes replicas the same again when nobody asks: hash trees, anti-entropy, mending, strays (I12). */
export class Repair {
  readonly #options: RepairOptions;
  readonly #scans: Scans;
  readonly #asks: Asks;
  readonly #trees: HashTrees;
  readonly #comparisons: Comparisons;
  readonly #antiEntropy: AntiEntropy;
  readonly #mending: Mending;
  readonly #strays: Strays;
  readonly #scrub: Scrub;
  readonly #reapChecks: ReapChecks;
  readonly #reaping: Reaping;
  readonly #whereabouts: Whereabouts;
  #shared: { readonly ring: Ring; readonly byPeer: ReadonlyMap<NodeId, readonly Partition[]> } | undefined;

  constructor(options: RepairOptions) {
    const { outbox, port, partitions, antiEntropyMs, tombstoneGraceMs: graceMs } = options;
    const timeoutMs = options.requestTimeoutMs;
    this.#options = options;
    this.#scans = new Scans(outbox);
    this.#asks = new Asks(outbox, options.nextNumber);
    const onDamaged = (key: Key): void => {
      this.damaged(key);
    };
    const rules = { graceMs, clockEntriesMax: options.limits.clockEntriesMax };
    this.#trees = new HashTrees({
      ...options,
      scans: this.#scans,
      mayBeReaped: (record) => mayBeReaped(record, rules),
      onDamaged,
    });
    const epoch = (): number => port.epoch();
    const holds = (partition: Partition): boolean => this.#holds(partition);
    const isBusy = (key: Key): boolean => port.isWriting(key) || port.hasHint(key);
    const parts = { scans: this.#scans, trees: this.#trees, asks: this.#asks, outbox, timeoutMs, epoch };
    this.#comparisons = new Comparisons({
      ...parts,
      partitions,
      answersFor: (partition) => port.isComplete() && this.#holds(partition),
      isExpired: (record) => isExpired(record, outbox.now.wallMs, graceMs),
    });
    this.#antiEntropy = new AntiEntropy({
      ...parts,
      ...port,
      partitionCount: partitions,
      everyMs: antiEntropyMs,
      messageMsMax: messageMsMax(graceMs),
      shared: () => this.#sharedByPeer(),
    });
    this.#mending = new Mending({ ...parts, ...port, sources: (key) => this.#sources(key) });
    this.#strays = new Strays({
      ...parts,
      ...port,
      partitions,
      everyMs: Math.min(STRAY_SCAN_MS_MAX, antiEntropyMs / STRAY_SCANS_A_TURN),
      afterMs: antiEntropyMs,
      ...{ holds, onDamaged, isCaredFor: isBusy },
    });
    this.#scrub = new Scrub({ ...options, trees: this.#trees, holds });
    this.#reapChecks = new ReapChecks({
      ...port,
      ...{ graceMs, outbox, isBusy },
      holds: (key) => port.replicaSet(key).primaries.includes(options.self),
    });
    this.#reaping = new Reaping({
      ...options,
      ...parts,
      ...port,
      ...rules,
      checks: this.#reapChecks,
      placeAmong: (partition) => port.ring().replicaSet(partition).primaries.indexOf(options.self),
    });
    this.#whereabouts = new Whereabouts({ ...options, ...parts, ...port });
  }

  /** Damaged keys that are not mended yet. */
  get damagedKeys(): number {
    return this.#mending.size;
  }

  /** Keys that are being looked for at all nodes. */
  get searches(): number {
    return this.#whereabouts.size;
  }

  view(): AntiEntropyView {
    return {
      ...this.#antiEntropy.view(),
      treesReady: this.#trees.ready,
      damagedKeys: this.damagedKeys,
    };
  }

  /** What is under way was begun under another document. */
  adopt(): void {
    this.#antiEntropy.abandon();
  }

  /** Every node is compared with as soon as its turn comes. */
  hurry(): void {
    this.#antiEntropy.hurry();
  }

  /** The same because a person asks for it, perhaps of one partition only. */
  hurryFor(ticket: Ticket, partition?: Partition): void {
    const { outbox } = this.#options;
    const after =
      partition === undefined ? this.#antiEntropy.hurry() : this.#antiEntropy.hurryPartition(partition);
    const outcome = after === undefined ? requestError('overloaded') : { ok: true as const, after };
    outbox.reply(ticket, { to: 'hurry', outcome });
  }

  /** What does each node hold of the key? */
  where(ticket: Ticket, key: Key): void {
    this.#whereabouts.open(ticket, key);
  }

  onWhereLoaded(search: number, answer: PullAnswer): void {
    this.#whereabouts.onLoaded(search, answer);
  }

  stop(): void {
    this.#whereabouts.stop();
  }

  /** What is durable of a sound key has changed. */
  changed(key: Key, before: VersionedRecord | undefined, after: VersionedRecord | undefined): void {
    this.#trees.changed(key, before, after);
  }

  doubted(key: Key): void {
    this.#trees.doubt(key);
  }

  /** The hash of what it was is in the tree, and lost. */
  damaged(key: Key): void {
    if (this.#mending.found(key)) this.#trees.doubt(key);
  }

  mended(key: Key): void {
    this.#mending.over(key);
    this.#options.outbox.observe('keyMended');
  }

  onScanBegun(scan: ScanId): void {
    this.#scans.onBegun(scan);
  }

  onScanned(scan: ScanId, page: ScanPage): void {
    this.#scans.onPage(scan, page);
  }

  onScanFailed(scan: ScanId): void {
    this.#scans.onFailed(scan);
  }

  onQuestion(from: NodeId, message: RepairQuestion, deadlineMs: number): void {
    switch (message.type) {
      case 'compare':
        this.#comparisons.onCompare(from, message, deadlineMs);
        return;
      case 'leaves':
        this.#comparisons.onLeaves(from, message, deadlineMs);
        return;
      case 'list':
        this.#comparisons.onList(from, message, deadlineMs);
        return;
      case 'reap':
        this.#reapChecks.onReap(from, message, deadlineMs);
    }
  }

  onReapLoaded({ check, index }: Extract<LoadPurpose, { for: 'reap' }>, result: ReadResult): void {
    this.#reapChecks.onLoaded(check, index, result);
  }

  onReply(reply: Message): void {
    this.#asks.onReply(reply);
  }

  onUnroutable(request: RequestNumber): void {
    this.#asks.onUnroutable(request);
  }

  tick(nowMs: number): void {
    this.#asks.expire(nowMs);
    this.#whereabouts.tick(nowMs);
    if (!this.#options.port.isMember()) return;
    this.#trees.tick(nowMs);
    this.#mending.tick(nowMs);
    this.#strays.tick(nowMs);
    this.#scrub.tick(nowMs);
    this.#antiEntropy.tick(nowMs);
    this.#reaping.tick(nowMs);
  }

  #holds(partition: Partition): boolean {
    if (partition >= this.#options.partitions) return false;
    return this.#options.port.ring().replicaSet(partition).primaries.includes(this.#options.self);
  }

  /** N − majority + 1 are the least that have every write between them that a majority has acknowledged (R10). */
  #sources(key: Key): { readonly nodes: readonly NodeId[]; readonly least: number } {
    const { port } = this.#options;
    const { primaries } = port.replicaSet(key);
    const nodes = primaries.filter((node) => node !== this.#options.self && port.isListedComplete(node));
    return { nodes, least: meetingEveryMajority(primaries.length) };
  }

  #sharedByPeer(): ReadonlyMap<NodeId, readonly Partition[]> {
    const ring = this.#options.port.ring();
    if (this.#shared?.ring !== ring)
      this.#shared = { ring, byPeer: sharedPartitions(ring, this.#options.self) };
    return this.#shared.byPeer;
  }
}
