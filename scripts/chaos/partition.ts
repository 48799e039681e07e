import { setTimeout as sleep } from 'node:timers/promises';
import { splitOff } from '../support/cuts.js';
import { waitForPeers } from '../support/nodeViews.js';
import { readLog, type LogLine } from '../workload/log.js';
import { mendedBy, repairsSoFar, watchQuiet, whyNotQuiet } from './quiet.js';
import { differentHashes, untilSame, whyNotSame } from './replicas.js';
import {
  endLoad,
  judgeScene,
  paired,
  setScene,
  snapshot,
  type Scene,
  type ScenarioOptions,
  type ScenarioResult,
} from './scenario.js';
import { keysHeld } from './dumps.js';

/**
 * Two of five nodes are cut off from the other three under load. Both sides go on writing and deleting, with fallbacks for
 * whom they cannot reach. Later the links are whole again, and replicas have to become the same, each at its place and
 * nowhere else; then nothing is repaired any more (I12).
 */
export interface PartitionOptions extends ScenarioOptions {
  readonly how: 'silent' | 'reset';
  readonly cutMs: number;
  /** From the end of the load until replicas are the same. */
  readonly sameTimeoutMs: number;
  readonly quietMs: number;
  /**
   * Whether a node of each side dies (SIGKILL) as the cut ends, and starts again: whom its answered writes still wait for is
   * in nobody's hints then.
   */
  readonly crash?: boolean;
  /** Of the nodes. */
  readonly flags?: readonly string[];
}

const NODES = 5;
/** Not neighbours among the seeds, nor the first. */
const AWAY: readonly number[] = [1, 3];
const CRASHED: readonly number[] = [0, 3];
const WARM_SHARE = 0.1;
/** For longer than it was to be, the cut goes on until both sides have acknowledged writes and deletes. */
const BOTH_WRITE_MS = 60_000;
const LOOK_MS = 500;
/** The load goes on for so many writes after the links are whole. */
const LAST_WRITES = 500;

/** Rejects where the cluster cannot be started, or the load ends before its time. */
export async function runPartition(options: PartitionOptions): Promise<ScenarioResult> {
  const { flags = [], how, cutMs, say } = options;
  const scene = await setScene(options, { nodes: NODES, quorum: 'sloppy', proxies: true, flags });
  const { cluster, load } = scene;
  const split = splitOff(cluster, AWAY);
  await load.reach(WARM_SHARE);
  const before = snapshot(cluster);
  load.workload.mark('fault');
  split.cut(how);
  say(`cut (${how}) with ${String(load.workload.inFlight())} requests in flight`);
  await sleep(cutMs);
  await untilBothWrite(load.logFile);
  if (options.crash === true) await crash(scene);
  load.workload.mark('healed');
  split.heal();
  const healedMs = performance.now();
  say(`healed after ${String(load.workload.acknowledged())} acknowledged writes`);
  const missing = options.size.acknowledged - load.workload.acknowledged();
  await load.reachWrites(load.workload.acknowledged() + Math.max(LAST_WRITES, missing));
  await endLoad(scene);
  await waitForPeers(cluster.urls);
  return judgeConverged(scene, options, { healedMs, resources: paired(before, snapshot(cluster)) });
}

/** On a slow machine the side that has to wait for stand-ins gets to a delete late; whether it did is judged in the end. */
async function untilBothWrite(logFile: string): Promise<void> {
  const giveUpMs = performance.now() + BOTH_WRITE_MS;
  while (performance.now() < giveUpMs && whyNotBoth(sidesOf(readLog(logFile, false))).length > 0)
    await sleep(LOOK_MS);
}

async function crash({ cluster, options }: Scene): Promise<void> {
  for (const node of CRASHED.flatMap((index) => cluster.nodes[index] ?? [])) {
    node.process().kill('SIGKILL');
    await node.process().exited;
    node.start({ founding: false });
    options.say(`SIGKILL to ${node.id}, which is started again`);
  }
}

interface Healed extends Pick<ScenarioResult, 'resources'> {
  readonly healedMs: number;
}

async function judgeConverged(
  scene: Scene,
  { quietMs, sameTimeoutMs, say }: PartitionOptions,
  { healedMs, resources }: Healed,
): Promise<ScenarioResult> {
  const { cluster, load } = scene;
  const { nodes, urls } = cluster;
  const loadSeconds = (performance.now() - healedMs) / 1000;
  const same = await untilSame(cluster, sameTimeoutMs, healedMs);
  say(
    `${String(same.keys)} keys the same ${same.seconds?.toFixed(1) ?? 'never'} s after the links were whole`,
  );
  const quiet = await watchQuiet(nodes, quietMs);
  say(`${String(quiet.compared)} comparisons since, ${String(quiet.broken.length)} signs of repair`);
  const mended = mendedBy(await repairsSoFar(nodes));
  const hashes = await differentHashes(urls[0] ?? '', await keysHeld(urls));
  const before = await repairsSoFar(nodes);
  const sides = sidesOf(readLog(load.logFile));
  const result = await judgeScene(scene, new Set(AWAY), {
    resources,
    figures: [
      ['acknowledged in the cut, by the three', countsText(sides.others)],
      ['acknowledged in the cut, by the two', countsText(sides.away)],
      ['keys', same.keys],
      ['seconds from healed until the load ended', loadSeconds.toFixed(1)],
      ['seconds from healed until all replicas were the same', same.seconds?.toFixed(1) ?? 'never'],
      ['handed over, all nodes together', mended],
      [`comparisons in ${String(quietMs / 1000)} s of quiet`, quiet.compared],
    ],
    broken: [
      ...whyNotBoth(sides),
      ...whyNotSame(same),
      ...hashes.map((line) => `where says: ${line}`),
      ...quiet.broken.map((line) => `not quiet: ${line}`),
    ],
  });
  const woken = whyNotQuiet(before, await repairsSoFar(nodes));
  return { ...result, broken: [...result.broken, ...woken.map((line) => `after the final reads: ${line}`)] };
}

interface Counts {
  puts: number;
  deletes: number;
}

interface Sides {
  readonly away: Counts;
  readonly others: Counts;
}

/** Writes that each side acknowledged between the marks. */
function sidesOf(lines: readonly LogLine[]): Sides {
  const sides: Sides = { away: { puts: 0, deletes: 0 }, others: { puts: 0, deletes: 0 } };
  const sent = new Map<number, { readonly side: Counts; readonly deletes: boolean }>();
  let isCut = false;
  for (const line of lines) {
    if (line.t === 'mark') isCut = line.name === 'fault';
    if (line.t === 'send' && line.write && isCut) {
      const side = AWAY.includes(line.node) ? sides.away : sides.others;
      sent.set(line.n, { side, deletes: line.write.deletes === true });
    }
    const write = line.t === 'answer' && line.outcome === 'ok' && isCut ? sent.get(line.n) : undefined;
    if (write?.deletes === true) write.side.deletes++;
    else if (write) write.side.puts++;
  }
  return sides;
}

function countsText({ puts, deletes }: Counts): string {
  return `${String(puts)} values, ${String(deletes)} deletes`;
}

function whyNotBoth({ away, others }: Sides): string[] {
  const isActive = ({ puts, deletes }: Counts): boolean => puts > 0 && deletes > 0;
  return isActive(away) && isActive(others) ? [] : ['a side acknowledged no write or no delete in the cut'];
}
