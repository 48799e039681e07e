import type { RegisteredNode, StoreReading, SwapResult } from '../core/protocol/store.js';
import type { Actor } from '../core/types.js';

/** Within so long each call is answered, whatever the service does. */
export const READ_MS = 2000;
export const SWAP_MS = 2000;

/** Largest text that the store keeps, encoded: Consul's bound of a value. */
export const STORE_BYTES_MAX = 512 * 1024;

/**
 * The service beside the nodes in which they register and find each other, and which keeps the cluster document of all of
 * them in one place, the store, that changes by compare-and-swap only (R7). Where it cannot be reached nothing else stops:
 * calls fail by their deadline, and what was known stays known (I13, I15).
 */
export interface Registry {
  /**
   * What the store holds, as of some moment after this call: never what an earlier one would have given. Calls `done` exactly
   * once, later, within READ_MS; an answer that is not the service's own is `failed`. One at a time: a second is `failed`.
   */
  read(done: (reading: StoreReading) => void): void;
  /**
   * Replaces what the store holds, if it is still what the last read here gave with this index; 0: if there is nothing.
   * Calls `done` exactly once, later, within SWAP_MS. After `failed` it may have been done, and may even be done later. One
   * at a time: a second is `failed`. A `conflict` may also come where the service was away since that read: it might have
   * been wiped, and count again from the start.
   */
  swap(index: number, text: string, done: (result: SwapResult) => void): void;
  /**
   * What this node says of itself, replacing what it said before; kept true from now on, also where the service forgets it.
   * Nothing is registered before the first call.
   */
  register(registration: Registration): void;
  state(): RegistryState;
  /**
   * Takes back the registration, for at most a second, then ends everything: what is still asked is `failed`. No handler is
   * called from now on. Idempotent.
   */
  close(): Promise<void>;
}

export interface RegistryHandlers {
  /** The store may hold something else than before; also whenever the service can be reached again. */
  onChanged(): void;
  /** All nodes that are registered, whenever that changes; what is left out of a later view is not gone (I13). */
  onNodes(nodes: readonly RegisteredNode[]): void;
}

export interface Registration {
  readonly httpAddress: string;
  readonly busAddress: string;
  readonly actor: Actor;
  readonly zone: string;
  readonly weight: number;
  readonly epoch: number;
  /** For each partition whether this node owns its token; none before it is in a cluster. */
  readonly tokens: readonly boolean[];
}

/** Whether a registry is reached, for those who watch the node. */
export interface RegistryState {
  readonly reachable: boolean;
  /** This node is registered there as it is. */
  readonly registered: boolean;
}
