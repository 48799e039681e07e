import { storedCluster } from '../../../../services/node/core/membership/storedCluster.js';
import type { StoreReading, SwapResult } from '../../../../services/node/core/protocol/store.js';
import type { ClusterDocument, NodeId } from '../../../../services/node/core/types.js';

/** What the store of the model holds. */
export interface Kept {
  readonly index: number;
  readonly text: string;
}

/** A way to the store: that of one life of a node. */
export interface StoreClient {
  readonly onRead: (reading: StoreReading) => void;
  readonly onSwapped: (result: SwapResult) => void;
  /** What the last question here gave: an index means nothing beside it. */
  read: Kept | undefined;
  gone: boolean;
}

interface Swap {
  readonly index: number;
  readonly text: string;
  readonly read: Kept | undefined;
}

interface Asked {
  readonly by: NodeId;
  readonly client: StoreClient;
  /** undefined: a question. */
  readonly swap: Swap | undefined;
}

/** `lost`: not done, and nobody knows. `unsaid`: done, and nobody knows. `late`: done when nobody waits any more. */
export type Fate = 'done' | 'lost' | 'unsaid' | 'late';

/** A store that answers when it is told to, and forgets. Its numbers come again when it was wiped or put back. */
export class ModelStore {
  kept: Kept | undefined;
  /** How often it has lost what it held. */
  losses = 0;
  readonly #history: Kept[] = [];
  readonly #asked: Asked[] = [];
  readonly #late: Swap[] = [];
  readonly #onStored: (document: ClusterDocument) => void;
  #lastIndex = 5;

  constructor(onStored: (document: ClusterDocument) => void) {
    this.#onStored = onStored;
  }

  get asked(): number {
    return this.#asked.length;
  }

  /** Changes that may still be made. */
  get swaps(): number {
    return this.#late.length + this.#asked.filter(({ swap }) => swap).length;
  }

  get document(): ClusterDocument | undefined {
    return this.kept && storedCluster(this.kept.text)?.document;
  }

  get older(): readonly Kept[] {
    return this.#history.slice(0, -1);
  }

  /** Holds this already when the nodes begin. */
  begin(text: string): void {
    this.kept = { index: this.#lastIndex, text };
    this.#history.push(this.kept);
  }

  askerAt(at: number): NodeId {
    return this.#asked[at]!.by;
  }

  ask(by: NodeId, client: StoreClient): void {
    this.#asked.push({ by, client, swap: undefined });
  }

  swap(by: NodeId, client: StoreClient, { index, text }: Omit<Swap, 'read'>): void {
    this.#asked.push({ by, client, swap: { index, text, read: client.read } });
  }

  /** Comes to one of the questions and changes that it was asked for. */
  work(at: number, fate: Fate): void {
    const [asked] = this.#asked.splice(at, 1);
    if (!asked) return;
    const { client, swap } = asked;
    if (swap) this.#workOff(client, swap, fate);
    else if (!client.gone) this.#answer(client, fate);
  }

  workLate(): void {
    const swap = this.#late.shift();
    if (swap) this.#apply(swap);
  }

  wipe(): void {
    this.losses++;
    this.kept = undefined;
    this.#lastIndex = 3;
  }

  /** It goes on counting, but what it holds has the number that it had then. */
  putBack(kept: Kept): void {
    this.losses++;
    this.kept = kept;
  }

  #workOff(client: StoreClient, swap: Swap, fate: Fate): void {
    if (fate === 'late') this.#late.push(swap);
    const result = fate === 'done' || fate === 'unsaid' ? this.#apply(swap) : 'failed';
    if (!client.gone) client.onSwapped(fate === 'done' ? result : 'failed');
  }

  #answer(client: StoreClient, fate: Fate): void {
    if (fate !== 'done') {
      client.onRead({ status: 'failed' });
      return;
    }
    client.read = this.kept;
    client.onRead({ status: 'read', index: this.kept?.index ?? 0, text: this.kept?.text ?? '' });
  }

  #apply({ index, text, read }: Swap): SwapResult {
    const { kept } = this;
    const isSame = kept?.index === index && read?.index === index && kept.text === read.text;
    if (index === 0 ? kept !== undefined : !isSame) return 'conflict';
    this.kept = { index: ++this.#lastIndex, text };
    this.#history.push(this.kept);
    this.#onStored(storedCluster(text)!.document);
    return 'stored';
  }
}
