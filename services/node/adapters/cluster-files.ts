import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { voteOf, voteText } from '../core/membership/vote.js';
import type { Vote } from '../core/protocol/vote.js';
import type { Cluster } from '../core/types.js';
import type { ClusterStore } from '../ports/clusterStore.js';
import type { Entropy } from '../ports/entropy.js';
import type { Log } from '../ports/telemetry.js';
import { clusterOf, clusterText } from './cluster-files/clusterText.js';
import { type KeptFile, openKeptFile } from './cluster-files/keptFile.js';
import { CLUSTER_FILE, VOTE_FILE } from './cluster-files/names.js';

/** What a data directory knows of its cluster, in two small files beside the database (R7, R8). */
export interface ClusterFiles extends ClusterStore {
  /** The newest that is known to be durable; none before this node belongs to a cluster. */
  readonly cluster: Cluster | undefined;
  /** As it was when the files were opened. */
  readonly vote: Vote;
}

export interface ClusterFilesOptions {
  /** The node's data directory; made where it is missing. */
  readonly directory: string;
  readonly entropy: Entropy;
  readonly log: Log;
}

const VOTER_BYTES = 8;

/**
 * Opens `cluster.json`, the document with the key of versions, and `vote.json`, this node's word on the next document. Each
 * is replaced as a whole, so that a crash leaves the old one or the new one. A damaged file is set aside as
 * `….damaged-1` and counts as lost: the document is learnt again from the others, and a lost vote gets a new voter id, which
 * is durable before anybody sees it and counts for nothing until a document lists it. Rejects where a file cannot be read or
 * written.
 */
export async function openClusterFiles(options: ClusterFilesOptions): Promise<ClusterFiles> {
  const { directory, log } = options;
  await mkdir(directory, { recursive: true });
  const clusterFile = await openKeptFile(join(directory, CLUSTER_FILE), clusterOf, log);
  const voteFile = await openKeptFile(join(directory, VOTE_FILE), voteOf, log);
  const vote = voteFile.found ?? (await newVote(voteFile, options));
  let cluster = clusterFile.found;
  const keepCluster: ClusterStore['keepCluster'] = (next, done) => {
    clusterFile.replace(
      () => clusterText(next),
      (error) => {
        if (!error) cluster = next;
        done(error);
      },
    );
  };
  return {
    vote,
    get cluster() {
      return cluster;
    },
    keepVote: (next, done) => {
      voteFile.replace(() => voteText(next), done);
    },
    keepCluster,
    keepDocument: (document, done) => {
      if (cluster) keepCluster({ ...cluster, document }, done);
      else setImmediate(done, new Error('there is no cluster whose document this could be'));
    },
    idle: async () => {
      await Promise.all([clusterFile.idle(), voteFile.idle()]);
    },
  };
}

/** A file without a vote, of a voter that nobody has heard of. */
async function newVote(file: KeptFile<Vote>, { entropy }: ClusterFilesOptions): Promise<Vote> {
  const voter = Buffer.from(entropy.bytes(VOTER_BYTES)).toString('hex');
  const vote: Vote = { kind: 'none', voter };
  await new Promise<void>((resolve, reject) => {
    file.replace(
      () => voteText(vote),
      (error) => {
        if (error) reject(error);
        else resolve();
      },
    );
  });
  return vote;
}
