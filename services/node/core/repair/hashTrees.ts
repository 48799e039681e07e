import { LEAF_TABLE_BYTES } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import { LEAVES, leafOf, partitionOf, rangeOf } from '../ring/position.js';
import type { Digests, Key, Partition, VersionedRecord } from '../types.js';
import { hashList, hashRecord } from '../versioning/recordHash.js';
import type { Scans } from './scans.js';

/**
 * A hash tree for each partition: a root over {@link LEAVES} leaves, each the exclusive or of the hashes of the records
 * whose positions it covers. That makes a change one step, whatever the order: the hash of the old record out, that of the
 * new one in. A tree covers what is durable; damaged records are left out, so that replicas differ where one is damaged.
 *
 * Trees are built when they are wanted, one at a time, from a scan whose view is fixed between two batches: everything
 * stored later comes as a change on top, whether its key has been scanned yet or not. Where it is not known what is on
 * the disk, the tree of the partition is given up and built anew.
 */
export interface HashTreesOptions {
  readonly partitions: number;
  readonly digests: Pick<Digests, 'md5'>;
  readonly scans: Scans;
  readonly outbox: Outbox;
  /** Records that are counted: there may be something to forget of them. */
  readonly mayBeReaped: (record: VersionedRecord) => boolean;
  /** A scan met a damaged record. */
  readonly onDamaged: (key: Key) => void;
}

interface Tree {
  isReady: boolean;
  /** Halves of the hashes of the leaves. */
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  /** Since the last change; undefined: to be computed. */
  root: number | undefined;
  reapable: number;
  readonly cancel: () => void;
}

const TWO_32 = 2 ** 32;
const RETRY_MS = 1000;

export class HashTrees {
  readonly #options: HashTreesOptions;
  readonly #trees = new Map<Partition, Tree>();
  readonly #wanted = new Set<Partition>();
  #building: Partition | undefined;
  #retryAtMs = 0;

  constructor(options: HashTreesOptions) {
    this.#options = options;
  }

  /** Trees that are ready. */
  get ready(): number {
    let ready = 0;
    for (const tree of this.#trees.values()) if (tree.isReady) ready += 1;
    return ready;
  }

  /** Whether the tree of a partition is ready; has it built where it is not. */
  want(partition: Partition): boolean {
    const tree = this.#trees.get(partition);
    if (tree?.isReady) return true;
    if (!tree && this.#building !== partition) this.#wanted.add(partition);
    this.#buildNext();
    return false;
  }

  /** Of a tree that is ready. */
  root(partition: Partition): number | undefined {
    const tree = this.#trees.get(partition);
    if (!tree?.isReady) return undefined;
    tree.root ??= hashList(tree.high, tree.low);
    return tree.root;
  }

  /** Of how many records of a partition there may be something to forget, where its tree is ready. */
  reapable(partition: Partition): number {
    const tree = this.#trees.get(partition);
    return tree?.isReady ? tree.reapable : 0;
  }

  /** The hashes of the leaves of a tree that is ready, 8 bytes each. */
  leaves(partition: Partition): Uint8Array | undefined {
    const tree = this.#trees.get(partition);
    if (!tree?.isReady) return undefined;
    const bytes = new Uint8Array(LEAF_TABLE_BYTES);
    const view = new DataView(bytes.buffer);
    for (let leaf = 0; leaf < LEAVES; leaf++) {
      view.setUint32(8 * leaf, tree.high[leaf] ?? 0);
      view.setUint32(8 * leaf + 4, tree.low[leaf] ?? 0);
    }
    return bytes;
  }

  /** A change of a key has become durable. */
  changed(key: Key, before: VersionedRecord | undefined, after: VersionedRecord | undefined): void {
    const position = this.#options.digests.md5(key);
    const tree = this.#trees.get(partitionOf(position, this.#options.partitions));
    if (!tree) return;
    if (before) this.#toggle(tree, position, hashRecord(key, before));
    if (after) this.#toggle(tree, position, hashRecord(key, after));
    const { mayBeReaped } = this.#options;
    if (before && mayBeReaped(before)) tree.reapable -= 1;
    if (after && mayBeReaped(after)) tree.reapable += 1;
  }

  /** It is not known what is on the disk for a key: the tree of its partition is worth nothing. */
  doubt(key: Key): void {
    this.giveUp(partitionOf(this.#options.digests.md5(key), this.#options.partitions));
  }

  /** Has the tree built anew, if it is not being built now. */
  renew(partition: Partition): void {
    if (this.#trees.get(partition)?.isReady) this.#trees.delete(partition);
    this.want(partition);
  }

  giveUp(partition: Partition): void {
    const tree = this.#trees.get(partition);
    if (!tree) return;
    this.#options.outbox.observe('treeGivenUp');
    this.#trees.delete(partition);
    if (tree.isReady) return;
    tree.cancel();
    this.#building = undefined;
    this.#wanted.add(partition);
  }

  tick(nowMs: number): void {
    if (nowMs >= this.#retryAtMs) this.#buildNext();
  }

  #buildNext(): void {
    const { scans, partitions, outbox, onDamaged } = this.#options;
    if (this.#building !== undefined || outbox.now.monotonicMs < this.#retryAtMs) return;
    for (const partition of this.#wanted) {
      this.#wanted.delete(partition);
      this.#building = partition;
      const cancel = scans.start(rangeOf(partition, partitions), {
        begun: () => {
          this.#trees.set(partition, newTree(cancel));
        },
        page: ({ entries, damaged }) => {
          for (const { key, record } of entries) this.changed(key, undefined, record);
          for (const key of damaged) onDamaged(key);
        },
        ended: (how) => {
          this.#built(partition, how);
        },
      });
      return;
    }
  }

  #built(partition: Partition, how: 'whole' | 'failed'): void {
    this.#building = undefined;
    const tree = this.#trees.get(partition);
    if (how === 'whole' && tree) {
      tree.isReady = true;
      this.#options.outbox.observe('treeBuilt');
      this.#buildNext();
    } else {
      this.#trees.delete(partition);
      this.#wanted.add(partition);
      this.#retryAtMs = this.#options.outbox.now.monotonicMs + RETRY_MS;
    }
  }

  #toggle(tree: Tree, position: Uint8Array, hash: number): void {
    const leaf = leafOf(position, this.#options.partitions);
    tree.high[leaf] = ((tree.high[leaf] ?? 0) ^ Math.floor(hash / TWO_32)) >>> 0;
    tree.low[leaf] = ((tree.low[leaf] ?? 0) ^ hash) >>> 0;
    tree.root = undefined;
  }
}

function newTree(cancel: () => void): Tree {
  return {
    isReady: false,
    high: new Uint32Array(LEAVES),
    low: new Uint32Array(LEAVES),
    root: undefined,
    reapable: 0,
    cancel,
  };
}

/** The leaves in which two trees differ. */
export function differingLeaves(a: Uint8Array, b: Uint8Array): readonly number[] {
  const differing: number[] = [];
  for (let leaf = 0; leaf < LEAVES; leaf++) {
    const start = 8 * leaf;
    for (let i = start; i < start + 8; i++) {
      if (a[i] === b[i]) continue;
      differing.push(leaf);
      break;
    }
  }
  return differing;
}
