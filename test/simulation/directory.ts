import { voteText } from '../../services/node/core/membership/vote.js';
import type { Actor, Clock, Cluster, Height, Hint, Key, NodeId } from '../../services/node/core/types.js';
import type { StorageChange, StorageIdentity } from '../../services/node/ports/storage.js';
import type { Random } from './random.js';

/** What is on a disk: it outlives processes. Records are bytes, so that nothing is shared with anybody. */
export interface Directory {
  readonly node: NodeId;
  actor: Actor;
  complete: boolean;
  readonly records: Map<Key, Uint8Array>;
  /** Keys whose record was damaged: served never again, whatever is written to them, until they are dropped. */
  readonly quarantined: Set<Key>;
  /** By target and key. */
  readonly hints: Map<string, Hint>;
  heights: ReadonlyMap<NodeId, Height>;
  /** Beside the database: what the node knows of its cluster, and its vote, as text. */
  cluster: Cluster | undefined;
  vote: string;
  counter: number;
  sequence: number;
  incarnation: number;
  /** Not on the disk but for the judge: what was ever durable here, whatever became of it. */
  readonly witnessed: Map<Key, Clock>;
  /** Not on the disk but for the judge: keys for which a hint was ever durable here. */
  readonly hinted: Set<Key>;
  /** Not on the disk but for the judge: keys of which a record was damaged, when it was last, whether it was mended since or not. */
  readonly damagedAtMs: Map<Key, number>;
  /** Not on the disk but for the judge: how many hints the life that is led on it began with. */
  hintsAtOpening: number;
  /** Not on the disk but for the judge: the actors that it has renounced. */
  readonly formerActors: Actor[];
  /** Not on the disk but for the judge: the spare actors of the lives that were led on it. */
  readonly spareActors: Actor[];
  /** Not on the disk but for the judge: what it was, where it is an old copy and batches came after it. */
  oldCopyOf: OldCopy | undefined;
  /** When it was wiped, replaced by an old copy, or renounced; from then on it counts as a lost disk. */
  lostAtMs: number | undefined;
}

interface OldCopy {
  readonly actor: Actor;
  readonly counter: number;
}

/** A directory made for an empty disk: a new actor (I4), and complete only where the cluster is being founded (R3). */
export function makeDirectory(node: NodeId, founding: boolean, random: Random): Directory {
  const actor = makeActor(random);
  const vote = voteText({ kind: 'none', voter: makeActor(random) });
  return { ...emptyDirectory(node), actor, vote, cluster: undefined, complete: founding };
}

export function makeActor(random: Random): Actor {
  return Array.from({ length: 16 }, () => random.below(16).toString(16)).join('') as Actor;
}

/** What stands in the place of a wiped directory; what lies beside the database may be left. */
export function remakeDirectory(lost: Directory, what: 'database' | 'all', random: Random): Directory {
  const made = makeDirectory(lost.node, false, random);
  return what === 'all' ? made : { ...made, cluster: lost.cluster, vote: lost.vote };
}

/** Opens a directory for one more life: one more incarnation, and never one that an earlier directory may have had. */
export function openDirectory(directory: Directory, wallSeconds: number): StorageIdentity {
  directory.incarnation = Math.max(directory.incarnation + 1, wallSeconds);
  directory.sequence++;
  directory.hintsAtOpening = directory.hints.size;
  const { actor, counter, sequence, incarnation, complete, heights } = directory;
  const hints = [...directory.hints.values()].sort((a, b) => a.order - b.order);
  return { actor, counter, sequence, incarnation, complete, hints, heights };
}

/** A change as it lies ready for the disk: of a record its bytes, so that nothing is shared. */
export type DurableChange =
  | {
      readonly type: 'record';
      readonly key: Key;
      readonly bytes: Uint8Array;
      readonly counter: number;
      readonly mends?: true;
    }
  | Exclude<StorageChange, { type: 'record' }>;

/** The change is on the disk. */
export function applyChange(directory: Directory, change: DurableChange): void {
  switch (change.type) {
    case 'record':
      directory.records.set(change.key, change.bytes);
      if (change.mends) directory.quarantined.delete(change.key);
      directory.counter = Math.max(directory.counter, change.counter);
      return;
    case 'drop':
      directory.records.delete(change.key);
      directory.quarantined.delete(change.key);
      return;
    case 'keepHint':
      directory.hints.set(hintName(change.hint), change.hint);
      return;
    case 'forgetHint':
      directory.hints.delete(hintName(change));
      return;
    case 'renounce':
      renounce(directory, change.actor, change.counter);
      return;
    case 'keepHeights':
      directory.heights = change.heights;
  }
}

function renounce(directory: Directory, actor: Actor, counter: number): void {
  const known = actor === directory.actor;
  if (!known) directory.formerActors.push(directory.actor);
  directory.counter = known ? Math.max(directory.counter, counter) : counter;
  directory.actor = actor;
  directory.complete = false;
}

export function hintName({ target, key }: Pick<Hint, 'target' | 'key'>): string {
  return JSON.stringify([target, key]);
}

/** As a backup would keep it. */
export function copyDirectory(directory: Directory): Directory {
  return {
    ...directory,
    records: new Map(directory.records),
    quarantined: new Set(directory.quarantined),
    damagedAtMs: new Map(directory.damagedAtMs),
    hints: new Map(directory.hints),
    witnessed: new Map(directory.witnessed),
    hinted: new Set(directory.hinted),
    formerActors: [...directory.formerActors],
    spareActors: [...directory.spareActors],
  };
}

/** The copy as it stands in the place of what it was copied from. */
export function putBackDirectory(copy: Directory, lost: Directory): Directory {
  const { actor, counter, sequence } = copy;
  const isOld = lost.sequence > sequence;
  const { cluster, vote } = lost;
  return { ...copyDirectory(copy), cluster, vote, oldCopyOf: isOld ? { actor, counter } : lost.oldCopyOf };
}

/** The actors under which lives on the directory may have minted. */
export function actorsOf({ actor, formerActors, spareActors }: Directory): readonly Actor[] {
  return [actor, ...formerActors, ...spareActors];
}

/** The record's checksum does not hold any more. */
export function damageRecord(directory: Directory, key: Key, atMs: number): boolean {
  if (!directory.records.delete(key)) return false;
  directory.quarantined.add(key);
  directory.damagedAtMs.set(key, atMs);
  return true;
}

function emptyDirectory(node: NodeId): Omit<Directory, 'actor' | 'complete' | 'vote' | 'cluster'> {
  const records = { records: new Map(), quarantined: new Set<Key>(), hints: new Map(), heights: new Map() };
  const judged = {
    witnessed: new Map(),
    hinted: new Set<Key>(),
    damagedAtMs: new Map<Key, number>(),
    formerActors: [],
    spareActors: [],
  };
  const lost = { oldCopyOf: undefined, lostAtMs: undefined };
  return { node, ...records, ...judged, ...lost, counter: 0, sequence: 0, incarnation: 0, hintsAtOpening: 0 };
}
