import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from '../support/cleanup.js';
import { factsSeen, hintsKept, waitForPeers } from '../support/nodeViews.js';
import type { PortBlock } from '../support/ports.js';
import { waitUntil } from '../support/processes.js';
import { prepareSeparate, type SeparateCluster, type SeparateNode } from '../support/separate.js';
import { dumpOf } from './dumps.js';
import { readAll, removeAll, writeAll } from './fewKeys.js';
import { untilSame, whyNotSame } from './replicas.js';
import { newSteps, type Steps, type StepsResult } from './steps.js';

/**
 * Keys are deleted while one node, which has their values, is away, for longer than the grace time. Nobody may forget the
 * deletes before it is back and has heard of them, or what they deleted would return; after that all do, soon (I10, R13).
 */
export interface TombstonesOptions {
  readonly nodes: number;
  readonly keys: number;
  readonly graceMs: number;
  readonly requestTimeoutMs: number;
  readonly partitions: number;
  /** From the return of the node until no tombstone is left anywhere. */
  readonly reapTimeoutMs: number;
  readonly folder: string;
  readonly ports: PortBlock;
  readonly cleanup: Cleanup;
  readonly say: (line: string) => void;
  /** Of the nodes. */
  readonly flags?: readonly string[];
}

interface Run {
  readonly options: TombstonesOptions;
  readonly cluster: SeparateCluster;
  readonly keys: readonly string[];
  readonly kept: readonly string[];
  readonly steps: Steps;
}

const REPLICAS = 3;
const AWAY = 1;
/** Of the grace time, counted from the last delete. */
const ABSENCE = 2.5;
const SAME_TIMEOUT_MS = 60_000;

/** Rejects where the cluster cannot be started or written, or the node does not come back. */
export async function runTombstones(options: TombstonesOptions): Promise<StepsResult> {
  const run = await setUp(options);
  const { cluster, steps, keys, kept } = run;
  const { nodes, urls } = cluster;
  const away = nodes[AWAY];
  if (!away) throw new Error('there is no such node');
  const present = nodes.filter((node) => node !== away);
  await writeAll(urls, [...keys, ...kept], { minNumWrites: REPLICAS });
  await away.stop();
  await removeAll(
    present.map(({ url }) => url),
    keys,
  );
  steps.check('deleted while one node is away', `${String(keys.length)} keys, ${away.id} is away`, true);
  await sleep(ABSENCE * options.graceMs);
  await checkNothingReaped(run, present);
  away.start({ founding: false });
  await cluster.waitReady();
  const backMs = performance.now();
  await checkReads(run, 'as soon as it is back', { quorum: 'strict' });
  await waitForPeers(urls);
  await checkSame(run);
  await checkReads(run, 'when replicas are the same', { minNumReads: 1, quorum: 'sloppy' });
  await checkReaped(run, backMs);
  await checkReads(run, 'when all is reaped', { minNumReads: 1, quorum: 'sloppy' });
  await checkReads(run, 'when all is reaped', { quorum: 'strict' });
  return steps.result();
}

async function setUp(options: TombstonesOptions): Promise<Run> {
  const { folder, ports, cleanup, nodes: count, graceMs, requestTimeoutMs, partitions } = options;
  const flags = [
    `--tombstone-grace-ms=${String(graceMs)}`,
    `--request-timeout-ms=${String(requestTimeoutMs)}`,
    `--partitions=${String(partitions)}`,
    ...(options.flags ?? []),
  ];
  const cluster = await prepareSeparate({ folder, ports, cleanup, flags, nodes: count });
  for (const node of cluster.nodes) node.start();
  await cluster.waitReady();
  await waitForPeers(cluster.urls);
  const named = (name: string): string[] =>
    Array.from({ length: options.keys }, (_, index) => `${name}-${String(index)}`);
  return { options, cluster, keys: named('deleted'), kept: named('kept'), steps: newSteps(options.say) };
}

/** Every deleted key is there as a tombstone, on as many nodes as are left of its three at least. */
async function checkNothingReaped(
  { keys, steps, options }: Run,
  present: readonly SeparateNode[],
): Promise<void> {
  const { tombstones, values } = await leftOf(present, keys);
  const known = keys.filter((key) => (tombstones.get(key) ?? 0) >= REPLICAS - 1).length;
  const reaped = await reapedBy(present);
  const text = `${String(known)} of ${String(keys.length)} deletes still known, ${String(reaped)} reaped`;
  const step = `${String(ABSENCE)} × ${String(options.graceMs)} ms later`;
  steps.check(step, text, known === keys.length && reaped === 0);
  steps.checkNone('values of deleted keys, meanwhile', values);
}

/** Deleted keys have no value, and the others still have theirs. */
async function checkReads(
  { cluster, keys, kept, steps }: Run,
  when: string,
  query: { readonly minNumReads?: number; readonly quorum: 'strict' | 'sloppy' },
): Promise<void> {
  const faults: string[] = [];
  for (const { id, url } of cluster.nodes) {
    const [deleted, alive] = [await readAll(url, keys, query), await readAll(url, kept, query)];
    const failed = [...deleted, ...alive].filter(({ outcome }) => outcome !== 'ok');
    const returned = deleted.filter(({ values = [] }) => values.length > 0).length;
    const lost = alive.filter(({ outcome, values = [] }) => outcome === 'ok' && values.length !== 1).length;
    if (returned > 0) faults.push(`${id}: ${String(returned)} deleted keys are back (I10)`);
    if (lost > 0) faults.push(`${id}: ${String(lost)} other keys are gone`);
    if (failed.length > 0)
      faults.push(`${id}: ${String(failed.length)} reads failed: ${failed[0]?.code ?? ''}`);
  }
  const how = query.minNumReads === undefined ? 'R=majority, strict' : `R=${String(query.minNumReads)}`;
  steps.checkNone(`reads through every node ${when}, ${how}`, faults);
}

async function checkSame({ cluster, steps }: Run): Promise<void> {
  const isDrained = async (): Promise<boolean> => {
    const { total, allAnswered } = await hintsKept(cluster.urls);
    return allAnswered && total === 0;
  };
  const hints = await waitUntil('all hints are delivered', isDrained, SAME_TIMEOUT_MS).then(
    () => [],
    faultOf,
  );
  steps.checkNone('the node is back: hints', hints);
  // While tombstones are reaped, on one node after the other, replicas may differ for a moment.
  steps.checkNone('the node is back: replicas', whyNotSame(await untilSame(cluster, SAME_TIMEOUT_MS)));
}

async function checkReaped({ cluster, keys, steps, options }: Run, backMs: number): Promise<void> {
  const isReaped = async (): Promise<boolean> => (await leftOf(cluster.nodes, keys)).tombstones.size === 0;
  const faults = await waitUntil('all are reaped', isReaped, options.reapTimeoutMs).then(() => [], faultOf);
  const seconds = ((performance.now() - backMs) / 1000).toFixed(1);
  const { tombstones, values } = await leftOf(cluster.nodes, keys);
  const text = `${String(tombstones.size)} of ${String(keys.length)} left ${seconds} s after the return`;
  steps.check('tombstones', [text, ...faults].join('; '), faults.length === 0 && tombstones.size === 0);
  steps.checkNone('values of deleted keys, in the end', values);
}

function faultOf(error: unknown): string[] {
  return [error instanceof Error ? error.message : String(error)];
}

interface Left {
  /** By key, on how many nodes there is a record without values. */
  readonly tombstones: ReadonlyMap<string, number>;
  /** A line for each that lies anywhere. */
  readonly values: readonly string[];
}

/** What the nodes' disks hold of deleted keys. */
async function leftOf(nodes: readonly SeparateNode[], keys: readonly string[]): Promise<Left> {
  const wanted = new Map(keys.map((key) => [Buffer.from(key).toString('base64'), key]));
  const tombstones = new Map<string, number>();
  const found: string[] = [];
  for (const { id, url } of nodes) {
    for await (const { key, values } of dumpOf(url)) {
      const name = wanted.get(key);
      if (name === undefined) continue;
      if (values.length > 0) found.push(`${id} holds a value of ${name}`);
      else tombstones.set(name, (tombstones.get(name) ?? 0) + 1);
    }
  }
  return { tombstones, values: found };
}

async function reapedBy(nodes: readonly SeparateNode[]): Promise<number> {
  const counts = await Promise.all(nodes.map(({ url }) => factsSeen(url, 'tombstoneReaped')));
  return counts.reduce((sum, count) => sum + count, 0);
}
