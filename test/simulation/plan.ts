import type { OnConflict, Quorum } from '../../services/node/core/protocol/messages.js';
import type { Seed } from './random.js';
import type { TrapMoment } from './traps.js';

/**
 * Everything that a simulation does, as plain data: kept, replayed and shrunk. Times are virtual milliseconds since the
 * start; nodes, clients and keys are named by index. What is drawn while it runs (delays, losses) comes from streams of the
 * seed, one for each link and each disk, so that an operation taken out changes as little else as possible.
 */
export interface Plan {
  readonly format: 1;
  readonly seed: Seed;
  readonly nodes: number;
  readonly replicas: number;
  readonly partitions: number;
  readonly keys: number;
  readonly requestTimeoutMs: number;
  /** Silent for so long, a node is dead; for a quarter of it, suspect. */
  readonly nodeTimeoutMs: number;
  /** From one comparison of replicas to the next. */
  readonly antiEntropyMs: number;
  readonly tombstoneGraceMs: number;
  /** Bounds of each node (I14). */
  readonly limits: PlanLimits;
  readonly network: NetworkPlan;
  readonly disk: DiskPlan;
  /** Absent: nodes find each other by themselves, and vote on the document. */
  readonly registry?: RegistryPlan;
  /** One for each node. */
  readonly clocks: readonly ClockPlan[];
  readonly clients: readonly ClientPlan[];
  /** End of the first phase: faults end, and only the core below is healed. */
  readonly chaosMs: number;
  readonly core: CorePlan;
  readonly operations: readonly Operation[];
  readonly faults: readonly Fault[];
}

export interface PlanLimits {
  readonly requestsMax: number;
  readonly requestBytesMax: number;
  readonly cellBytesMax: number;
  readonly settlingMax: number;
  readonly hintsMax: number;
  readonly repairsMax: number;
  readonly clockEntriesMax: number;
}

export interface NetworkPlan {
  /** Least delay of a message. */
  readonly delayMs: number;
  /** Mean of what comes on top, exponentially distributed: the larger, the more reordering. */
  readonly jitterMs: number;
  readonly lossRate: number;
  readonly duplicationRate: number;
  /** How often a message to a dead process comes back as unroutable; else it is lost without a word. */
  readonly bounceRate: number;
}

export interface DiskPlan {
  /** Least and most time of a synced batch. */
  readonly syncMs: readonly [number, number];
  /** Most time of a read; 0: at once. */
  readonly readMs: number;
}

/** What the service beside the nodes is like that keeps the document. */
export interface RegistryPlan {
  readonly delayMs: number;
  readonly lossRate: number;
  readonly noticeMs: number;
  readonly noticeLossRate: number;
}

export interface ClockPlan {
  readonly offsetMs: number;
  readonly driftPpm: number;
}

export interface ClientPlan {
  /** R and W; absent: the majority. */
  readonly reads?: number;
  readonly writes?: number;
  readonly quorum: Quorum;
}

/** The nodes that are healed for the second phase, and what becomes of the others meanwhile. */
export interface CorePlan {
  readonly nodes: readonly number[];
  readonly rest: 'dead' | 'cut';
}

/**
 * `create` knows of nothing; `update` reads and writes with the version read, which also resolves siblings; `resolve`
 * does so only where there are siblings; `chain` writes with the newest version that its client knows; `stale` with an
 * older one; `force` writes knowing nothing and, when refused, again with the version that came with the refusal;
 * `delete` reads and deletes what it read.
 */
export type OperationKind = 'read' | 'create' | 'update' | 'resolve' | 'chain' | 'stale' | 'force' | 'delete';

export interface Operation {
  /** Names the value that it writes. */
  readonly id: number;
  readonly at: number;
  readonly kind: OperationKind;
  readonly client: number;
  readonly key: number;
  readonly node: number;
  /** Where it writes after it has read; absent: where it read. */
  readonly writeNode?: number;
  readonly onConflict?: OnConflict;
  readonly valueBytes?: number;
  readonly hasRequestId?: boolean;
  /** Sends the write again under its requestId when its outcome is unknown, or whatever its outcome is. */
  readonly retry?: { readonly node: number; readonly afterMs: number; readonly always: boolean };
}

/** A direction in which messages are stopped. */
export type Link = readonly [from: number, to: number];

export type Fault =
  | {
      readonly kind: 'crash';
      readonly at: number;
      readonly node: number;
      readonly forMs: number;
      /** What becomes of the batch that is being synced; LevelDB keeps or loses it as a whole. */
      readonly batch: 'kept' | 'torn';
      /** `wiped`: the database is lost; `gone`: also what lies beside it. */
      readonly disk: 'same' | 'wiped' | 'gone';
      /** The node is started with another address, which it has to have listed. */
      readonly moves: boolean;
    }
  /** The first process that does this with the key crashes in the midst of it; `passing` others go on before. */
  | {
      readonly kind: 'crashIn';
      readonly at: number;
      readonly key: number;
      readonly during: TrapMoment;
      readonly passing: number;
      readonly forMs: number;
    }
  /** An orderly stop, then a start. */
  | {
      readonly kind: 'restart';
      readonly at: number;
      readonly node: number;
      readonly forMs: number;
      readonly moves: boolean;
    }
  | { readonly kind: 'pause'; readonly at: number; readonly node: number; readonly forMs: number }
  /** Messages on the links are lost, or come back as unroutable. */
  | {
      readonly kind: 'cut';
      readonly shape: 'symmetric' | 'oneWay' | 'isolated' | 'split' | 'swizzle';
      readonly at: number;
      readonly forMs: number;
      readonly links: readonly Link[];
      readonly bounces: boolean;
    }
  /** Messages on the links wait, and arrive at the end. */
  | {
      readonly kind: 'clog';
      readonly shape: 'link' | 'swizzle';
      readonly at: number;
      readonly forMs: number;
      readonly links: readonly Link[];
    }
  | {
      readonly kind: 'storm';
      readonly at: number;
      readonly forMs: number;
      readonly lossRate: number;
      readonly duplicationRate: number;
    }
  /** Batches fail; `reaches`: the one that failed is on the disk after all when the disk is back. */
  | {
      readonly kind: 'diskError';
      readonly at: number;
      readonly node: number;
      readonly forMs: number;
      readonly reaches: boolean;
    }
  | {
      readonly kind: 'slowDisk';
      readonly at: number;
      readonly node: number;
      readonly forMs: number;
      readonly syncMs: number;
    }
  /** The node does not hear answers to its probes of these others, or hears them late. */
  | {
      readonly kind: 'deaf';
      readonly at: number;
      readonly node: number;
      readonly of: readonly number[];
      readonly forMs: number;
      readonly lateMs?: number;
    }
  /** A source of membership that has fallen behind tells the node where these others were, and of nodes that have gone. */
  | {
      readonly kind: 'oldView';
      readonly at: number;
      readonly node: number;
      readonly of: readonly number[];
    }
  /** What is about the document and about nodes comes a second time, up to so much later. */
  | {
      readonly kind: 'echo';
      readonly at: number;
      readonly forMs: number;
      readonly rate: number;
      readonly lateMs: number;
    }
  /** The registry cannot be reached, by these nodes or by any. */
  | {
      readonly kind: 'registryAway';
      readonly at: number;
      readonly forMs: number;
      readonly of?: readonly number[];
    }
  /** It has forgotten all; only where a majority has what it loses, which is all that is promised (R8). */
  | { readonly kind: 'registryWiped'; readonly at: number }
  /** These nodes are told by the registry of a state of long ago, or not of some nodes, or of one whose check flaps. */
  | {
      readonly kind: 'registryView';
      readonly at: number;
      readonly forMs: number;
      readonly how: 'flap' | 'hide' | 'age';
      readonly of: readonly number[];
    }
  | { readonly kind: 'damage'; readonly at: number; readonly node: number; readonly key: number }
  | { readonly kind: 'clockJump'; readonly at: number; readonly node: number; readonly byMs: number }
  /**
   * A crash, and the directory as it was `agoMs` before it. What is promised (R12): it is noticed if anybody who answers
   * has heard of a later state. Generated plans see to that (expandFaults.ts); others need not.
   */
  | {
      readonly kind: 'oldDisk';
      readonly at: number;
      readonly node: number;
      readonly forMs: number;
      readonly agoMs: number;
      /** Only where something became durable between the copy and this long before the crash; else it is a mere crash. */
      readonly toldMs?: number;
    };

export type FaultKind = Fault['kind'];

export function planToJson(plan: Plan): string {
  return `${JSON.stringify(plan, undefined, 1)}\n`;
}

/** What plans that were kept before there were hints did not say. */
const OLDER = { nodeTimeoutMs: 2000 } as const;
const OLDER_LIMITS = { hintsMax: 500_000, repairsMax: 256 } as const;

/** Reads a plan that was kept. Throws where it is none; its details are trusted, for they are written by this program. */
export function planFromJson(text: string): Plan {
  const value = JSON.parse(text) as Partial<Plan> | null;
  const lists = [value?.operations, value?.faults, value?.clients, value?.clocks];
  if (value?.format !== 1 || !lists.every(Array.isArray)) throw new Error('this is not a plan of format 1');
  const { limits, ...plan } = value as Plan;
  return { ...OLDER, ...plan, limits: { ...OLDER_LIMITS, ...limits } };
}
