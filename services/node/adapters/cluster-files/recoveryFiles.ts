import { join } from 'node:path';
import { voteText } from '../../core/membership/vote.js';
import type { Vote } from '../../core/protocol/vote.js';
import type { Cluster } from '../../core/types.js';
import { readTextIfThere, writeTextDurably } from '../../durableFile.js';
import { clusterOf, clusterText } from './clusterText.js';
import { CLUSTER_FILE, VOTE_FILE } from './names.js';

/** The files of a node that does not run, for moving it into another cluster by hand (R11). */

/** The cluster that the directory was in before. */
const BEFORE_FILE = `${CLUSTER_FILE}.before`;

export interface KeptClusters {
  readonly now: Cluster | undefined;
  /** Before the last recovery; undefined where there was none, or the file is no good. */
  readonly before: Cluster | undefined;
}

/** Changes nothing. Rejects where there is a `cluster.json` that cannot be read, or is none. */
export async function readKeptClusters(directory: string): Promise<KeptClusters> {
  return {
    now: await readClusterFile(join(directory, CLUSTER_FILE)),
    before: await readClusterFile(join(directory, BEFORE_FILE)).catch(() => undefined),
  };
}

/** undefined where there is no such file. */
export async function readClusterFile(path: string): Promise<Cluster | undefined> {
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  try {
    return clusterOf(text);
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    throw new Error(`${path} does not say which cluster a node belongs to (${found})`, { cause: error });
  }
}

/**
 * Each file is replaced as a whole; `cluster.json` comes last and decides, so that what a crash leaves behind is finished
 * by doing it again.
 */
export async function replaceCluster(
  directory: string,
  { before, next, vote }: { readonly before: Cluster; readonly next: Cluster; readonly vote: Vote },
): Promise<void> {
  await writeTextDurably(join(directory, BEFORE_FILE), clusterText(before));
  await writeTextDurably(join(directory, VOTE_FILE), voteText(vote));
  await writeTextDurably(join(directory, CLUSTER_FILE), clusterText(next));
}
