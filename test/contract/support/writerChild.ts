import { nodeDigests, systemEntropy } from '../../../services/node/adapters/system.js';
import { openLevelStorage } from '../../../services/node/adapters/level-storage.js';
import type { Storage } from '../../../services/node/ports/storage.js';
import { keyOf, recordOf, write } from './records.js';

/**
 * Child process of the crash test: writes key after key, 32 at a time, until it is killed, and prints each counter when
 * its write is acknowledged. Argument: the database's directory.
 */

const WRITERS = 32;
let counter = 0;

async function writeForever(storage: Storage): Promise<never> {
  for (;;) {
    const mine = ++counter;
    await write(storage, keyOf(`key ${mine}`), recordOf(mine));
    process.stdout.write(`${mine}\n`);
  }
}

const [directory = ''] = process.argv.slice(2);
const opened = await openLevelStorage({
  directory,
  partitions: 256,
  founding: true,
  digests: nodeDigests(),
  entropy: systemEntropy(),
  metrics: { count: () => undefined, observe: () => undefined, gauge: () => undefined },
  log: { log: () => undefined },
});
await Promise.all(Array.from({ length: WRITERS }, () => writeForever(opened)));
