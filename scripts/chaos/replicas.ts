import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { partitionOf } from '../../services/node/core/ring/position.js';
import { createRing } from '../../services/node/core/ring/replicaSets.js';
import type { ClusterDocument } from '../../services/node/core/types.js';
import { pageAt } from '../support/page.js';
import { viewOf } from '../support/nodeViews.js';
import { waitUntil } from '../support/processes.js';
import type { SeparateCluster } from '../support/separate.js';
import { holdings, type Held } from './dumps.js';

/**
 * Whether replicas are the same (I12), by everything that every node's disk holds: each key lies on exactly the nodes that
 * the cluster document says, with the same version and the same values on each, and nowhere else.
 */
export interface Sameness {
  /** Until then; undefined where it did not come about in time. */
  readonly seconds: number | undefined;
  readonly keys: number;
  /** What was last seen to differ, a line each. */
  readonly differences: readonly string[];
}

const WHERE_TIMEOUT_MS = 10_000;
const DIFFERENCES_SHOWN = 5;
/** To dump everything is work for nodes that have other things to do. */
const PAUSE_MS = 250;

/** Looks again and again until replicas are the same, for `timeoutMs` at most; `sinceMs` of the monotonic clock. */
export async function untilSame(
  cluster: SeparateCluster,
  timeoutMs: number,
  sinceMs = performance.now(),
): Promise<Sameness> {
  let last = { keys: 0, differences: ['nobody has looked'] as readonly string[] };
  const isSame = async (): Promise<boolean> => {
    last = await lookAtAll(cluster);
    if (last.differences.length === 0) return true;
    await sleep(PAUSE_MS);
    return false;
  };
  try {
    await waitUntil('all replicas are the same', isSame, timeoutMs);
    return { ...last, seconds: (performance.now() - sinceMs) / 1000 };
  } catch (error) {
    if (last.differences.length === 0) throw error;
    return { ...last, seconds: undefined };
  }
}

/** A line for each way in which it is not as it must be, the first of them at least. */
export function whyNotSame({ seconds, differences }: Sameness): string[] {
  if (seconds !== undefined) return [];
  const shown = differences.slice(0, DIFFERENCES_SHOWN).join('; ');
  return [`replicas did not become the same: ${String(differences.length)} differences: ${shown}`];
}

async function lookAtAll({ nodes }: SeparateCluster): Promise<Pick<Sameness, 'keys' | 'differences'>> {
  const documents = await documentsOf(nodes);
  const [first] = documents;
  if (!first || documents.length < nodes.length) return { keys: 0, differences: ['a node does not answer'] };
  const epochs = documents.map(({ epoch }) => epoch);
  if (new Set(epochs).size > 1)
    return { keys: 0, differences: [`the nodes are in the epochs ${epochs.join(', ')}`] };
  const held = await holdings(nodes);
  const keys = [...new Set([...held.values()].flatMap((records) => [...records.keys()]))].sort();
  return { keys: keys.length, differences: differencesOf(first, held, keys) };
}

async function documentsOf(nodes: SeparateCluster['nodes']): Promise<readonly ClusterDocument[]> {
  const views = await Promise.all(nodes.map(({ url }) => viewOf(url)));
  return views.flatMap((view) => (view ? [view.document] : []));
}

/** `keys` in base64. */
export function differencesOf(
  document: ClusterDocument,
  held: ReadonlyMap<string, Held>,
  keys: readonly string[],
): string[] {
  const ring = createRing(document);
  return keys.flatMap((key) => {
    const digest = createHash('md5').update(Buffer.from(key, 'base64')).digest();
    const partition = partitionOf(digest, document.partitions);
    const primaries: readonly string[] = ring.replicaSet(partition).primaries;
    const found = [...held].filter(([, records]) => records.has(key)).map(([node]) => node);
    const stray = found.filter((node) => !primaries.includes(node));
    const missing = primaries.filter((node) => !found.includes(node));
    const contents = new Set(found.map((node) => held.get(node)?.get(key)));
    const name = `key ${key}, partition ${String(partition)} of ${primaries.join(', ')}`;
    return [
      ...(stray.length > 0 ? [`${name}: a stray copy at ${stray.join(', ')}`] : []),
      ...(missing.length > 0 ? [`${name}: missing at ${missing.join(', ')}`] : []),
      ...(contents.size > 1 ? [`${name}: ${String(contents.size)} different records`] : []),
    ];
  });
}

interface Holder {
  readonly node: string;
  readonly status: string;
  readonly hash?: string;
}

/**
 * The same by the hashes of the records themselves, which cover what a dump does not show. One line for each key whose
 * replicas the node at `url` finds different.
 */
export async function differentHashes(url: string, keys: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const key of keys) {
    const path = Buffer.from(key, 'base64').toString('base64url');
    const { status, text } = await pageAt(`${url}/internal/where/${path}`, WHERE_TIMEOUT_MS);
    const { primaries = [] } = (status === 200 ? JSON.parse(text) : {}) as { primaries?: readonly Holder[] };
    const hashes = new Set(primaries.map((holder) => holder.hash ?? holder.status));
    if (hashes.size !== 1 || primaries.some((holder) => holder.status !== 'found'))
      found.push(`key ${key}: ${String(status)} ${text.slice(0, 300)}`);
  }
  return found;
}
