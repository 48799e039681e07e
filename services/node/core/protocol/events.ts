import type {
  Actor,
  Cluster,
  ClusterDocument,
  Height,
  Hint,
  Instant,
  Key,
  NodeId,
  Partition,
  PositionRange,
  VersionedRecord,
} from '../types.js';
import type { AntiEntropyView, HurryOutcome, RemovalOutcome, WhereOutcome } from './convergence.js';
import type { FoundingView } from './foundingView.js';
import type { RegisteredNode, RegistryView, StoreReading, SwapResult } from './store.js';
import type { Vote } from './vote.js';
import type { GetOutcome, GetRequest, Message, PutOutcome, PutRequest, RequestNumber } from './messages.js';

/** The runtime's name for a caller that waits; echoed in the `reply` effect. */
export type Ticket = number;

/** What the disk says of a key; `damaged`: the record failed its checksum and is not served. */
export type ReadResult =
  | { readonly status: 'found'; readonly record: VersionedRecord }
  | { readonly status: 'missing' }
  | { readonly status: 'damaged'; readonly record?: VersionedRecord }
  | { readonly status: 'failed' };

/** Why a record is loaded; comes back with it, so that the core keeps no table of loads. */
export type LoadPurpose =
  | { readonly for: 'cell' }
  | { readonly for: 'reap'; readonly check: number; readonly index: number }
  | { readonly for: 'localRead'; readonly request: RequestNumber; readonly strict: boolean }
  | { readonly for: 'hint'; readonly target: NodeId }
  /** `strict`: as a primary of the key. */
  | { readonly for: 'where'; readonly search: number; readonly strict: boolean }
  | {
      readonly for: 'pull';
      readonly from: NodeId;
      readonly request: RequestNumber;
      readonly deadlineMs: number;
    }
  | {
      readonly for: 'replicaRead';
      readonly from: NodeId;
      readonly request: RequestNumber;
      readonly strict: boolean;
      readonly deadlineMs: number;
    };

/** Names one store effect; grows by one for each. */
export type StoreId = number;

/** Names one scan of this life of the node. */
export type ScanId = number;

/** Records whose keys have these positions, in order of (position, key). */
export interface ScanRange extends PositionRange {
  /** Only what comes behind this key. */
  readonly after?: Key;
}

/** Some of the records of a scan, in order. */
export interface ScanPage {
  readonly entries: readonly { readonly key: Key; readonly record: VersionedRecord }[];
  /** Keys that have a place in this page, and whose records are damaged. */
  readonly damaged: readonly Key[];
  readonly isLast: boolean;
}

/** Everything that can happen to a node. */
export type NodeEvent =
  | { readonly type: 'get'; readonly ticket: Ticket; readonly request: GetRequest }
  | { readonly type: 'put'; readonly ticket: Ticket; readonly request: PutRequest }
  | { readonly type: 'probe'; readonly ticket: Ticket; readonly node: NodeId; readonly timeoutMs: number }
  /** What does each node hold of the key? */
  | { readonly type: 'where'; readonly ticket: Ticket; readonly key: Key }
  /** Compare with every other node as soon as possible: everything, or this partition. */
  | { readonly type: 'hurry'; readonly ticket: Ticket; readonly partition?: Partition }
  /** A person gives up a lost node, and what only it had. */
  | { readonly type: 'remove'; readonly ticket: Ticket; readonly node: NodeId }
  | {
      readonly type: 'message';
      readonly from: NodeId;
      readonly message: Message;
      /** What is left of the sender's deadline. */
      readonly remainingMs: number;
    }
  | { readonly type: 'unroutable'; readonly to: NodeId; readonly message: Message }
  | { readonly type: 'loaded'; readonly key: Key; readonly purpose: LoadPurpose; readonly result: ReadResult }
  | { readonly type: 'stored'; readonly key: Key; readonly store: StoreId }
  | { readonly type: 'storeFailed'; readonly key: Key; readonly store: StoreId }
  | { readonly type: 'hintStored'; readonly target: NodeId; readonly key: Key; readonly durable: boolean }
  | { readonly type: 'renounceStored'; readonly durable: boolean }
  | { readonly type: 'voteKept'; readonly durable: boolean }
  | { readonly type: 'documentKept'; readonly durable: boolean }
  | { readonly type: 'clusterKept'; readonly durable: boolean }
  /** Another node is to be found there; what is left out of a later view is not gone (I13). */
  | { readonly type: 'seen'; readonly node: NodeId; readonly busAddress: string }
  /** The registry's view of all nodes; what is left out of it is not gone (I13). */
  | { readonly type: 'registered'; readonly nodes: readonly RegisteredNode[] }
  /** The store may hold another document than before. */
  | { readonly type: 'storeChanged' }
  | { readonly type: 'storeRead'; readonly reading: StoreReading }
  | { readonly type: 'storeSwapped'; readonly result: SwapResult }
  /** The view of a scan is fixed, between two batches: what was stored before is in it, and nothing that comes later. */
  | { readonly type: 'scanBegun'; readonly scan: ScanId }
  | { readonly type: 'scanned'; readonly scan: ScanId; readonly page: ScanPage }
  | { readonly type: 'scanFailed'; readonly scan: ScanId }
  /** Due at least every {@link TICK_MS}: deadlines are judged at ticks. `sequence`: of the last synced batch here. */
  | { readonly type: 'tick'; readonly sequence: number }
  /** No new requests from now on; what is live may finish. */
  | { readonly type: 'stop' };

export const TICK_MS = 20;

export type ReplyOutcome =
  | { readonly to: 'get'; readonly outcome: GetOutcome }
  | { readonly to: 'put'; readonly outcome: PutOutcome }
  | { readonly to: 'probe'; readonly reachable: boolean }
  | { readonly to: 'where'; readonly outcome: WhereOutcome }
  | { readonly to: 'hurry'; readonly outcome: HurryOutcome }
  | { readonly to: 'remove'; readonly outcome: RemovalOutcome };

/** Things worth counting that only the core sees. */
export type Fact =
  | 'staleWriteRefused'
  | 'siblingsMany'
  | 'siblingsRefused'
  | 'repeatRecognised'
  | 'forwarded'
  | 'standInAsked'
  | 'hintKept'
  | 'hintDelivered'
  | 'hintRefused'
  | 'readHedged'
  | 'readRepaired'
  | 'readRepairSkipped'
  | 'damagedRead'
  | 'directoryRenounced'
  | 'treeBuilt'
  | 'treeGivenUp'
  | 'exchangeSame'
  | 'exchangeRepaired'
  | 'exchangeFailed'
  | 'keyPulled'
  | 'keyMended'
  | 'strayFound'
  | 'tombstoneReaped'
  | 'clockTrimmed'
  | 'documentAdopted'
  | 'storeRefilled'
  | 'rebuildBegun'
  | 'rebuildFinished';

/** Everything a node can want done, in the order given. `send` of a record never precedes its `stored` (R1). */
export type Effect =
  | {
      readonly type: 'send';
      readonly to: NodeId;
      readonly message: Message;
      readonly remainingMs: number;
      /** Must not stand in the way of requests. */
      readonly bulk: boolean;
    }
  | { readonly type: 'load'; readonly key: Key; readonly purpose: LoadPurpose }
  | {
      readonly type: 'store';
      readonly store: StoreId;
      readonly key: Key;
      readonly record: VersionedRecord;
      /** Highest counter that this node has minted; goes into the same synced batch (R2). */
      readonly counter: number;
      /** The key is damaged no more: all that was lost of it is in this record. */
      readonly mends?: true;
    }
  /** Forgets a record that was handed over; answered like a store. */
  | { readonly type: 'drop'; readonly store: StoreId; readonly key: Key }
  /** Answered by `hintStored`. */
  | { readonly type: 'keepHint'; readonly hint: Hint }
  | { readonly type: 'forgetHint'; readonly target: NodeId; readonly key: Key }
  /** This directory goes on under `actor`, whose counters up to `counter` are used, and is not complete (I4, R12); answered by `renounceStored`. */
  | { readonly type: 'renounce'; readonly actor: Actor; readonly counter: number }
  | { readonly type: 'keepHeights'; readonly heights: ReadonlyMap<NodeId, Height> }
  /** The bus can reach the node there from now on. */
  | { readonly type: 'connect'; readonly node: NodeId; readonly busAddress: string }
  /** Replaces the file of this node's vote (R7); answered by `voteKept`. */
  | { readonly type: 'keepVote'; readonly vote: Vote }
  /** Replaces the document beside the database; answered by `documentKept`. */
  | { readonly type: 'keepDocument'; readonly document: ClusterDocument }
  /** Keeps a first document, with the key of versions; answered by `clusterKept`. */
  | { readonly type: 'keepCluster'; readonly cluster: Cluster }
  /** Answered by `storeRead`, with what the store held at some later moment; one at a time. */
  | { readonly type: 'readStore' }
  /** Replaces what the store holds, if it is still of this index (R7); answered by `storeSwapped`; one at a time. */
  | { readonly type: 'swapStore'; readonly index: number; readonly text: string }
  /** Answered by `scanBegun`, or `scanFailed`; each `scanNext` by `scanned`, or `scanFailed`. */
  | { readonly type: 'scan'; readonly scan: ScanId; readonly range: ScanRange }
  | { readonly type: 'scanNext'; readonly scan: ScanId }
  /** Nothing more is wanted of it; also after its last page or failure. */
  | { readonly type: 'scanEnd'; readonly scan: ScanId }
  | { readonly type: 'reply'; readonly ticket: Ticket; readonly reply: ReplyOutcome }
  | { readonly type: 'observe'; readonly fact: Fact };

/** The node as the runtime and the simulator see it. */
export interface SteppingNode {
  /** Advances the node by one event. Throws only on a bug. */
  step(event: NodeEvent, now: Instant): readonly Effect[];
  /** Sizes for gauges and for the check that no state outlives its request (I11). */
  sizes(): NodeSizes;
  /** What it knows of itself and the others. */
  view(): NodeView;
}

export interface NodeView {
  /** The newest cluster document that is durable here; none before this node is in a cluster. */
  readonly document: ClusterDocument | undefined;
  /** Before it is. */
  readonly founding: FoundingView | undefined;
  /** Whether this node's copies and misses count (R3). */
  readonly complete: boolean;
  /** Whether every other node has seen this life of it, so that its own actor mints (R12). */
  readonly vouched: boolean;
  /** The identity that its directory goes on under. */
  readonly actor: Actor;
  readonly liveness: ReadonlyMap<NodeId, Liveness>;
  /** How many hints it keeps, by target; targets without any are left out. */
  readonly hints: ReadonlyMap<NodeId, number>;
  /** None before this node is in a cluster. */
  readonly antiEntropy: AntiEntropyView | undefined;
  /** Where there is one. */
  readonly registry: RegistryView | undefined;
  /** While it is being rebuilt: the complete nodes that it has still to compare with. */
  readonly rebuild: { readonly left: readonly NodeId[] } | undefined;
}

/** What a node thinks of another: `suspect` ones are replaced by fallbacks at once (R4). */
export type Liveness = 'alive' | 'suspect' | 'dead';

export interface NodeSizes {
  readonly liveRequests: number;
  readonly liveBytes: number;
  readonly settling: number;
  readonly cells: number;
  readonly hints: number;
  /** Read repairs under way. */
  readonly repairs: number;
  /** Keys whose record is damaged, and not mended yet. */
  readonly damagedKeys: number;
}
