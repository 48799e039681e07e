import { join } from 'node:path';
import type { Cleanup } from '../support/cleanup.js';
import { COLLECTABLE } from '../support/memory.js';
import { viewOf, waitForPeers, type NodeView } from '../support/nodeViews.js';
import type { PortBlock } from '../support/ports.js';
import { waitUntil } from '../support/processes.js';
import { resourcesOf, type Resources } from '../support/resources.js';
import { prepareSeparate, type SeparateCluster, type SeparateNode } from '../support/separate.js';
import { measureBystanders, type Bystanders } from '../workload/bystanders.js';
import { readLog } from '../workload/log.js';
import type { Verdict } from '../workload/verdict.js';
import { ambiguousRecords } from './dumps.js';
import { judgeLoad, startLoad, type Load, type LoadSize } from './load.js';
import { untilSame, whyNotSame } from './replicas.js';

/** What faults of one node have in common: nodes started one by one, a load through all of them, one node struck. */
export interface ScenarioOptions {
  readonly size: LoadSize;
  readonly folder: string;
  readonly ports: PortBlock;
  readonly cleanup: Cleanup;
  readonly say: (line: string) => void;
}

export type ResourcesByNode = ReadonlyMap<
  string,
  readonly [before: Resources | undefined, after: Resources | undefined]
>;

export interface ScenarioResult {
  readonly verdict: Verdict;
  readonly logFile: string;
  readonly resources: ResourcesByNode;
  readonly bystanders: Bystanders;
  /** What was measured besides. */
  readonly figures: readonly (readonly [name: string, value: string | number])[];
  /** What was not as it must be, besides the verdict's findings. */
  readonly broken: readonly string[];
}

export interface Scene {
  readonly options: ScenarioOptions;
  readonly cluster: SeparateCluster;
  readonly load: Load;
  readonly victim: SeparateNode;
  readonly victimIndex: number;
}

export interface SceneOptions {
  readonly nodes?: number;
  readonly quorum?: 'strict' | 'sloppy';
  /** Whether links can be cut. */
  readonly proxies?: boolean;
  /** Of the nodes. */
  readonly flags?: readonly string[];
}

/** The coordinator of a third of the clients. */
const VICTIM = 1;
/** What a cluster is founded with unless it is told otherwise. */
const REPLICAS = 3;
const VIEW_TIMEOUT_MS = 30_000;
const REBUILD_TIMEOUT_MS = 120_000;
const SAME_TIMEOUT_MS = 120_000;

/** Starts the cluster and, when all nodes hear each other, the load. */
export async function setScene(options: ScenarioOptions, how: SceneOptions = {}): Promise<Scene> {
  const { folder, ports, cleanup, size } = options;
  const { nodes = 3, quorum = 'strict', proxies = false, flags = [] } = how;
  const place = join(folder, 'nodes');
  const nodeFlags = COLLECTABLE;
  const cluster = await prepareSeparate({
    ...{ folder: place, ports, cleanup, nodes, proxies, flags, nodeFlags },
  });
  for (const node of cluster.nodes) node.start();
  await cluster.waitReady();
  await waitForPeers(cluster.urls);
  const victim = cluster.nodes[VICTIM];
  if (!victim) throw new Error(`there is no node ${String(VICTIM)}`);
  const load = startLoad(size, folder, { urls: cluster.urls, quorum });
  cleanup.defer('end the load', () => load.workload.stop());
  return { options, cluster, load, victim, victimIndex: VICTIM };
}

/** The node as it was left: SIGKILL, and nothing of it runs any more. */
export async function killVictim({ victim }: Scene): Promise<void> {
  victim.process().kill('SIGKILL');
  await victim.process().exited;
}

/** What the node says once it answers. */
export async function firstView({ victim }: Scene): Promise<NodeView> {
  return untilView(victim, () => true, VIEW_TIMEOUT_MS);
}

/** The first view for which `condition` holds, or the last one before `timeoutMs`; throws where it never answers. */
export async function untilView(
  node: SeparateNode,
  condition: (view: NodeView) => boolean,
  timeoutMs: number,
): Promise<NodeView> {
  const deadline = performance.now() + timeoutMs;
  let last: NodeView | undefined;
  const isOver = async (): Promise<boolean> => {
    last = (await viewOf(node.url)) ?? last;
    return last !== undefined && (condition(last) || performance.now() > deadline);
  };
  await waitUntil(`${node.id} answers /cluster`, isOver, timeoutMs + VIEW_TIMEOUT_MS);
  if (!last) throw new Error(`${node.id} does not answer /cluster`);
  return last;
}

/** A directory that was lost or put back goes on under another actor, which counts once it is rebuilt (I4, R10, R12). */
export function whyNotNoticed(before: NodeView, after: NodeView): string[] {
  if (after.actor !== before.actor) return [];
  return [`the actor is still ${before.actor}: it was not noticed (I4)`];
}

export interface Rebuilt {
  readonly seconds: string;
  readonly broken: readonly string[];
}

/** Waits, under load, until the struck node says that it holds everything again. */
export async function untilRebuilt({ victim, options }: Scene, sinceMs: number): Promise<Rebuilt> {
  const { complete } = await untilView(victim, (view) => view.complete, REBUILD_TIMEOUT_MS);
  const seconds = ((performance.now() - sinceMs) / 1000).toFixed(1);
  options.say(`${victim.id} is ${complete ? '' : 'not '}complete ${seconds} s after its start`);
  return { seconds, broken: complete ? [] : [`the node was not rebuilt within ${seconds} s (R10)`] };
}

type Found = Pick<ScenarioResult, 'resources' | 'figures' | 'broken'>;

/**
 * Ends the load, waits until replicas are the same (I12), reads everything back through all nodes, and adds what every run
 * with one struck node has to show.
 */
export async function endScene(scene: Scene, found: Found): Promise<ScenarioResult> {
  await endLoad(scene);
  const same = await untilSame(scene.cluster, SAME_TIMEOUT_MS);
  const result = await judgeScene(scene, new Set([scene.victimIndex]), found);
  const seconds = same.seconds?.toFixed(1) ?? 'never';
  const unserved = whyNotServed(result.bystanders, scene.cluster.nodes.length);
  return {
    ...result,
    figures: [
      ...result.figures,
      ['seconds from the end of the load until all replicas were the same', seconds],
    ],
    broken: [...result.broken, ...whyNotSame(same), ...unserved],
  };
}

/** When it resolves, every request has its last answer. */
export async function endLoad({ options, load }: Scene): Promise<void> {
  load.workload.stop();
  const { run, sent, seed } = await load.workload.done;
  options.say(`run ${run}, seed ${String(seed)}: ${String(sent)} requests`);
}

/** Reads everything back through all nodes once the load has ended, and judges the log. `struck`: nodes, by index. */
export async function judgeScene(
  { options, cluster, load }: Scene,
  struck: ReadonlySet<number>,
  { resources, figures, broken }: Found,
): Promise<ScenarioResult> {
  options.say('reading everything back');
  const verdict = await judgeLoad(options.size, load.logFile, cluster.urls);
  const bystanders = measureBystanders(readLog(load.logFile), struck);
  const ambiguous = await ambiguousRecords(cluster.urls);
  const told = ambiguous.map((finding) => `one version for different values in the dumps (I4): ${finding}`);
  return {
    ...{ verdict, resources, bystanders, figures },
    logFile: load.logFile,
    broken: [...broken, ...told],
  };
}

/**
 * The others are a quorum by themselves. A write that was already passed on to the struck node ends with an unknown
 * outcome (R6); where every node holds every key, nobody passes a write on.
 */
function whyNotServed({ late503, slow503, unanswered }: Bystanders, nodes: number): string[] {
  const refused = late503 + (nodes > REPLICAS ? 0 : slow503);
  const broken: string[] = [];
  if (refused > 0)
    broken.push(`${String(refused)} answers with 503 through the others, later than 1 s after a fault`);
  if (unanswered > 0) broken.push(`${String(unanswered)} requests through the others got no answer (I11)`);
  return broken;
}

/** By node, as the kernel counts now. */
export function snapshot({ nodes }: SeparateCluster): Map<string, Resources | undefined> {
  return new Map(nodes.map((node) => [node.id, resourcesOf(node.process().pid)]));
}

export function paired(
  before: ReadonlyMap<string, Resources | undefined>,
  after: ReadonlyMap<string, Resources | undefined>,
): ResourcesByNode {
  return new Map([...before].map(([node, resources]) => [node, [resources, after.get(node)]]));
}
