import { documentOf, documentText } from '../../services/node/core/membership/documentText.js';
import { voteText } from '../../services/node/core/membership/vote.js';
import type { Cluster, ClusterDocument } from '../../services/node/core/types.js';
import type { ClusterStore } from '../../services/node/ports/clusterStore.js';
import type { Directory } from './directory.js';
import type { Gate } from './gate.js';
import type { Schedule } from './schedule.js';
import type { DiskState } from './storage.js';

/** The files beside the database, on the same simulated disk: a change is durable as a whole, or not at all. */
export interface ClusterStoreParts {
  readonly directory: Directory;
  readonly disk: DiskState;
  readonly gate: Gate;
  readonly schedule: Schedule;
  readonly syncMs: () => number;
}

export interface SimulatedClusterStore extends ClusterStore {
  /** The process is gone: what is under way reaches the disk or not. */
  crash(batch: 'kept' | 'torn'): void;
}

export function openClusterStore(parts: ClusterStoreParts): SimulatedClusterStore {
  const { directory, disk, gate, schedule, syncMs } = parts;
  const underway = new Set<() => void>();
  let crashed = false;
  const change = (apply: () => void, done: (error?: Error) => void): void => {
    underway.add(apply);
    schedule.after(syncMs() + disk.slowMs, () => {
      if (crashed) return;
      underway.delete(apply);
      const failed = disk.failing;
      if (!failed || disk.failedReaches) apply();
      gate.enter(() => {
        done(failed ? new Error('the file could not be written') : undefined);
      });
    });
  };
  const keep = (cluster: Cluster): void => {
    directory.cluster = copied(cluster);
  };
  return {
    keepVote: (vote, done) => {
      const text = voteText(vote);
      change(() => {
        directory.vote = text;
      }, done);
    },
    keepDocument: (document, done) => {
      const { versionKey } = directory.cluster!;
      change(() => {
        keep({ document, versionKey });
      }, done);
    },
    keepCluster: (cluster, done) => {
      change(() => {
        keep(cluster);
      }, done);
    },
    idle: () => Promise.resolve(),
    crash: (batch) => {
      crashed = true;
      if (batch === 'kept') for (const apply of underway) apply();
    },
  };
}

/** As text, so that nothing is shared. */
function copied({ document, versionKey }: Cluster): Cluster {
  return { document: copyOf(document), versionKey: versionKey.slice() };
}

function copyOf(document: ClusterDocument): ClusterDocument {
  const copy = documentOf(documentText(document));
  if (!copy) throw new Error('a document is not sound');
  return copy;
}
