import { nodeDigests, systemEntropy } from '../../../services/node/adapters/system.js';
import { openLevelStorage } from '../../../services/node/adapters/level-storage.js';
import type { Storage } from '../../../services/node/ports/storage.js';
import { changeAll, hintOf, recordOf } from './records.js';

/**
 * Child process of the crash test: stores key after key with a hint for it, 32 at a time, until it is killed, and prints
 * `kept` and the counter when both are acknowledged. Of even counters it lets go of both again and prints `gone`.
 * Argument: the database's directory.
 */

const WRITERS = 32;
let counter = 0;

async function writeForever(storage: Storage): Promise<never> {
  for (;;) {
    const mine = ++counter;
    const hint = hintOf('away', `key ${mine}`, mine);
    const { key, target } = hint;
    await changeAll(storage, [
      { type: 'record', key, record: recordOf(mine), counter: mine },
      { type: 'keepHint', hint },
    ]);
    process.stdout.write(`kept ${mine}\n`);
    if (mine % 2 === 1) continue;
    await changeAll(storage, [
      { type: 'forgetHint', target, key },
      { type: 'drop', key },
    ]);
    process.stdout.write(`gone ${mine}\n`);
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
