import type { RequestError } from '../core/errors.js';
import type { AntiEntropyView, HurryOutcome, RemovalOutcome } from '../core/protocol/convergence.js';
import type { GetOutcome, GetRequest, PutOutcome, PutRequest } from '../core/protocol/messages.js';
import type { ClusterDocument, Key, NodeId, Partition, VersionedRecord } from '../core/types.js';
import type { Liveness } from '../core/protocol/events.js';
import type { RegistryView } from '../core/protocol/store.js';
import type { PeerState } from '../ports/bus.js';
import type { RegistryState } from '../ports/registry.js';

/** What the HTTP edge may ask of a node. Every promise settles by the request's deadline (I11) and none rejects. */
export interface NodeService {
  get(request: GetRequest): Promise<GetOutcome>;
  put(request: PutRequest): Promise<PutOutcome>;
  /** Whether the node answered a ping over the bus within `timeoutMs`; the node itself always does. */
  probe(node: NodeId, timeoutMs: number): Promise<boolean>;
  /** What each node holds of the key. */
  where(key: Key): Promise<WhereReport | RequestError>;
  /** Has this node compare with every other one as soon as possible, everything or one partition. */
  hurry(partition?: Partition): Promise<HurryOutcome>;
  /** Takes a lost node out of the cluster document. */
  remove(node: NodeId): Promise<RemovalOutcome>;
  /** Everything this node holds, siblings and tombstones included, as of the call. */
  dump(): AsyncIterable<{ readonly key: Key; readonly record: VersionedRecord }>;
  /** The version string of a record, as a GET would give it. */
  versionOf(key: Key, record: VersionedRecord): string;
  status(): NodeStatus;
}

/** Where a key lies, as `/internal/where` shows it. */
export interface WhereReport {
  readonly ok: true;
  /** 16 hex digits. */
  readonly position: string;
  readonly partition: number;
  readonly epoch: number;
  readonly primaries: readonly HolderReport[];
  readonly fallbacks: readonly HolderReport[];
}

export type HolderReport =
  | {
      readonly node: NodeId;
      readonly status: 'found';
      /** 14 hex digits; the same for the same record. */
      readonly hash: string;
      readonly version: string;
      readonly values: number;
      readonly tombstone: boolean;
      readonly bytes: number;
    }
  | { readonly node: NodeId; readonly status: 'missing' | 'incomplete' | 'damaged' | 'refused' | 'silent' };

/** Plain data, as `/cluster` shows it. */
export interface NodeStatus {
  readonly node: NodeId;
  readonly actor: string;
  readonly incarnation: number;
  readonly complete: boolean;
  /** Takes traffic: started, not stopping, storage healthy. */
  readonly ready: boolean;
  readonly document: ClusterDocument;
  readonly peers: ReadonlyMap<NodeId, PeerState>;
  /** What this node thinks of the others. */
  readonly liveness: ReadonlyMap<NodeId, Liveness>;
  /** How many hints it keeps, by target. */
  readonly hints: ReadonlyMap<NodeId, number>;
  readonly antiEntropy: AntiEntropyView;
  /** While this node is being rebuilt. */
  readonly rebuild: { readonly left: readonly NodeId[] } | undefined;
  /** Where the cluster document is kept in one. */
  readonly registry: (RegistryView & RegistryState) | undefined;
  readonly storage: { readonly sequence: number; readonly damaged: number };
  readonly live: { readonly requests: number; readonly bytes: number };
}
