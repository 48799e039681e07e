import type { ClusterDocument, Key, NodeId, VersionedRecord } from '../../../services/node/core/types.js';
import { documentText } from '../../../services/node/core/membership/documentText.js';
import { reapableOf, type ReapRules } from '../../../services/node/core/repair/reapable.js';
import { EMPTY_RECORD, recordBytes, sameRecord } from '../../../services/node/core/versioning/record.js';
import { decodeRecord } from '../../../services/node/core/versioning/recordCodec.js';
import { trimmed } from '../../../services/node/core/versioning/trim.js';
import type { Directory } from '../directory.js';
import { isComplete, type Machine } from '../machine.js';
import { nameOf } from './dots.js';
import type { Scene } from './scene.js';

/**
 * Judges what is left when faults have stopped (I12): every complete replica of a key holds the same bytes, and nobody else
 * holds any.
 */
export function checkConvergence(
  scene: Scene,
  machines: readonly Machine[],
  keys: readonly Key[],
  cellBytesMax: number,
): void {
  checkDocuments(scene, machines);
  checkRebuilt(scene, machines);
  for (const key of keys) {
    if (!isJudged(scene, machines, key, cellBytesMax)) continue;
    const primaries = scene.primaries(key);
    const holders = replicasOf(scene, machines, key);
    const damaged = holders.filter(({ directory }) => directory.quarantined.has(key));
    const majority = Math.floor(primaries.length / 2) + 1;
    // With fewer sound copies nobody can know what was acknowledged.
    const isEnough = holders.length - damaged.length >= primaries.length - majority + 1;
    for (const { id } of isEnough ? damaged : []) {
      scene.report('I12', `${key} is still damaged on ${id}`);
    }
    // Nor is what another keeps for a damaged replica handed over to it.
    if (damaged.length > 0) continue;
    if (differ(holders, key)) {
      const who = holders.map(({ id, directory }) => `${id} has ${clockOf(directory, key)}`).join(', ');
      scene.report('I12', `the replicas of ${key} differ: ${who}`);
    }
    for (const { id, directory } of machines) {
      if (primaries.includes(id) || !directory.records.has(key)) continue;
      scene.report('I12', `${id} still has ${key}, which it does not hold`);
    }
  }
}

/**
 * Whether replicas differ, and none of them by more than what the rules of reaping let it forget by now. What all have
 * agreed to, each forgets when it hears of it and has read the record: for some milliseconds one has it and another has
 * not, now and then for as long as the cluster lives (R13, R14).
 */
export function isForgetting(
  scene: Scene,
  machines: readonly Machine[],
  keys: readonly Key[],
  { cellBytesMax, ...rules }: ReapRules & { readonly cellBytesMax: number },
): boolean {
  const differing = keys.filter((key) => {
    const holders = replicasOf(scene, machines, key);
    const isSound = holders.every(({ directory }) => !directory.quarantined.has(key));
    return isSound && isJudged(scene, machines, key, cellBytesMax) && differ(holders, key);
  });
  const differsByThat = (key: Key): boolean => {
    const lasting = replicasOf(scene, machines, key).map(({ id, directory }) => {
      return lastingOf(directory, key, { ...rules, wallMs: scene.wallMs(id) });
    });
    return lasting.every((record) => sameRecord(record, lasting[0]!));
  };
  return differing.length > 0 && differing.every(differsByThat);
}

/** What is left of a record when all is forgotten that may be; an empty one where nothing is. */
function lastingOf(
  { records }: Directory,
  key: Key,
  { graceMs, ...rules }: ReapRules & { readonly wallMs: number },
): VersionedRecord {
  const bytes = records.get(key);
  const record = bytes ? decodeRecord(bytes) : EMPTY_RECORD;
  const { items } = reapableOf(key, record, { ...rules, ageMs: graceMs });
  return items.reduce(
    (left, item) => (item.what === 'entry' ? trimmed(left, item.dot) : EMPTY_RECORD),
    record,
  );
}

/** Where all replicas are complete, and take the record from each other. */
function isJudged(scene: Scene, machines: readonly Machine[], key: Key, cellBytesMax: number): boolean {
  if (machines.some(({ directory }) => isTooLarge(directory, key, cellBytesMax))) return false;
  return replicasOf(scene, machines, key).length >= scene.primaries(key).length;
}

/** Those that count. */
function replicasOf(scene: Scene, machines: readonly Machine[], key: Key): readonly Machine[] {
  const primaries = scene.primaries(key);
  return machines.filter(({ id }) => primaries.includes(id)).filter(isComplete);
}

/** Byte by byte. */
function differ(replicas: readonly Machine[], key: Key): boolean {
  const contents = replicas.map(({ directory }) => Buffer.from(directory.records.get(key) ?? []));
  return contents.some((bytes) => !bytes.equals(contents[0]!));
}

/** There is one document, and everybody has it (R7). */
function checkDocuments({ report }: Scene, machines: readonly Machine[]): void {
  const texts = machines.map(({ life }) => {
    const document = life?.node.view().document;
    return document ? documentText(document) : 'none';
  });
  if (new Set(texts).size <= 1) return;
  const epochs = machines.map(({ id, life }) => `${id} ${String(life?.node.view().document?.epoch)}`);
  report('R7', `nodes have different documents: ${epochs.join(', ')}`);
}

/** A node is complete again where enough others are, of everything that it holds (R10). */
function checkRebuilt(scene: Scene, machines: readonly Machine[]): void {
  const complete = new Set(machines.filter(isComplete).map(({ id }) => id));
  for (const { id, directory, life } of machines) {
    if (complete.has(id)) continue;
    const sets = setsOf(life?.node.view().document).filter((set) => set.includes(id));
    const isPossible = sets.every((set) => {
      const majority = Math.floor(set.length / 2) + 1;
      return set.filter((node) => complete.has(node)).length >= set.length - majority + 1;
    });
    // A damaged key that cannot be mended keeps its node from being complete.
    if (isPossible && sets.length > 0 && directory.quarantined.size === 0) {
      scene.report('R10', `${id} is not complete, though enough others are`);
    }
  }
}

/** Of every partition, whether it has a key or not: two that are both rebuilt may wait for each other in one without. */
function setsOf(document: ClusterDocument | undefined): readonly (readonly NodeId[])[] {
  const { nodes = [], placement = [] } = document ?? {};
  return placement.map(({ now }) => now.flatMap((index) => nodes[index]?.id ?? []));
}

/** No node takes it from another. */
function isTooLarge({ records }: Directory, key: Key, bytesMax: number): boolean {
  const bytes = records.get(key);
  return bytes !== undefined && recordBytes(decodeRecord(bytes)) > bytesMax;
}

function clockOf({ records }: Directory, key: Key): string {
  const bytes = records.get(key);
  return bytes ? decodeRecord(bytes).clock.map(nameOf).join(' ') : 'nothing';
}
