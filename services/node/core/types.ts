/**
 * The vocabulary of the core. Words are those of docs/ARCHITECTURE.md; every other core file speaks in these types.
 *
 * Keys are *binary strings*: one character (0-255) for each byte of the key. That makes them cheap map keys, prints
 * ordinary keys readably, and converts to and from bytes as latin1.
 */

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

/** A node's name in the cluster document; stable over restarts, also when its data is lost. */
export type NodeId = Brand<string, 'NodeId'>;
/** The identity that increments clocks. Belongs to one data directory and is never reused (I4). */
export type Actor = Brand<string, 'Actor'>;
/** A key as a binary string, 1 to {@link LIMITS.keyBytesMax} characters of code 0-255. */
export type Key = Brand<string, 'Key'>;
/** First 8 bytes of MD5(key), big-endian. */
export type Position = Brand<Uint8Array, 'Position'>;
/** Index of one of the Q equal slices of the ring. */
export type Partition = Brand<number, 'Partition'>;

/** Positions from `from` to `through`, both included. */
export interface PositionRange {
  readonly from: Position;
  readonly through: Position;
}

/** Stands for a record in comparisons (versioning/recordHash.ts): a whole number of 53 bits, never 0. */
export type RecordHash = number;

/** Names exactly one write (I4). */
export interface Dot {
  readonly actor: Actor;
  readonly counter: number;
}

export interface ClockEntry extends Dot {
  /** When the write was made, or was last overwritten: wall clock of a coordinator in ms. For R13 and R14 only. */
  readonly timestamp: number;
}

/** Version vector, sorted by actor, one entry an actor. */
export type Clock = readonly ClockEntry[];

/** One of several concurrent values; a value of no bytes is a tombstone. */
export interface Sibling {
  readonly dot: Dot;
  readonly value: Uint8Array;
}

/** Remembers which request minted which dot, so that a repeated request is recognised. */
export interface RequestMark {
  readonly requestId: string;
  readonly dot: Dot;
  readonly timestamp: number;
}

/**
 * What a replica holds for a key. The clock covers every dot that this record ever contained; siblings are sorted by
 * dot and pairwise concurrent; marks are sorted newest first and at most {@link LIMITS.requestMarksMax}.
 */
export interface VersionedRecord {
  readonly clock: Clock;
  readonly siblings: readonly Sibling[];
  readonly marks: readonly RequestMark[];
}

/** The time as the core is told it: `monotonicMs` for deadlines, `wallMs` for clock timestamps only. */
export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** How far a data directory had come when it was last heard of (R12). */
export interface Height {
  readonly actor: Actor;
  /** The life of the node in which it came so far. */
  readonly incarnation: number;
  /** Number of the last synced batch. */
  readonly sequence: number;
}

/** A write kept for a node that could not be reached: the record itself lies among the others, under its key. */
export interface Hint {
  readonly target: NodeId;
  readonly key: Key;
  /** Hints of one keeper are delivered in this order. */
  readonly order: number;
}

export interface ClusterNode {
  readonly id: NodeId;
  /** The data directory that counts as this node's: acknowledgements count for an actor, not a name (R10). */
  readonly actor: Actor;
  /** Names the file that this node's votes lie in: 16 hex characters, new where the file was lost (R7). */
  readonly voter: string;
  /** `rebuilding`: what this directory holds may lack acknowledged writes (I4, R10). */
  readonly state: 'complete' | 'rebuilding';
  readonly busAddress: string;
  readonly httpAddress: string;
  readonly weight: number;
  readonly zone: string;
}

/** Who holds what: indexes into `nodes`, the token's owner first. */
export interface Placement {
  readonly now: readonly number[];
  /** The epoch in which the replicas last changed; requests of older ones are refused (R9). */
  readonly since: number;
}

/** The one versioned record that says who holds what; the same document gives the same replica sets (I8). */
export interface ClusterDocument {
  readonly epoch: number;
  readonly clusterId: string;
  readonly partitions: number;
  readonly replicas: number;
  readonly nodes: readonly ClusterNode[];
  /** For each partition the index of the node that owns its token. */
  readonly tokens: readonly number[];
  readonly placement: readonly Placement[];
}

/** What all nodes of a cluster share from its founding on. */
export interface Cluster {
  readonly document: ClusterDocument;
  /** Authenticates version strings: 32 random bytes. */
  readonly versionKey: Uint8Array;
}

/** Hash functions handed to the core, which imports none. */
export interface Digests {
  /** MD5 of the key's bytes: 16 bytes. */
  md5(key: Key): Uint8Array;
  /** HMAC-SHA-256: 32 bytes. */
  hmac(secret: Uint8Array, data: Uint8Array): Uint8Array;
}

/** Bounds that are part of the contract with clients (I14). */
export const LIMITS = {
  keyBytesMax: 4096,
  versionCharsMax: 8192,
  requestIdCharsMax: 64,
  requestMarksMax: 16,
  siblingsWarn: 25,
  siblingsMax: 100,
  recordBytesMax: 32 * 1024 * 1024,
} as const;
