import type { Effect, ReadResult, ScanPage, ScanRange } from '../../../services/node/core/protocol/events.js';
import type { Vote } from '../../../services/node/core/protocol/vote.js';
import type {
  Cluster,
  Actor,
  Height,
  Hint,
  Key,
  NodeId,
  VersionedRecord,
} from '../../../services/node/core/types.js';
import { nameOf } from './clusterNode.js';

/** What a data directory holds, all of it durable. */
export interface Disk {
  actor: Actor;
  counter: number;
  incarnation: number;
  /** Of the last batch; here every change is one. */
  sequence: number;
  readonly records: Map<Key, VersionedRecord>;
  /** Hints by target and key. */
  readonly hints: Map<string, Hint>;
  heights: ReadonlyMap<NodeId, Height>;
  /** Beside the database. */
  cluster: Cluster | undefined;
  vote: Vote;
  /** What a load of a key gives instead of what is stored. */
  readonly faults: Map<Key, ReadResult>;
}

/** An effect that changes the disk. */
export type DiskEffect = Extract<
  Effect,
  {
    type:
      | 'store'
      | 'drop'
      | 'keepHint'
      | 'forgetHint'
      | 'renounce'
      | 'keepHeights'
      | 'keepVote'
      | 'keepDocument'
      | 'keepCluster';
  }
>;

const PAGE_ENTRIES = 8;

export function emptyDisk(actor: string): Disk {
  return {
    actor: actor as Actor,
    counter: 0,
    incarnation: 0,
    sequence: 0,
    records: new Map(),
    hints: new Map(),
    heights: new Map(),
    cluster: undefined,
    vote: { kind: 'none', voter: nameOf('voter', actor) },
    faults: new Map(),
  };
}

export function copyDisk(disk: Disk): Disk {
  const { records, hints, faults } = disk;
  return { ...disk, records: new Map(records), hints: new Map(hints), faults: new Map(faults) };
}

export function loadFrom(disk: Disk, key: Key): ReadResult {
  const record = disk.records.get(key);
  const fault = disk.faults.get(key);
  if (fault?.status === 'damaged' && record) return { status: 'damaged', record };
  return fault ?? (record ? { status: 'found', record } : { status: 'missing' });
}

/** Makes a change durable. */
export function commit(disk: Disk, effect: DiskEffect): void {
  disk.sequence++;
  switch (effect.type) {
    case 'store':
      disk.records.set(effect.key, effect.record);
      if (effect.mends) disk.faults.delete(effect.key);
      disk.counter = Math.max(disk.counter, effect.counter);
      return;
    case 'drop':
      disk.records.delete(effect.key);
      disk.faults.delete(effect.key);
      return;
    case 'keepHint':
      disk.hints.set(hintName(effect.hint.target, effect.hint.key), effect.hint);
      return;
    case 'forgetHint':
      disk.hints.delete(hintName(effect.target, effect.key));
      return;
    case 'renounce':
      Object.assign(disk, { actor: effect.actor, counter: effect.counter });
      return;
    case 'keepHeights':
      disk.heights = effect.heights;
      return;
    case 'keepVote':
      disk.vote = effect.vote;
      return;
    case 'keepDocument':
      disk.cluster = { document: effect.document, versionKey: disk.cluster!.versionKey };
      return;
    case 'keepCluster':
      disk.cluster = effect.cluster;
  }
}

/** What was stored of a key cannot be read any more. */
export function damage(disk: Disk, key: Key): void {
  disk.records.delete(key);
  disk.faults.set(key, { status: 'damaged' });
}

/** A scan of this disk in pages of some keys each; its view is that of the call. */
export function pagesFrom(disk: Disk, md5: (key: Key) => Uint8Array, range: ScanRange): ScanPage[] {
  const { entries, damaged } = scanFrom(disk, md5, range);
  const pages: ScanPage[] = [];
  for (let at = 0; at === 0 || at < entries.length; at += PAGE_ENTRIES) {
    const isLast = at + PAGE_ENTRIES >= entries.length;
    pages.push({ entries: entries.slice(at, at + PAGE_ENTRIES), damaged: isLast ? damaged : [], isLast });
  }
  return pages;
}

/** A scan of this disk, all in one page; its view is that of the call. */
export function scanFrom(disk: Disk, md5: (key: Key) => Uint8Array, range: ScanRange): ScanPage {
  const order = (key: Key): string => textOf(md5(key)) + key;
  const isWithin = (key: Key): boolean => {
    const position = textOf(md5(key));
    if (range.after !== undefined && order(key) <= order(range.after)) return false;
    return position >= textOf(range.from) && position <= textOf(range.through);
  };
  const keys = [...new Set([...disk.records.keys(), ...disk.faults.keys()])].filter(isWithin);
  const found = keys.sort((a, b) => (order(a) < order(b) ? -1 : 1));
  const entries = found.flatMap((key) => {
    const result = loadFrom(disk, key);
    return result.status === 'found' ? [{ key, record: result.record }] : [];
  });
  const damaged = found.filter((key) => loadFrom(disk, key).status === 'damaged');
  return { entries, damaged, isLast: true };
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 8));
}

export function isOfDisk(effect: Effect): effect is DiskEffect {
  return OF_DISK.has(effect.type);
}

const OF_DISK = new Set<Effect['type']>([
  ...(['store', 'drop', 'keepHint', 'forgetHint', 'renounce', 'keepHeights'] as const),
  ...(['keepVote', 'keepDocument', 'keepCluster'] as const),
]);

export function hintName(target: NodeId, key: Key): string {
  return `${target} ${key}`;
}
