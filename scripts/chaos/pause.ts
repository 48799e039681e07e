import { setTimeout as sleep } from 'node:timers/promises';
import { settledResources } from '../support/memory.js';
import { hintsKept } from '../support/nodeViews.js';
import { waitUntil } from '../support/processes.js';
import type { Resources } from '../support/resources.js';
import type { SeparateCluster } from '../support/separate.js';
import type { Bystanders } from '../workload/bystanders.js';
import { milliseconds } from '../workload/report.js';
import {
  endScene,
  paired,
  setScene,
  type ResourcesByNode,
  type Scene,
  type SceneOptions,
  type ScenarioOptions,
  type ScenarioResult,
} from './scenario.js';

/**
 * A node freezes under load (SIGSTOP) and goes on later as if nothing had been, with all its old requests and with
 * everything that the kernel kept for it meanwhile. The others must not wait for it, must not fill up with what they keep
 * for it, and hand that over when it is back.
 */
export interface PauseOptions extends ScenarioOptions, SceneOptions {
  readonly pauseMs: number;
  /** Acknowledged writes before memory is measured first: the database fills its buffers and caches. */
  readonly warmUpWrites: number;
  /** From SIGCONT until no node keeps a hint; the load goes on meanwhile. */
  readonly drainTimeoutMs: number;
}

export interface PauseResult extends ScenarioResult {
  /** Seen at any time during the pause. */
  readonly hintsMost: number;
  /** Bounds of time and memory that a run of full size must keep; a small one has not warmed up enough for them. */
  readonly exceeded: readonly string[];
}

/** A node that answers nothing for longer than this leaves hints. */
const HINTS_FROM_MS = 5000;
/** The default of RONDO_REQUEST_TIMEOUT_MS, which the nodes run with (I11). */
const REQUEST_TIMEOUT_MS = 3000;
const GROWTH_MAX = 1.2;
const WATCH_MS = 250;
const LAST_WRITES = 500;

/** Rejects where the cluster cannot be started, or the load ends before its time. */
export async function runPause(options: PauseOptions): Promise<PauseResult> {
  const { pauseMs, warmUpWrites, drainTimeoutMs, size, say } = options;
  const scene = await setScene(options, options);
  const { cluster, load, victim } = scene;
  await load.reachWrites(warmUpWrites);
  const before = await settled(cluster);
  await load.reach(0.5);
  load.workload.mark('fault');
  victim.process().kill('SIGSTOP');
  say(`SIGSTOP to ${victim.id} with ${String(load.workload.inFlight())} requests in flight`);
  const hintsMost = await watchHints(scene, pauseMs);
  victim.process().kill('SIGCONT');
  load.workload.mark('healed');
  const drainedMs = await drained(cluster.urls, drainTimeoutMs);
  say(`SIGCONT; ${String(hintsMost)} hints at most, all delivered after ${milliseconds(drainedMs)}`);
  await load.reachWrites(Math.max(size.acknowledged, load.workload.acknowledged() + LAST_WRITES));
  const resources = paired(before, await settled(cluster));
  const broken = whyHinted(options, hintsMost, drainedMs);
  const figures: ScenarioResult['figures'] = [
    ['hints kept, most', hintsMost],
    ['hints all delivered after', milliseconds(drainedMs)],
  ];
  const result = await endScene(scene, { resources, figures, broken });
  return { ...result, hintsMost, exceeded: [...whyNotFlat(resources), ...whySlow(result.bystanders)] };
}

async function settled({ nodes }: SeparateCluster): Promise<Map<string, Resources | undefined>> {
  const found = await Promise.all(
    nodes.map(async (node) => [node.id, await settledResources(node.process().pid)] as const),
  );
  return new Map(found);
}

/** The most hints that the others kept at a time while the node stood still for `pauseMs`. */
async function watchHints({ cluster, victim }: Scene, pauseMs: number): Promise<number> {
  const others = cluster.urls.filter((url) => url !== victim.url);
  const endMs = performance.now() + pauseMs;
  let most = 0;
  for (let leftMs = pauseMs; leftMs > 0; leftMs = endMs - performance.now()) {
    await sleep(Math.min(WATCH_MS, leftMs));
    most = Math.max(most, (await hintsKept(others)).total);
  }
  return most;
}

/** Milliseconds until no node kept a hint; undefined where that was not so within `timeoutMs`. */
async function drained(urls: readonly string[], timeoutMs: number): Promise<number | undefined> {
  const sinceMs = performance.now();
  const isDrained = async (): Promise<boolean> => {
    const { total, allAnswered } = await hintsKept(urls);
    return allAnswered && total === 0;
  };
  try {
    await waitUntil('all hints are delivered', isDrained, timeoutMs);
    return performance.now() - sinceMs;
  } catch {
    return undefined;
  }
}

function whyHinted(
  { pauseMs, drainTimeoutMs }: PauseOptions,
  hintsMost: number,
  drainedMs: number | undefined,
): string[] {
  const broken: string[] = [];
  if (hintsMost === 0 && pauseMs >= HINTS_FROM_MS) broken.push('nobody kept a hint for the frozen node (R4)');
  if (drainedMs === undefined) {
    broken.push(`hints were left ${String(drainTimeoutMs / 1000)} s after the node was back`);
  }
  return broken;
}

function whySlow({ faulty }: Bystanders): string[] {
  if (faulty.p99Ms <= REQUEST_TIMEOUT_MS) return [];
  const bound = milliseconds(REQUEST_TIMEOUT_MS);
  return [`p99 through the others was ${milliseconds(faulty.p99Ms)}, over the deadline of ${bound} (I11)`];
}

function whyNotFlat(resources: ResourcesByNode): string[] {
  return [...resources].flatMap(([node, [before, after]]) => {
    if (!before || !after) return [`the memory of ${node} could not be read`];
    const growth = after.ownBytes / before.ownBytes;
    return growth > GROWTH_MAX ? [`the memory of ${node} has grown by a factor of ${growth.toFixed(2)}`] : [];
  });
}
