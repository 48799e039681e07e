import { readdirSync } from 'node:fs';
import type { Cleanup } from '../support/cleanup.js';
import { waitForReady } from '../support/nodes.js';
import { metricOf, waitForPeers } from '../support/nodeViews.js';
import type { PortBlock } from '../support/ports.js';
import { waitUntil } from '../support/processes.js';
import { callRondo, type RondoCall } from '../support/rondo.js';
import { prepareSeparate, type SeparateNode } from '../support/separate.js';
import { newSteps, type Steps, type StepsResult } from './steps.js';

/**
 * A folder is imported through node2, and halfway node1 is killed: the import goes on, everything is there through
 * node2, and what node1 has missed is handed over when it is back, until it alone has every byte (R4).
 */
export interface HintsOptions {
  /** The folder to import; large enough that the import lasts some seconds. */
  readonly tree: string;
  readonly folder: string;
  readonly ports: PortBlock;
  readonly cleanup: Cleanup;
  readonly say: (line: string) => void;
  /** For each call of `rondo`. */
  readonly callTimeoutMs: number;
  /** From the start of node1 until no node keeps a hint. */
  readonly drainTimeoutMs: number;
}

export interface HintsResult extends StepsResult {
  /** As `rondo status --json` gave it: while node1 was away, and at the end. */
  readonly hints: { readonly away: number; readonly last: number };
}

interface Run {
  readonly options: HintsOptions;
  readonly one: SeparateNode;
  readonly two: SeparateNode;
  readonly steps: Steps;
}

const STATUS_TIMEOUT_MS = 30_000;

/** Rejects where the cluster cannot be started, or the import is over before node1 could be killed. */
export async function runHints(options: HintsOptions): Promise<HintsResult> {
  const { folder, ports, cleanup } = options;
  const cluster = await prepareSeparate({ folder, ports, cleanup });
  for (const node of cluster.nodes) node.start();
  await cluster.waitReady();
  await waitForPeers(cluster.urls);
  const [one, two, three] = cluster.nodes;
  if (!one || !two || !three) throw new Error('three nodes are wanted');
  const run: Run = { options, one, two, steps: newSteps(options.say) };
  await importMeanwhile(run);
  const away = await hintsTold(run);
  run.steps.check('hints while node1 is away', String(away), away > 0);
  await verify(run, two, ['--quorum', 'strict', '--min-num-reads', '2']);
  await verify(run, two, ['--quorum', 'sloppy', '--min-num-reads', '2']);
  one.start();
  await waitForReady([one.url], one.outputFile);
  const last = await drain(run);
  await Promise.all([two.stop(), three.stop()]);
  await verify(run, one, ['--min-num-reads', '1']);
  return { ...run.steps.result(), hints: { away, last } };
}

async function importMeanwhile(run: Run): Promise<void> {
  const { options, one, two } = run;
  const half = Math.ceil(filesIn(options.tree) / 2);
  let imported: RondoCall | undefined;
  const importing = rondo(run, ['import', options.tree, '--url', two.url]).then((call) => (imported = call));
  const isHalfway = async (): Promise<boolean> =>
    imported !== undefined ||
    (await metricOf(two.url, 'rondo_requests_total', { op: 'put', code: 'ok' })) >= half;
  await waitUntil(`${String(half)} writes of the import`, isHalfway, options.callTimeoutMs);
  if (imported !== undefined)
    throw new Error('the import was over before node1 was killed: a larger folder is needed');
  one.process().kill('SIGKILL');
  options.say(`SIGKILL to ${one.id} after ${String(half)} writes of the import`);
  const { code, json, stderr } = await importing;
  const isWhole = code === 0 && json['success'] === true && json['failed'] === 0;
  run.steps.check('import through node2', `exit ${String(code)} ${JSON.stringify(json)} ${stderr}`, isWhole);
}

function filesIn(tree: string): number {
  const entries = readdirSync(tree, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).length;
}

async function verify(run: Run, node: SeparateNode, flags: readonly string[]): Promise<void> {
  const { code, json, stderr } = await rondo(run, ['verify', run.options.tree, '--url', node.url, ...flags]);
  const isSame = code === 0 && json['missing'] === 0 && json['different'] === 0;
  const outcome = `exit ${String(code)} ${JSON.stringify(json)} ${stderr}`;
  run.steps.check(`verify through ${node.id} ${flags.join(' ')}`, outcome, isSame);
}

/** Waits until `rondo status` tells of no hints any more; gives what it told last. */
async function drain(run: Run): Promise<number> {
  const { drainTimeoutMs } = run.options;
  const sinceMs = performance.now();
  let last = await hintsTold(run);
  run.steps.check('hints when node1 has just started', String(last), true);
  while (last > 0 && performance.now() - sinceMs < drainTimeoutMs) last = await hintsTold(run);
  const seconds = ((performance.now() - sinceMs) / 1000).toFixed(1);
  run.steps.check(`hints ${seconds} s after its start`, String(last), last === 0);
  return last;
}

/** The total of `rondo status --json`; -1 where it tells of none. */
async function hintsTold(run: Run): Promise<number> {
  const { json } = await callRondo(['status', '--url', run.two.url], {
    cleanup: run.options.cleanup,
    timeoutMs: STATUS_TIMEOUT_MS,
  });
  const hints = json['hints'] as { readonly total?: number } | undefined;
  return hints?.total ?? -1;
}

function rondo({ options }: Run, args: readonly string[]): Promise<RondoCall> {
  return callRondo(args, { cleanup: options.cleanup, timeoutMs: options.callTimeoutMs });
}
