import type { Actor, Height, Hint, Instant, Key, NodeId, VersionedRecord } from '../types.js';
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
  | { readonly for: 'localRead'; readonly request: RequestNumber; readonly strict: boolean }
  | { readonly for: 'hint'; readonly target: NodeId; readonly key: Key }
  | {
      readonly for: 'replicaRead';
      readonly from: NodeId;
      readonly request: RequestNumber;
      readonly strict: boolean;
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
  | { readonly type: 'hintStored'; readonly target: NodeId; readonly key: Key; readonly durable: boolean }
  | { readonly type: 'renounceStored'; readonly durable: boolean }
  /** Due at least every {@link TICK_MS}: deadlines are judged at ticks. `sequence`: of the last synced batch here. */
  | { readonly type: 'tick'; readonly sequence: number }
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
  | 'standInAsked'
  | 'hintKept'
  | 'hintDelivered'
  | 'hintRefused'
  | 'readHedged'
  | 'readRepaired'
  | 'readRepairSkipped'
  | 'damagedRead'
  | 'directoryRenounced';

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
    }
  /** Forgets a record that was handed over; answered like a store. */
  | { readonly type: 'drop'; readonly store: StoreId; readonly key: Key }
  /** Answered by `hintStored`. */
  | { readonly type: 'keepHint'; readonly hint: Hint }
  | { readonly type: 'forgetHint'; readonly target: NodeId; readonly key: Key }
  /** This directory goes on under `actor`, whose counters up to `counter` are used, and is not complete (I4, R12); answered by `renounceStored`. */
  | { readonly type: 'renounce'; readonly actor: Actor; readonly counter: number }
  | { readonly type: 'keepHeights'; readonly heights: ReadonlyMap<NodeId, Height> }
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
  /** Whether this node's copies and misses count (R3). */
  readonly complete: boolean;
  /** Whether every other node has seen this life of it, so that its own actor mints (R12). */
  readonly vouched: boolean;
  /** The identity that its directory goes on under. */
  readonly actor: Actor;
  readonly liveness: ReadonlyMap<NodeId, Liveness>;
  /** How many hints it keeps, by target; targets without any are left out. */
  readonly hints: ReadonlyMap<NodeId, number>;
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
}
