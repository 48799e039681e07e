import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { nodeDigests } from '../../services/node/adapters/system.js';
import type { NodeId } from '../../services/node/core/types.js';
import type { Storage } from '../../services/node/ports/storage.js';
import { damageRecord, type Directory, makeDirectory, openDirectory } from '../simulation/directory.js';
import { createGate } from '../simulation/gate.js';
import { stream } from '../simulation/random.js';
import { createSchedule } from '../simulation/schedule.js';
import { type DiskState, openStorage } from '../simulation/storage.js';
import { describeScans } from './storageScans.js';
import { keyOf, recordOf, write } from './support/records.js';

const ignored = (): void => undefined;

/** A storage of the simulator whose clock runs with the event loop. */
function running(directory: Directory, disk: DiskState) {
  const schedule = createSchedule();
  let now = 0;
  let isOver = false;
  const storage = openStorage({
    directory,
    identity: openDirectory(directory, 100),
    disk,
    gate: createGate(),
    schedule,
    md5: (key) => nodeDigests().md5(key),
    syncMs: () => 1,
    readMs: () => 0,
    ...{ onDurable: ignored, onChanged: ignored, onRefused: ignored, onTorn: ignored, onFailed: ignored },
  });
  const pump = async (): Promise<void> => {
    while (!isOver) {
      await schedule.run(++now);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const ended = pump();
  const end = async (): Promise<void> => {
    isOver = true;
    await ended;
  };
  return { storage, end };
}

describe('storage contract: simulated', () => {
  let directory: Directory;
  let life: { readonly storage: Storage; end(): Promise<void> };
  const disk: DiskState = { failing: false, failedReaches: false, slowMs: 0 };

  beforeEach(() => {
    directory = makeDirectory('n1' as NodeId, true, stream('0', 'disk'));
    disk.failing = false;
    life = running(directory, disk);
  });

  afterEach(() => life.end());

  describeScans({
    storage: () => life.storage,
    async reopen(between) {
      await life.storage.close();
      await life.end();
      await between?.();
      life = running(directory, disk);
    },
    async damage(key) {
      damageRecord(directory, key, 0);
    },
  });

  it('begins no scan while the disk refuses writes', async () => {
    disk.failing = true;
    await expect(write(life.storage, keyOf('k'), recordOf(1))).rejects.toThrow();
    const range = { from: new Uint8Array(8) as never, through: new Uint8Array(8).fill(0xff) as never };
    const begun = await new Promise((resolve) => life.storage.openScan(range, resolve));
    expect(begun).toBeUndefined();
  });
});
