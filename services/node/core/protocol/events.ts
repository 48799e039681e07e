import type { Instant, Key, NodeId, VersionedRecord } from '../types.js';
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
  | { readonly for: 'cell'; readonly key: Key }
  | { readonly for: 'localRead'; readonly request: RequestNumber }
  | {
      readonly for: 'replicaRead';
      readonly from: NodeId;
      readonly request: RequestNumber;
      readonly deadlineMs: number;
    };

/** Names one store effect; grows by one for each. */
export type StoreId = number;

/** Everything that can happen to a node. */
export type NodeEvent =
  | { readonly type: 'get'; readonly ticket: Ticket; readonly request: GetRequest }
  | { readonly type: 'put'; readonly ticket: Ticket; readonly request: PutRequest }
  | { readonly type: 'probe'; readonly ticket: Ticket; readonly node: NodeId; readonly timeoutMs: number }
  | {
      readonly type: 'message';
      readonly from: NodeId;
      readonly message: Message;
      /** What is left of the sender's deadline. */
      readonly remainingMs: number;
    }
  | { readonly type: 'unroutable'; readonly to: NodeId; readonly message: Message }
  | { readonly type: 'loaded'; readonly purpose: LoadPurpose; readonly result: ReadResult }
  | { readonly type: 'stored'; readonly key: Key; readonly store: StoreId }
  | { readonly type: 'storeFailed'; readonly key: Key; readonly store: StoreId }
  /** Due at least every {@link TICK_MS}: deadlines are judged at ticks. */
  | { readonly type: 'tick' }
  /** No new requests from now on; what is live may finish. */
  | { readonly type: 'stop' };

export const TICK_MS = 20;

export type ReplyOutcome =
  | { readonly to: 'get'; readonly outcome: GetOutcome }
  | { readonly to: 'put'; readonly outcome: PutOutcome }
  | { readonly to: 'probe'; readonly reachable: boolean };

/** Things worth counting that only the core sees. */
export type Fact =
  | 'staleWriteRefused'
  | 'siblingsMany'
  | 'siblingsRefused'
  | 'repeatRecognised'
  | 'forwarded'
  | 'replicaMissed'
  | 'damagedRead'
  | 'counterLost';

/** Everything a node can want done, in the order given. `send` of a record never precedes its `stored` (R1). */
export type Effect =
  | {
      readonly type: 'send';
      readonly to: NodeId;
      readonly message: Message;
      readonly remainingMs: number;
    }
  | { readonly type: 'load'; readonly key: Key; readonly purpose: LoadPurpose }
  | {
      readonly type: 'store';
      readonly store: StoreId;
      readonly key: Key;
      readonly record: VersionedRecord;
      /** Highest counter that this node has minted; goes into the same synced batch (R2). */
      readonly counter: number;
    }
  | { readonly type: 'reply'; readonly ticket: Ticket; readonly reply: ReplyOutcome }
  | { readonly type: 'observe'; readonly fact: Fact };

/** The node as the runtime and the simulator see it. */
export interface SteppingNode {
  /** Advances the node by one event. Throws only on a bug. */
  step(event: NodeEvent, now: Instant): readonly Effect[];
  /** Sizes for gauges and for the check that no state outlives its request (I11). */
  sizes(): NodeSizes;
  /** Whether this node's copies and misses count (R3). */
  complete(): boolean;
}

export interface NodeSizes {
  readonly liveRequests: number;
  readonly liveBytes: number;
  readonly settling: number;
  readonly cells: number;
}
