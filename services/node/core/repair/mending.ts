import type { Outbox } from '../protocol/outbox.js';
import type { Key, NodeId, VersionedRecord } from '../types.js';
import type { Asks } from './asks.js';

/**
 * Keys whose record here is damaged. Every other complete replica is asked for what it has of such a key; when all have
 * told, what they have is what was acknowledged: whoever minted a write had it first, and durably (R1), so that no
 * acknowledged write can be missing from all of them. Only then is the record here sound again (R12). Those whose own
 * record is damaged tell nothing; N − majority + 1 of the others must have told (R10), else the key stays damaged.
 */
export interface MendingOptions {
  readonly timeoutMs: number;
  readonly outbox: Outbox;
  readonly asks: Asks;
  /** The other replicas of a key that are complete, and how many of them have to tell. */
  readonly sources: (key: Key) => { readonly nodes: readonly NodeId[]; readonly least: number };
  readonly isAlive: (node: NodeId) => boolean;
  readonly merge: (key: Key, record: VersionedRecord, done: (kept: boolean) => void) => void;
  /** What was merged is all there is. */
  readonly mend: (key: Key) => void;
}

interface Damage {
  readonly told: Set<NodeId>;
  /** Those whose record is damaged too. */
  readonly silent: Set<NodeId>;
  isAsking: boolean;
  dueAtMs: number;
}

/** More are found again by the next scan. */
const KEYS_MAX = 100_000;
const ASKED_AT_ONCE = 16;
const RETRY_MS = 1000;

export class Mending {
  readonly #options: MendingOptions;
  readonly #damaged = new Map<Key, Damage>();
  #asking = 0;

  constructor(options: MendingOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#damaged.size;
  }

  /** Whether that is news. */
  found(key: Key): boolean {
    if (this.#damaged.has(key) || this.#damaged.size >= KEYS_MAX) return false;
    this.#damaged.set(key, { told: new Set(), silent: new Set(), isAsking: false, dueAtMs: 0 });
    return true;
  }

  /** It is sound, or no longer kept. */
  over(key: Key): void {
    this.#damaged.delete(key);
  }

  tick(nowMs: number): void {
    for (const [key, damage] of this.#damaged) {
      if (this.#asking >= ASKED_AT_ONCE) return;
      if (!damage.isAsking && nowMs >= damage.dueAtMs) this.#advance(key, damage);
    }
  }

  #advance(key: Key, damage: Damage): void {
    const { sources, isAlive, mend, outbox } = this.#options;
    damage.dueAtMs = outbox.now.monotonicMs + RETRY_MS;
    const { nodes, least } = sources(key);
    const untold = nodes.filter((node) => !damage.told.has(node) && !damage.silent.has(node));
    const next = untold.find(isAlive);
    if (next !== undefined) this.#ask(key, damage, next);
    else if (untold.length > 0) return;
    else if (nodes.filter((node) => damage.told.has(node)).length >= least) mend(key);
    // One of them may have been mended meanwhile.
    else damage.silent.clear();
  }

  #ask(key: Key, damage: Damage, node: NodeId): void {
    const { asks, timeoutMs, merge } = this.#options;
    const ended = (isTold: boolean): void => {
      damage.isAsking = false;
      this.#asking -= 1;
      if (!isTold) return;
      damage.silent.delete(node);
      damage.told.add(node);
      damage.dueAtMs = 0;
    };
    damage.isAsking = true;
    this.#asking += 1;
    asks.ask(
      node,
      (request) => ({ type: 'pull', request, key }),
      timeoutMs,
      (reply) => {
        const answer = reply?.type === 'pulled' ? reply.answer : undefined;
        if (answer?.status === 'damaged') damage.silent.add(node);
        if (answer?.status === 'found') merge(key, answer.record, ended);
        else ended(answer?.status === 'missing');
      },
    );
  }
}
