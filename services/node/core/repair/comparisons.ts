import type { ListedKey, Message } from '../protocol/messages.js';
import type { Outbox } from '../protocol/outbox.js';
import { rangeOf } from '../ring/position.js';
import type { Key, NodeId, Partition, VersionedRecord } from '../types.js';
import { recordBytes } from '../versioning/record.js';
import { hashRecord } from '../versioning/recordHash.js';
import type { HashTrees } from './hashTrees.js';
import type { Scans } from './scans.js';

/** What this node answers to another that compares its replicas with those here. */
export interface ComparisonsOptions {
  readonly partitions: number;
  readonly trees: HashTrees;
  readonly scans: Scans;
  readonly outbox: Outbox;
  /** Whether a comparison with this node is worth anything: it holds the partition, and all of it (R3). */
  readonly answersFor: (partition: Partition) => boolean;
  /** Of the document. */
  readonly epoch: () => number;
  readonly isExpired: (record: VersionedRecord) => boolean;
}

type Ask<T extends Message['type']> = Extract<Message, { type: T }>;

/** Lists under way at a time, for all who ask. */
const LISTS_MAX = 32;

export class Comparisons {
  readonly #options: ComparisonsOptions;
  #lists = 0;

  constructor(options: ComparisonsOptions) {
    this.#options = options;
  }

  /** Whoever is behind adopts the document first: what it acknowledged before is then in its tree (R9, R10). */
  onCompare(from: NodeId, { request, epoch, roots }: Ask<'compare'>, deadlineMs: number): void {
    const { trees, outbox, answersFor } = this.#options;
    const isBehind = this.#options.epoch() < epoch;
    const differing: Partition[] = [];
    const unready: Partition[] = [];
    for (const { partition, root } of roots) {
      if (isBehind || !answersFor(partition) || !trees.want(partition)) unready.push(partition);
      else if (trees.root(partition) !== root) differing.push(partition);
    }
    outbox.sendBulk(from, { type: 'compared', request, differing, unready }, deadlineMs);
  }

  onLeaves(from: NodeId, { request, partition }: Ask<'leaves'>, deadlineMs: number): void {
    const { trees, outbox, answersFor } = this.#options;
    const leaves = answersFor(partition) ? trees.leaves(partition) : undefined;
    outbox.sendBulk(from, { type: 'leavesReply', request, ...(leaves && { leaves }) }, deadlineMs);
  }

  /** One page a question: what was asked for begins behind `after`. */
  onList(from: NodeId, ask: Ask<'list'>, deadlineMs: number): void {
    const { scans, outbox, partitions, answersFor } = this.#options;
    const { request, partition, first, last, after } = ask;
    const answer = (page: Ask<'listed'>['page']): void => {
      outbox.sendBulk(from, { type: 'listed', request, ...(page && { page }) }, deadlineMs);
    };
    if (!answersFor(partition) || this.#lists >= LISTS_MAX) {
      answer(undefined);
      return;
    }
    this.#lists += 1;
    const end = (page: Ask<'listed'>['page']): void => {
      this.#lists -= 1;
      answer(page);
    };
    const range = rangeOf(partition, partitions, { first, last });
    const cancel = scans.start(after === undefined ? range : { ...range, after }, {
      page: ({ entries, isLast }) => {
        if (entries.length === 0) return;
        cancel();
        end({ entries: entries.map((entry) => this.#listed(entry)), more: !isLast });
      },
      ended: (how) => {
        end(how === 'whole' ? { entries: [], more: false } : undefined);
      },
    });
  }

  #listed({ key, record }: { readonly key: Key; readonly record: VersionedRecord }): ListedKey {
    const isExpired = this.#options.isExpired(record);
    return { key, hash: hashRecord(key, record), bytes: recordBytes(record), isExpired };
  }
}
