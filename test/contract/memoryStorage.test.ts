import { nodeDigests } from '../../services/node/adapters/system.js';
import { createMemoryDisk, openMemoryStorage, type MemoryDisk } from '../unit/support/memoryStorage.js';
import { describeStorage } from './storage.js';

describeStorage('in memory', async () => {
  let disk: MemoryDisk | undefined;
  return {
    async open({ founding = true, ...options } = {}) {
      disk ??= createMemoryDisk({ founding });
      return openMemoryStorage(disk, { digests: nodeDigests(), ...options });
    },
    async damage(key) {
      disk?.records.set(key, Uint8Array.of(0xff));
    },
    async dispose() {
      disk = undefined;
    },
  };
});
