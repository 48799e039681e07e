import type { Cleanup } from '../support/cleanup.js';
import { nodeIds, waitForLinks } from '../support/nodes.js';
import type { PortBlock } from '../support/ports.js';
import { isAlive, waitUntil } from '../support/processes.js';
import { resourcesOf, type Resources } from '../support/resources.js';
import { startSupervised, type SupervisedCluster } from '../support/supervised.js';
import type { Verdict } from '../workload/verdict.js';
import { judgeLoad, startLoad, type Load, type LoadSize } from './load.js';

/**
 * SIGKILL under load. `replica`: a node that no client talks to. `coordinator`: the node that all clients talk to first;
 * they go on with the others. `all`: every node at once. The supervisor starts the dead again while the load goes on.
 */
export type KillTarget = 'replica' | 'coordinator' | 'all';

export interface KillOptions {
  readonly target: KillTarget;
  readonly size: LoadSize;
  /** How often the fault strikes, evenly spread over the run. */
  readonly faults: number;
  readonly folder: string;
  readonly ports: PortBlock;
  readonly cleanup: Cleanup;
  readonly say: (line: string) => void;
}

export interface KillResult {
  readonly verdict: Verdict;
  readonly logFile: string;
  /** By node, when the load was warm and when it had ended. */
  readonly resources: ReadonlyMap<
    string,
    readonly [before: Resources | undefined, after: Resources | undefined]
  >;
}

const NODES = 3;
const BACK_TIMEOUT_MS = 60_000;

/** Rejects where the cluster cannot be started, or does not come back. */
export async function runKill(options: KillOptions): Promise<KillResult> {
  const { folder, ports, cleanup, size, say } = options;
  const cluster = startSupervised({ folder, ports, nodes: NODES });
  cleanup.defer('end the cluster', () => cluster.killAll());
  await cluster.ready;
  await waitForLinks(cluster.urls);
  const load = startLoad(size, folder, clientsOf(options.target, cluster));
  cleanup.defer('end the load', () => load.workload.stop());
  const share = 1 / (options.faults + 1);
  await load.reach(share);
  const before = snapshot(cluster);
  for (let fault = 0; fault < options.faults; fault++) {
    await load.reach(share * (fault + 1));
    await strike(options, cluster, load, fault);
  }
  await load.reach(1);
  load.workload.stop();
  const { run, sent, seed } = await load.workload.done;
  say(`run ${run}, seed ${String(seed)}: ${String(sent)} requests; reading everything back`);
  const after = snapshot(cluster);
  const verdict = await judgeLoad(size, load.logFile, cluster.urls);
  const resources = new Map(
    nodeIds(NODES).map((node) => [node, [before.get(node), after.get(node)] as const]),
  );
  return { verdict, logFile: load.logFile, resources };
}

function clientsOf(
  target: KillTarget,
  { urls }: SupervisedCluster,
): { urls: readonly string[]; startAt: 'spread' | 'first' } {
  switch (target) {
    case 'replica':
      return { urls: urls.slice(0, -1), startAt: 'spread' };
    case 'coordinator':
      return { urls, startAt: 'first' };
    case 'all':
      return { urls, startAt: 'spread' };
  }
}

function victimsOf(target: KillTarget, fault: number): readonly string[] {
  const nodes = nodeIds(NODES);
  switch (target) {
    case 'replica':
      return nodes.slice(-1);
    // After each fault most clients sit at the next node.
    case 'coordinator':
      return nodes.slice(fault % NODES, (fault % NODES) + 1);
    case 'all':
      return nodes;
  }
}

async function strike(
  options: KillOptions,
  cluster: SupervisedCluster,
  load: Load,
  fault: number,
): Promise<void> {
  const victims = victimsOf(options.target, fault);
  const pids = victims.map((node) => cluster.pidOf(node));
  load.workload.mark('fault');
  for (const node of victims) cluster.kill(node, 'SIGKILL');
  options.say(`SIGKILL to ${victims.join(', ')} with ${String(load.workload.inFlight())} requests in flight`);
  const isBack = (): boolean => victims.every((node, index) => isNew(cluster.pidOf(node), pids[index]));
  await waitUntil(`${victims.join(', ')} is started again`, isBack, BACK_TIMEOUT_MS);
  await cluster.waitReady(BACK_TIMEOUT_MS);
  await waitForLinks(cluster.urls, BACK_TIMEOUT_MS);
  load.workload.mark('healed');
}

function isNew(pid: number | undefined, old: number | undefined): boolean {
  return pid !== undefined && pid !== old && isAlive(pid);
}

function snapshot(cluster: SupervisedCluster): Map<string, Resources | undefined> {
  return new Map(
    nodeIds(NODES).map((node) => {
      const pid = cluster.pidOf(node);
      return [node, pid === undefined ? undefined : resourcesOf(pid)];
    }),
  );
}
