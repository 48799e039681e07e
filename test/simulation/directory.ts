import type { Actor, Clock, Key, NodeId } from '../../services/node/core/types.js';
import type { StorageIdentity } from '../../services/node/ports/storage.js';
import type { Random } from './random.js';

/** What is on a disk: it outlives processes. Records are bytes, so that nothing is shared with anybody. */
export interface Directory {
  readonly node: NodeId;
  readonly actor: Actor;
  readonly complete: boolean;
  readonly records: Map<Key, Uint8Array>;
  /** Keys whose record was damaged: served never again, whatever is written to them (ports/storage.ts). */
  readonly quarantined: Set<Key>;
  counter: number;
  sequence: number;
  incarnation: number;
  /** Not on the disk but for the judge: what was ever durable here, whatever became of it. */
  readonly witnessed: Map<Key, Clock>;
  /** When it was wiped, or put back to an old copy; from then on it counts as a lost disk. */
  lostAtMs: number | undefined;
}

/** A directory made for an empty disk: a new actor (I4), and complete only where the cluster is being founded (R3). */
export function makeDirectory(node: NodeId, founding: boolean, random: Random): Directory {
  const digits = Array.from({ length: 16 }, () => random.below(16).toString(16));
  return { ...emptyDirectory(node), actor: digits.join('') as Actor, complete: founding };
}

/** What stands in the place of a wiped directory. */
export function remakeDirectory(lost: Directory, random: Random): Directory {
  return makeDirectory(lost.node, false, random);
}

/** Opens a directory for one more life: one more incarnation, and never one that an earlier directory may have had. */
export function openDirectory(directory: Directory, wallSeconds: number): StorageIdentity {
  directory.incarnation = Math.max(directory.incarnation + 1, wallSeconds);
  directory.sequence++;
  const { actor, counter, sequence, incarnation, complete } = directory;
  return { actor, counter, sequence, incarnation, complete };
}

/** As a backup would keep it. */
export function copyDirectory(directory: Directory): Directory {
  return {
    ...directory,
    records: new Map(directory.records),
    quarantined: new Set(directory.quarantined),
    witnessed: new Map(directory.witnessed),
  };
}

/** The record's checksum does not hold any more. */
export function damageRecord(directory: Directory, key: Key): boolean {
  if (!directory.records.delete(key)) return false;
  directory.quarantined.add(key);
  return true;
}

function emptyDirectory(node: NodeId): Omit<Directory, 'actor' | 'complete'> {
  const maps = { records: new Map(), quarantined: new Set<Key>(), witnessed: new Map() };
  return { node, ...maps, counter: 0, sequence: 0, incarnation: 0, lostAtMs: undefined };
}
