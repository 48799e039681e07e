import type { ClusterDocument, Key, NodeId } from '../../../services/node/core/types.js';
import { documentText } from '../../../services/node/core/membership/documentText.js';
import { recordBytes } from '../../../services/node/core/versioning/record.js';
import { decodeRecord } from '../../../services/node/core/versioning/recordCodec.js';
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
    if (machines.some(({ directory }) => isTooLarge(directory, key, cellBytesMax))) continue;
    const primaries = scene.primaries(key);
    const holders = machines.filter(({ id }) => primaries.includes(id)).filter(isComplete);
    const damaged = holders.filter(({ directory }) => directory.quarantined.has(key));
    if (holders.length < primaries.length) continue;
    const majority = Math.floor(primaries.length / 2) + 1;
    // With fewer sound copies nobody can know what was acknowledged.
    const isEnough = holders.length - damaged.length >= primaries.length - majority + 1;
    for (const { id } of isEnough ? damaged : []) {
      scene.report('I12', `${key} is still damaged on ${id}`);
    }
    // Nor is what another keeps for a damaged replica handed over to it.
    if (damaged.length > 0) continue;
    const contents = holders.map(({ directory }) => Buffer.from(directory.records.get(key) ?? []));
    if (contents.some((bytes) => !bytes.equals(contents[0]!))) {
      const who = holders.map(({ id, directory }) => `${id} has ${clockOf(directory, key)}`).join(', ');
      scene.report('I12', `the replicas of ${key} differ: ${who}`);
    }
    for (const { id, directory } of machines) {
      if (primaries.includes(id) || !directory.records.has(key)) continue;
      scene.report('I12', `${id} still has ${key}, which it does not hold`);
    }
  }
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
