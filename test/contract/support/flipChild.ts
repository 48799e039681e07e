import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { openLevelStorage } from '../../../services/node/adapters/level-storage.js';
import { nodeDigests, systemEntropy } from '../../../services/node/adapters/system.js';
import { bytesOf, keyOf, read, recordOf } from './records.js';

/**
 * Child process of the test that flips bits of a table file: a process of its own, because LevelDB ends the whole process
 * where its assertions meet some kinds of damage. Arguments: the database's directory, the name of its table, how many
 * keys `k0`, `k1`, … there are, and the bits to flip, each in a copy of its own. Prints each bit before it begins, and
 * what is served wrong.
 */

const [directory = '', table = '', keys = '', ...bits] = process.argv.slice(2);
const copy = `${directory}-flipped`;

async function readAll(): Promise<void> {
  const storage = await openLevelStorage({
    directory: copy,
    partitions: 256,
    founding: true,
    digests: nodeDigests(),
    entropy: systemEntropy(),
    metrics: { count: () => undefined, observe: () => undefined, gauge: () => undefined },
    log: { log: () => undefined },
  });
  for (let i = 0; i < Number(keys); i++) {
    const result = await read(storage, keyOf(`k${i}`));
    const isWrong =
      result.status === 'found' && !isDeepStrictEqual(result.record, recordOf(i + 1, bytesOf(`k${i}`)));
    if (isWrong) process.stdout.write(`wrong k${i}\n`);
  }
  await storage.close();
}

const sound = await readFile(join(directory, table));
for (const bit of bits.map(Number)) {
  process.stdout.write(`bit ${bit}\n`);
  for (const place of [copy, `${copy}.damaged-1`]) await rm(place, { recursive: true, force: true });
  await cp(directory, copy, { recursive: true });
  const flipped = Buffer.from(sound);
  flipped[bit >> 3]! ^= 1 << (bit & 7);
  await writeFile(join(copy, table), flipped);
  // Damage at the end of the file is found at once, and an empty directory read instead.
  await readAll();
}
