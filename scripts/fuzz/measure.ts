import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { resourcesOf } from '../support/resources.js';

/**
 * What a node holds when it rests. It is started with `COLLECTABLE` (scripts/support/memory.ts), and says itself how large
 * its heap is after a collection: the kernel counts also what the process has given back and keeps for the next time.
 */
export interface Measure {
  /** Heap, and buffers beside it. */
  readonly memoryBytes: number;
  /** As the kernel counts, without pages of files. */
  readonly ownBytes: number;
  readonly sockets: number;
  /** Of any kind; the database opens and closes files as it pleases. */
  readonly handles: number;
}

const COLLECTIONS = 3;
const PAUSE_MS = 300;

/** The least of some measurements, each after a collection. `metric` reads one of the node's own. */
export async function measureNode(pid: number, metric: (name: string) => Promise<number>): Promise<Measure> {
  let memoryBytes = Infinity;
  let sockets = Infinity;
  for (let left = COLLECTIONS; left > 0; left--) {
    process.kill(pid, 'SIGUSR2');
    await sleep(PAUSE_MS);
    // Before the node is asked, which takes one.
    sockets = Math.min(sockets, socketsOf(pid));
    const heap = await metric('nodejs_heap_size_used_bytes');
    const external = await metric('nodejs_external_memory_bytes');
    memoryBytes = Math.min(memoryBytes, heap + external);
  }
  const { ownBytes = 0, handles = 0 } = resourcesOf(pid) ?? {};
  return { memoryBytes, ownBytes, sockets, handles };
}

/** One may be there for a moment only: a node dials those that are away. */
function socketsOf(pid: number): number {
  const links = readdirSync(`/proc/${String(pid)}/fd`).map((name) => linkOf(pid, name));
  return links.filter((link) => link.startsWith('socket:')).length;
}

function linkOf(pid: number, name: string): string {
  try {
    return readlinkSync(`/proc/${String(pid)}/fd/${name}`);
  } catch {
    return '';
  }
}
