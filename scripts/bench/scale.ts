import { readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from '../support/cleanup.js';
import { waitForReady } from '../support/nodes.js';
import { viewOf, waitForPeers } from '../support/nodeViews.js';
import type { PortBlock } from '../support/ports.js';
import { waitUntil } from '../support/processes.js';
import { resourcesOf, type Resources } from '../support/resources.js';
import { prepareSeparate, type SeparateCluster, type SeparateNode } from '../support/separate.js';
import { parseProcessCpu } from './cpu.js';
import { monotonicMicros, readProfiles, type SelfTime } from './profile.js';
import { runRawLoad } from './rawLoad.js';
import { freshPrefix } from './requests.js';
import { rondo } from './subjects.js';

/**
 * What many keys cost a node when nobody asks for them: memory, starting, hash trees, and comparing for ever. Three nodes
 * that hold every key; so each has one tree for every partition.
 */
export interface ScaleOptions {
  readonly keys: number;
  /** To each node. */
  readonly connections: number;
  readonly restSeconds: number;
  /** Until what the load or a start left to do is done. */
  readonly settleSeconds: number;
  readonly folder: string;
  readonly ports: PortBlock;
  readonly cleanup: Cleanup;
  readonly say: (line: string) => void;
  readonly profileDir?: string;
  /** Whether a node is to lose its data in the end, and to be rebuilt. */
  readonly rebuild?: boolean;
}

export interface ScaleFigures {
  readonly keys: number;
  readonly putsPerSecond: number;
  /** By node, when all that was written is durable. */
  readonly loaded: readonly Resources[];
  /** From the start of all nodes at once until each takes traffic. */
  readonly startedSeconds: readonly number[];
  /** The same for one that starts while the others run. */
  readonly startedAloneSeconds: number;
  /** Until every node has all trees, from when the first was told to compare; CPU by node. */
  readonly trees: { readonly seconds: number; readonly cpuSeconds: readonly number[] };
  /** By node, with all trees. */
  readonly compared: readonly Resources[];
  /** Of one core, by node, while nobody asks for anything. */
  readonly restShares: readonly number[];
  /** The same where replicas are not compared, with all trees. */
  readonly idleShares: readonly number[];
  /** By node, in the end. */
  readonly rested: readonly Resources[];
  /** From the start of a node without data until it is complete. */
  readonly rebuiltSeconds?: number;
  /** Of all nodes while at rest, where profiles were wanted. */
  readonly restProfile?: readonly SelfTime[];
  /** Of all nodes while they made their trees. */
  readonly treeProfile?: readonly SelfTime[];
}

interface Window {
  readonly fromMicros: number;
  readonly toMicros: number;
}

const LOAD_SECONDS_MAX = 7200;
const TREES_TIMEOUT_MS = 1_800_000;
const START_TIMEOUT_MS = 300_000;
const REBUILD_TIMEOUT_MS = 7_200_000;
const NEVER = '--anti-entropy-ms=86400000';

/** Throws where the cluster cannot be started or a write is not acknowledged. */
export async function measureScale(options: ScaleOptions): Promise<ScaleFigures> {
  const { folder, ports, cleanup, keys, say, profileDir } = options;
  const nodeFlags = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];
  const cluster = await prepareSeparate({ folder, ports, cleanup, nodeFlags });
  await startAll(cluster);
  const putsPerSecond = await load(options, cluster);
  say(`${String(keys)} keys stored, ${putsPerSecond.toFixed(0)} a second`);
  await sleep(options.settleSeconds * 1000);
  const loaded = memoryOf(cluster);
  await stopAll(cluster);
  await startAll(cluster, NEVER);
  // Reaping wants trees, too: without this it would have them made while nothing is to be done.
  await buildTrees(cluster);
  say('started anew, replicas are compared once');
  const idleShares = (await sharesOf(cluster, options)).shares;
  await stopAll(cluster);
  const startedSeconds = await startAll(cluster);
  const trees = await buildTrees(cluster);
  say(`all trees after ${trees.seconds.toFixed(1)} s`);
  const compared = memoryOf(cluster);
  const rest = await sharesOf(cluster, options);
  const rested = memoryOf(cluster);
  const last = cluster.nodes.at(-1);
  if (!last) throw new Error('there are no nodes');
  await last.stop();
  const startedAloneSeconds = await secondsToStart(last);
  const rebuilt = options.rebuild === true ? { rebuiltSeconds: await secondsToRebuild(last) } : {};
  await stopAll(cluster);
  return {
    ...{ keys, putsPerSecond, loaded, startedSeconds, startedAloneSeconds, compared, rested, idleShares },
    trees: { seconds: trees.seconds, cpuSeconds: trees.cpuSeconds },
    restShares: rest.shares,
    ...rebuilt,
    ...(profileDir && {
      restProfile: readProfiles(profileDir, rest.window),
      treeProfile: readProfiles(profileDir, trees.window),
    }),
  };
}

async function startAll({ nodes, urls }: SeparateCluster, ...flags: string[]): Promise<readonly number[]> {
  const seconds = await Promise.all(nodes.map((node) => secondsToStart(node, flags)));
  await waitForPeers(urls);
  return seconds;
}

async function secondsToStart(node: SeparateNode, flags: readonly string[] = []): Promise<number> {
  const sinceMs = performance.now();
  node.start({ flags });
  await waitForReady([node.url], node.outputFile, START_TIMEOUT_MS);
  return (performance.now() - sinceMs) / 1000;
}

async function secondsToRebuild(node: SeparateNode): Promise<number> {
  const before = await viewOf(node.url);
  await node.stop();
  rmSync(node.dataDir, { recursive: true });
  const sinceMs = performance.now();
  node.start({ founding: false });
  const isRebuilt = async (): Promise<boolean> => {
    const view = await viewOf(node.url);
    return view !== undefined && view.complete && view.actor !== before?.actor;
  };
  await waitUntil(`${node.id} is rebuilt`, isRebuilt, REBUILD_TIMEOUT_MS);
  return (performance.now() - sinceMs) / 1000;
}

async function stopAll({ nodes }: SeparateCluster): Promise<void> {
  await Promise.all(nodes.map((node) => node.stop()));
}

/** Each node is written an equal part of the keys; gives how many a second, all together. */
async function load({ keys, connections }: ScaleOptions, { urls }: SeparateCluster): Promise<number> {
  const sinceMs = performance.now();
  const loads = urls.map((url, loader) =>
    runRawLoad({
      ...{ url, connections, shape: rondo.requests.put, seconds: LOAD_SECONDS_MAX, seed: loader },
      keys: { type: 'sequence', prefix: freshPrefix('s', loader), first: 1 },
      requests: Math.floor(keys / urls.length) + (loader < keys % urls.length ? 1 : 0),
    }),
  );
  for (const { failures } of await Promise.all(loads)) {
    if (Object.keys(failures).length > 0)
      throw new Error(`not every key could be stored: ${JSON.stringify(failures)}`);
  }
  return keys / ((performance.now() - sinceMs) / 1000);
}

async function buildTrees(
  cluster: SeparateCluster,
): Promise<ScaleFigures['trees'] & { readonly window: Window }> {
  const cpuBefore = cpuOf(cluster);
  const fromMicros = monotonicMicros();
  const hasAll = async ({ url }: SeparateNode): Promise<boolean> => {
    const view = await viewOf(url);
    return view !== undefined && view.antiEntropy.treesReady >= view.document.partitions;
  };
  for (const { url } of cluster.nodes) await hurry(url);
  for (const node of cluster.nodes) {
    await waitUntil(`${node.id} has all trees`, () => hasAll(node), TREES_TIMEOUT_MS);
  }
  const toMicros = monotonicMicros();
  const cpuSeconds = cpuOf(cluster).map((micros, index) => (micros - (cpuBefore[index] ?? 0)) / 1e6);
  return { cpuSeconds, seconds: (toMicros - fromMicros) / 1e6, window: { fromMicros, toMicros } };
}

function hurry(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    request(`${url}/internal/repair`, { method: 'POST', headers, agent: false })
      .on('response', (response) => {
        response.resume().on('end', () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`${url} does not compare: ${String(response.statusCode)}`));
        });
      })
      .on('error', reject)
      .end();
  });
}

async function sharesOf(
  cluster: SeparateCluster,
  { settleSeconds, restSeconds }: ScaleOptions,
): Promise<{ readonly shares: readonly number[]; readonly window: Window }> {
  await sleep(settleSeconds * 1000);
  const fromMicros = monotonicMicros();
  const before = cpuOf(cluster);
  await sleep(restSeconds * 1000);
  const toMicros = monotonicMicros();
  const shares = cpuOf(cluster).map(
    (micros, index) => (micros - (before[index] ?? 0)) / (toMicros - fromMicros),
  );
  return { shares, window: { fromMicros, toMicros } };
}

/** User and system time so far, in µs. */
function cpuOf({ nodes }: SeparateCluster): readonly number[] {
  return nodes.map((node) => {
    const stat = readFileSync(`/proc/${String(node.process().pid)}/stat`, 'utf8');
    return parseProcessCpu(stat).ownMicros;
  });
}

function memoryOf({ nodes }: SeparateCluster): readonly Resources[] {
  return nodes.flatMap((node) => resourcesOf(node.process().pid) ?? []);
}
