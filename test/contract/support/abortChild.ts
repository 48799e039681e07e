import { openLevelStorage } from '../../../services/node/adapters/level-storage.js';
import { nodeDigests, systemEntropy } from '../../../services/node/adapters/system.js';

/**
 * Child process that opens a storage and ends as LevelDB ends it where an assertion of its own fails. Argument: the
 * database's directory. Prints what a person would find in the log.
 */

const [directory = ''] = process.argv.slice(2);
await openLevelStorage({
  directory,
  partitions: 256,
  founding: true,
  digests: nodeDigests(),
  entropy: systemEntropy(),
  metrics: { count: () => undefined, observe: () => undefined, gauge: () => undefined },
  log: { log: (level, message) => void process.stdout.write(`${level} ${message}\n`) },
});
process.kill(process.pid, 'SIGABRT');
