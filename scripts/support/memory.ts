import { setTimeout as sleep } from 'node:timers/promises';
import { resourcesOf, type Resources } from './resources.js';

/**
 * What a node holds once its garbage is gone. The node knows nothing of it: flags of Node.js itself give its process a
 * signal that collects, and without them a process may sit on garbage for as long as it has room.
 */
export const COLLECTABLE: readonly string[] = [
  '--expose-gc',
  `--import=data:text/javascript,process.on('SIGUSR2',()=>globalThis.gc())`,
];

const COLLECTIONS = 3;
const PAUSE_MS = 300;

/** The least of some measurements, each after a collection; undefined where the process, started with {@link COLLECTABLE}, is gone. */
export async function settledResources(pid: number): Promise<Resources | undefined> {
  let least: Resources | undefined;
  for (let left = COLLECTIONS; left > 0; left--) {
    if (!signal(pid)) return undefined;
    await sleep(PAUSE_MS);
    const found = resourcesOf(pid);
    if (found && found.ownBytes < (least?.ownBytes ?? Infinity)) least = found;
  }
  return least;
}

function signal(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGUSR2');
  } catch {
    return false;
  }
}
