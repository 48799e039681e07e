import type { Key } from '../../../services/node/core/types.js';
import { recordBytes } from '../../../services/node/core/versioning/record.js';
import { decodeRecord } from '../../../services/node/core/versioning/recordCodec.js';
import type { Directory } from '../directory.js';
import type { Machine } from '../machine.js';
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
    const contents = holders.map(({ directory }) => Buffer.from(directory.records.get(key) ?? []));
    if (damaged.length === 0 && contents.some((bytes) => !bytes.equals(contents[0]!))) {
      const who = holders.map(({ id, directory }) => `${id} has ${clockOf(directory, key)}`).join(', ');
      scene.report('I12', `the replicas of ${key} differ: ${who}`);
    }
    for (const { id, directory } of machines) {
      if (primaries.includes(id) || !directory.records.has(key)) continue;
      scene.report('I12', `${id} still has ${key}, which it does not hold`);
    }
  }
}

/** No node takes it from another. */
function isTooLarge({ records }: Directory, key: Key, bytesMax: number): boolean {
  const bytes = records.get(key);
  return bytes !== undefined && recordBytes(decodeRecord(bytes)) > bytesMax;
}

function isComplete({ life }: Machine): boolean {
  return life?.node.view().complete === true;
}

function clockOf({ records }: Directory, key: Key): string {
  const bytes = records.get(key);
  return bytes ? decodeRecord(bytes).clock.map(nameOf).join(' ') : 'nothing';
}
