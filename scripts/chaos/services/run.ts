import { ERRORS } from '../../../services/node/core/errors.js';
import type { ClusterDocument } from '../../../services/node/core/types.js';
import { settledResources } from '../../support/memory.js';
import { waitForPeers } from '../../support/nodeViews.js';
import { waitUntil } from '../../support/processes.js';
import type { Resources } from '../../support/resources.js';
import type { SeparateCluster } from '../../support/separate.js';
import { measureBystanders } from '../../workload/bystanders.js';
import { readLog } from '../../workload/log.js';
import type { Verdict } from '../../workload/verdict.js';
import { ambiguousRecords } from '../dumps.js';
import { judgeLoad, startLoad, type Load } from '../load.js';
import { untilSame, whyNotSame } from '../replicas.js';
import { paired, type ResourcesByNode, type ScenarioOptions, type ScenarioResult } from '../scenario.js';
import { documentsAt, whyNotListed } from './catalogue.js';
import { SERVICE_FAULTS, type ServiceFault, type ServiceFaultName } from './faults.js';
import { startStack, type Stack } from './stack.js';

/**
 * A service fails under load through HAProxy, and comes back. Nobody helps the nodes: they go on by themselves, with all
 * that was acknowledged, with the same ring, and in Consul's catalogue again.
 */
export interface ServicesOptions extends ScenarioOptions {
  readonly fault: ServiceFaultName;
  /** Its own length where there is none. */
  readonly faultMs?: number | undefined;
  /** Acknowledged writes before memory is measured first. */
  readonly warmUpWrites: number;
}

export interface ServicesResult extends ScenarioResult {
  /** Seconds from the end of the load until all replicas were the same. */
  readonly sameSeconds: number | undefined;
  /** Bounds of memory that a run of full size must keep; a small one has not warmed up enough for them. */
  readonly exceeded: readonly string[];
}

const GROWTH_MAX = 1.2;
/** Connections of clients and queries to Consul come and go. */
const HANDLES_SPARE = 30;
const BACK_TIMEOUT_MS = 90_000;
const SAME_TIMEOUT_MS = 120_000;
/** The load goes on for so many writes after all is well. */
const LAST_WRITES = 500;

/** Rejects where the services or the cluster cannot be started, or the load ends before its time. */
export async function runServices(options: ServicesOptions): Promise<ServicesResult> {
  const { fault: name, size, folder, cleanup, say, warmUpWrites } = options;
  const fault: ServiceFault = SERVICE_FAULTS[name];
  const stack = await startStack(options);
  const { cluster, haproxy } = stack;
  const documents = await documentsAt(cluster.urls);
  const pids = pidsOf(cluster);
  const load = startLoad(size, folder, { urls: [haproxy.url], minNumReads: 2, minNumWrites: 2 });
  cleanup.defer('end the load', () => load.workload.stop());
  await load.reachWrites(warmUpWrites);
  const before = await settled(cluster);
  await load.reachWrites(warmUpWrites + 1);
  load.workload.mark('fault');
  say(`${fault.description}; ${String(load.workload.inFlight())} requests in flight`);
  const struck = await fault.run(stack, options.faultMs ?? fault.seconds * 1000);
  load.workload.mark('healed');
  const back = await untilBack(stack);
  say(`all is well again ${back.seconds} s after its end`);
  await load.reachWrites(Math.max(size.acknowledged, load.workload.acknowledged() + LAST_WRITES));
  const resources = paired(before, await settled(cluster));
  await endLoad(load, say);
  const same = await untilSame(cluster, SAME_TIMEOUT_MS);
  const after = await documentsAt(cluster.urls);
  const judged = await judgeRun(stack, options, load.logFile);
  const figures: ScenarioResult['figures'] = [
    ...struck.figures,
    ['seconds from its end until all is well', back.seconds],
    [
      'seconds from the end of the load until all replicas were the same',
      same.seconds?.toFixed(1) ?? 'never',
    ],
    ['epochs', `${epochsOf(documents)} → ${epochsOf(after)}`],
  ];
  return {
    ...judged,
    ...{ resources, figures, logFile: load.logFile, sameSeconds: same.seconds },
    broken: [
      ...struck.broken,
      ...back.broken,
      ...whyNotSame(same),
      ...whyAnotherRing(documents, after, fault.epochs),
      ...whyRestarted(pids, cluster),
      ...whyErrors(judged.verdict, fault),
      ...judged.broken,
    ],
    exceeded: whyNotFlat(resources),
  };
}

async function endLoad({ workload }: Load, say: (line: string) => void): Promise<void> {
  workload.stop();
  const { run, sent, seed } = await workload.done;
  say(`run ${run}, seed ${String(seed)}: ${String(sent)} requests`);
}

async function judgeRun(
  { cluster }: Stack,
  { size }: ServicesOptions,
  logFile: string,
): Promise<Pick<ScenarioResult, 'verdict' | 'bystanders' | 'broken'>> {
  const verdict = await judgeLoad(size, logFile, cluster.urls);
  const bystanders = measureBystanders(readLog(logFile), new Set());
  const ambiguous = await ambiguousRecords(cluster.urls);
  const broken = ambiguous.map((finding) => `one version for different values in the dumps (I4): ${finding}`);
  return { verdict, bystanders, broken };
}

async function settled({ nodes }: SeparateCluster): Promise<Map<string, Resources | undefined>> {
  const found = await Promise.all(
    nodes.map(async (node) => [node.id, await settledResources(node.process().pid)] as const),
  );
  return new Map(found);
}

/** Until all nodes hear each other and the catalogue says of all of them what the document says. */
async function untilBack(stack: Stack): Promise<{ seconds: string; broken: readonly string[] }> {
  const { cluster } = stack;
  const sinceMs = performance.now();
  let last: readonly string[] = [];
  try {
    await waitForPeers(cluster.urls, BACK_TIMEOUT_MS);
    const isListed = async (): Promise<boolean> => {
      last = await whyNotListed(stack.consul().http, cluster.urls);
      return last.length === 0;
    };
    await waitUntil("all nodes are in Consul's catalogue", isListed, BACK_TIMEOUT_MS);
    return { seconds: ((performance.now() - sinceMs) / 1000).toFixed(1), broken: [] };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { seconds: 'never', broken: [[message, ...last].join('; ')] };
  }
}

function epochsOf(documents: readonly (ClusterDocument | undefined)[]): string {
  return documents.map((document) => String(document?.epoch ?? '?')).join(', ');
}

/** Nobody came, went or moved: the document is the same but for its epoch, which only a wiped store lets grow. */
export function whyAnotherRing(
  before: readonly (ClusterDocument | undefined)[],
  after: readonly (ClusterDocument | undefined)[],
  epochs: number,
): string[] {
  return before.flatMap((was, index) => {
    const is = after[index];
    const node = `node${String(index + 1)}`;
    if (!was || !is) return [`${node} does not give its document`];
    const grown = is.epoch - was.epoch;
    const isSame = JSON.stringify({ ...was, epoch: 0 }) === JSON.stringify({ ...is, epoch: 0 });
    return [
      ...(isSame ? [] : [`the document of ${node} has changed (I13)`]),
      ...(grown === epochs
        ? []
        : [`the epoch of ${node} has grown by ${String(grown)}, ${String(epochs)} wanted`]),
    ];
  });
}

function pidsOf({ nodes }: SeparateCluster): readonly number[] {
  return nodes.map((node) => node.process().pid);
}

function whyRestarted(pids: readonly number[], { nodes }: SeparateCluster): string[] {
  return nodes.flatMap((node, index) => {
    const now = node.process();
    return now.isRunning() && now.pid === pids[index]
      ? []
      : [`${node.id} is not the process that it was (I15)`];
  });
}

/** Not an error of Rondo: HAProxy's way to say on a used connection that a node broke off (docs/ARCHITECTURE.md). */
const BROKEN_OFF = 'connection_lost';

/** Only what docs/ERRORS.md lists; and where the data path is not concerned, nothing that says "come again". */
export function whyErrors(
  { measures }: Pick<Verdict, 'measures'>,
  { isUnnoticed }: Pick<ServiceFault, 'isUnnoticed'>,
): string[] {
  return Object.entries(measures.errors).flatMap(([code, count]) => {
    const kind = Object.hasOwn(ERRORS, code) ? ERRORS[code as keyof typeof ERRORS] : undefined;
    if (!kind && code !== BROKEN_OFF)
      return [`${String(count)} answers with ${code}, which nothing documents`];
    const isFailure = !kind || kind.status >= 500;
    return isUnnoticed && isFailure ? [`${String(count)} requests failed with ${code}`] : [];
  });
}

function whyNotFlat(resources: ResourcesByNode): string[] {
  return [...resources].flatMap(([node, [before, after]]) => {
    if (!before || !after) return [`the memory of ${node} could not be read`];
    const growth = after.ownBytes / before.ownBytes;
    return [
      ...(growth > GROWTH_MAX ? [`the memory of ${node} has grown by a factor of ${growth.toFixed(2)}`] : []),
      ...(after.handles > before.handles + HANDLES_SPARE
        ? [`${node} has ${String(after.handles)} open handles, ${String(before.handles)} before`]
        : []),
    ];
  });
}
