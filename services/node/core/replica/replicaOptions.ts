import type { RequestNumber } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import type { Actor, Key, NodeId, VersionedRecord } from '../types.js';

/** How the replica reaches the coordinator of the same node; they meet in node.ts. */
export interface MintPort {
  /** The coordinator's judgement of its write; see {@link CellPort.resolve}. */
  resolve(request: RequestNumber, record: VersionedRecord): VersionedRecord | undefined;
  /** The record here is damaged or cannot be loaded: this node must not mint on it (R2). */
  unsound(request: RequestNumber): void;
  stored(request: RequestNumber, durable: boolean): void;
}

/** How the replica reaches the hints of the same node. */
export interface StandInPort {
  /** Sets room for one hint aside, for {@link StandInPort.keepReserved} or {@link StandInPort.release}; or it is full. */
  reserve(): boolean;
  /** Keeps a hint; `done` is told when it is durable, or that it could not be made so. */
  keepReserved(target: NodeId, key: Key, done: (durable: boolean) => void): void;
  release(): void;
  has(key: Key): boolean;
}

/** How what is durable here reaches those who compare it with other replicas. */
export interface WatchPort {
  /** Of a sound key. */
  changed(key: Key, before: VersionedRecord | undefined, after: VersionedRecord | undefined): void;
  /** It is not known any more what is durable of the key. */
  doubted(key: Key): void;
  damaged(key: Key): void;
  mended(key: Key): void;
}

export interface ReplicaOptions {
  readonly actor: Actor;
  readonly counter: number;
  readonly spareActor: Actor;
  /** Whether the document says that this directory holds everything (R10). */
  readonly listsAsComplete: (actor: Actor) => boolean;
  /** Of the document. */
  readonly epoch: () => number;
  /** In which epoch the replicas of a key last changed (R9). */
  readonly sinceOf: (key: Key) => number;
  readonly cellBytesMax: number;
  /** What the others have said of this node's directory since its start (R12). */
  readonly vouched: { readonly forStrict: () => boolean; readonly forMints: () => boolean };
  readonly holds: (key: Key) => boolean;
  readonly outbox: Outbox;
  /** The directory goes on under another actor. */
  readonly onRenounced: (actor: Actor) => void;
  readonly mint: MintPort;
  readonly standIn: StandInPort;
  readonly watch: WatchPort;
}
