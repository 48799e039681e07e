import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Cleanup } from '../support/cleanup.js';
import { builtProgram, nodeIds, waitForLinks, waitForReady } from '../support/nodes.js';
import type { PortBlock } from '../support/ports.js';
import { processState, waitUntil } from '../support/processes.js';
import { prepareSeparate, type SeparateCluster, type SeparateNode } from '../support/separate.js';
import type { Verdict } from '../workload/verdict.js';
import { judgeLoad, startLoad, type LoadSize } from './load.js';
import { makeLoopDisk, type LoopDisk } from './loopDisk.js';
import { copyWithoutSync } from './unsyncedProgram.js';

/**
 * The power fails under load: the nodes are frozen, their disk is copied as it is, they are killed, and start again from
 * the copy.
 *
 * `all`: all nodes lie on that disk, and everything is read back at the majority. `one`: only node1 does; writes
 * need all three copies (W=3), so that each acknowledged one must be on node1's disk by itself (I1), and everything is
 * read back from node1 alone with R=1, and then, with the others back, through all nodes.
 */
export type PowerCutTarget = 'one' | 'all';

export interface PowerCutOptions {
  readonly target: PowerCutTarget;
  /** Runs a copy of the program that does not sync; see unsyncedProgram.ts. */
  readonly control: boolean;
  readonly size: LoadSize;
  readonly folder: string;
  readonly ports: PortBlock;
  readonly cleanup: Cleanup;
  readonly say: (line: string) => void;
}

export interface PowerCutResult {
  readonly logFile: string;
  /** One a reading back, each named by how it was read. */
  readonly verdicts: readonly (readonly [name: string, verdict: Verdict])[];
}

const FREEZE_TIMEOUT_MS = 10_000;

export async function runPowerCut(options: PowerCutOptions): Promise<PowerCutResult> {
  const { folder, cleanup, size, target, say } = options;
  const disk = makeLoopDisk(folder, cleanup);
  const cluster = await startNodes(options, disk);
  const quorums = target === 'one' ? { minNumReads: 1, minNumWrites: 3 } : {};
  const load = startLoad(size, folder, { urls: cluster.urls, ...quorums });
  cleanup.defer('end the load', () => load.workload.stop());
  await load.reach(1);
  const victims = target === 'one' ? cluster.nodes.slice(0, 1) : cluster.nodes;
  load.workload.mark('fault');
  for (const node of victims) node.process().kill('SIGSTOP');
  say(`power cut of ${String(victims.length)} with ${String(load.workload.inFlight())} requests in flight`);
  load.workload.stop();
  await waitUntil('every thread is frozen', () => victims.every(isFrozen), FREEZE_TIMEOUT_MS);
  const copy = disk.mountCopy();
  await killAll(victims);
  await load.workload.done;
  say('the copy is mounted; starting from it');
  const back = target === 'one' ? backAlone : backTogether;
  return { logFile: load.logFile, verdicts: await back(options, cluster, copy, load.logFile) };
}

async function startNodes(options: PowerCutOptions, disk: LoopDisk): Promise<SeparateCluster> {
  const { folder, ports, cleanup, control, target } = options;
  const ids = nodeIds(3);
  const cluster = await prepareSeparate({
    folder: join(folder, 'nodes'),
    ports,
    cleanup,
    dataDirs: ids.map((id, index) => join(target === 'all' || index === 0 ? disk.mountPoint : folder, id)),
  });
  if (control) await found(cluster);
  const program = control ? copyWithoutSync(builtProgram(), folder) : builtProgram();
  for (const node of cluster.nodes) node.start({ program });
  await cluster.waitReady();
  await waitForLinks(cluster.urls);
  return cluster;
}

/** Without this the control would lose the databases as a whole, and the nodes would notice and refuse to answer. */
async function found(cluster: SeparateCluster): Promise<void> {
  for (const node of cluster.nodes) node.start();
  await cluster.waitReady();
  await Promise.all(cluster.nodes.map((node) => node.stop()));
}

/** A thread that was inside an fsync when the signal came stops only after it. */
function isFrozen(node: SeparateNode): boolean {
  const { pid } = node.process();
  const threads = readdirSync(`/proc/${String(pid)}/task`).map(Number);
  return threads.every((thread) => processState(pid, thread) === 'T');
}

async function killAll(nodes: readonly SeparateNode[]): Promise<void> {
  for (const node of nodes) node.process().kill('SIGKILL');
  await Promise.all(nodes.map((node) => node.process().exited));
}

async function backTogether(
  { size }: PowerCutOptions,
  cluster: SeparateCluster,
  copy: string,
  logFile: string,
): Promise<PowerCutResult['verdicts']> {
  for (const node of cluster.nodes) node.start({ dataDir: join(copy, node.id) });
  await cluster.waitReady();
  await waitForLinks(cluster.urls);
  return [['through all nodes', await judgeLoad(size, logFile, cluster.urls)]];
}

async function backAlone(
  { size }: PowerCutOptions,
  cluster: SeparateCluster,
  copy: string,
  logFile: string,
): Promise<PowerCutResult['verdicts']> {
  const [victim, ...others] = cluster.nodes;
  if (!victim) throw new Error('there is no node');
  await Promise.all(others.map((node) => node.stop()));
  victim.start({ dataDir: join(copy, victim.id) });
  await waitForReady([victim.url], victim.outputFile);
  // Strict reads count it only when a majority has heard it since its start (R12).
  const alone = await judgeLoad(size, logFile, [victim.url], { minNumReads: 1, quorum: 'sloppy' });
  for (const node of others) node.start();
  await cluster.waitReady();
  await waitForLinks(cluster.urls);
  return [
    ['from node1 alone', alone],
    ['through all nodes', await judgeLoad(size, logFile, cluster.urls)],
  ];
}
