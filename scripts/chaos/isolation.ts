import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from '../support/cleanup.js';
import { splitOff } from '../support/cuts.js';
import { viewOf, waitForPeers } from '../support/nodeViews.js';
import type { PortBlock } from '../support/ports.js';
import { prepareSeparate, type SeparateCluster, type SeparateNode } from '../support/separate.js';
import { holdings, type Held } from './dumps.js';
import { readAll, writeAll } from './fewKeys.js';
import { untilSame, whyNotSame } from './replicas.js';
import { newSteps, type Steps, type StepsResult } from './steps.js';

/**
 * One of five nodes is cut off alone, while nobody writes. To the others one of five is gone, and to that one four of
 * five: whatever anybody thinks of it, no data is moved or dropped, and the document stays as it is (I13).
 */
export interface IsolationOptions {
  readonly how: 'silent' | 'reset';
  readonly cutMs: number;
  readonly keys: number;
  readonly folder: string;
  readonly ports: PortBlock;
  readonly cleanup: Cleanup;
  readonly say: (line: string) => void;
  /** Of the nodes. */
  readonly flags?: readonly string[];
}

const NODES = 5;
const ALONE = 2;
const SAME_TIMEOUT_MS = 60_000;

/** Rejects where the cluster cannot be started or written. */
export async function runIsolation(options: IsolationOptions): Promise<StepsResult> {
  const { how, cutMs, keys: count, say, folder, ports, cleanup, flags = [] } = options;
  const cluster = await prepareSeparate({ folder, ports, cleanup, flags, nodes: NODES, proxies: true });
  for (const node of cluster.nodes) node.start();
  await cluster.waitReady();
  await waitForPeers(cluster.urls);
  const steps = newSteps(say);
  const keys = Array.from({ length: count }, (_, index) => `isolated-${String(index)}`);
  await writeAll(cluster.urls, keys, { minNumWrites: 3 });
  steps.checkNone(
    `${String(count)} keys, each on its three nodes`,
    whyNotSame(await untilSame(cluster, SAME_TIMEOUT_MS)),
  );
  const before = await stateOf(cluster);
  const split = splitOff(cluster, [ALONE]);
  split.cut(how);
  say(`cut (${how})`);
  await sleep(cutMs);
  steps.checkNone(
    `cut off for ${String(cutMs / 1000)} s: what all hold`,
    whyChanged(before, await stateOf(cluster)),
  );
  await checkViews(cluster, steps);
  await checkReads(cluster, keys, steps);
  split.heal();
  await waitForPeers(cluster.urls);
  steps.checkNone('healed: replicas', whyNotSame(await untilSame(cluster, SAME_TIMEOUT_MS)));
  steps.checkNone('healed: what all hold', whyChanged(before, await stateOf(cluster)));
  return steps.result();
}

interface State {
  readonly epochs: ReadonlyMap<string, number>;
  readonly held: ReadonlyMap<string, Held>;
}

async function stateOf({ nodes }: SeparateCluster): Promise<State> {
  const epochs = nodes.map(async ({ id, url }) => [id, (await viewOf(url))?.document.epoch ?? 0] as const);
  return { epochs: new Map(await Promise.all(epochs)), held: await holdings(nodes) };
}

function whyChanged(before: State, after: State): string[] {
  return [...after.held].flatMap(([node, records]) => {
    const was = before.held.get(node) ?? new Map<string, string>();
    const [oldEpoch, epoch] = [before.epochs.get(node), after.epochs.get(node)];
    const changed = [...records].filter(([key, record]) => was.get(key) !== record).length;
    const gone = [...was.keys()].filter((key) => !records.has(key)).length;
    return [
      ...(oldEpoch === epoch ? [] : [`${node}: epoch ${String(oldEpoch)} → ${String(epoch)}`]),
      ...(changed + gone === 0
        ? []
        : [`${node}: ${String(changed)} keys new or changed, ${String(gone)} gone`]),
    ];
  });
}

/** Otherwise nothing was cut. */
async function checkViews({ nodes }: SeparateCluster, steps: Steps): Promise<void> {
  const told = await Promise.all(nodes.map(({ url }) => viewOf(url)));
  const dead = told.map(
    (view) => Object.values(view?.liveness ?? {}).filter((state) => state === 'dead').length,
  );
  const expected = nodes.map((_, index) => (index === ALONE ? NODES - 1 : 1));
  steps.check('how many others each takes for dead', dead.join(', '), dead.join() === expected.join());
}

/** The four serve everything; the one alone never says that something is not there. */
async function checkReads({ nodes }: SeparateCluster, keys: readonly string[], steps: Steps): Promise<void> {
  for (const [index, node] of nodes.entries()) {
    const found = await readAll(node.url, keys, { quorum: 'strict' });
    const served = found.filter(({ outcome, values }) => outcome === 'ok' && values?.length === 1).length;
    const missed = found.filter(({ outcome, values }) => outcome === 'ok' && values?.length !== 1).length;
    const isRight = missed === 0 && (index === ALONE ? served === 0 : served === keys.length);
    steps.check(
      `reads with R=2 through ${nameOf(node, index)}`,
      `${String(served)} served, ${String(missed)} not found`,
      isRight,
    );
  }
}

function nameOf({ id }: SeparateNode, index: number): string {
  return index === ALONE ? `${id}, alone` : id;
}
