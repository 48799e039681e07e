import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { metricOf, waitForPeers, type NodeView } from '../support/nodeViews.js';
import { waitUntil } from '../support/processes.js';
import type { SeparateNode } from '../support/separate.js';
import { damageDatabase, type Damage } from './databaseFiles.js';
import { readAll, writeAll } from './fewKeys.js';
import {
  endScene,
  firstView,
  killVictim,
  paired,
  setScene,
  snapshot,
  untilRebuilt,
  whyNotNoticed,
  type Scene,
  type ScenarioOptions,
  type ScenarioResult,
} from './scenario.js';

/**
 * A node's database is damaged while it is down. `log`: a byte in the midst of a log is another; `table`: a table is cut in
 * half; `current`: the file that names the manifest is gone. The node has to notice, set the directory aside, and be
 * rebuilt by the others under another actor (R12). `block`: a byte in the midst of a table is another, which is found only
 * when it is read; where LevelDB finds it, the node asks to be restarted, and is. `torn`: all that a power cut leaves of a
 * batch that was being written, which is no damage: nobody was told of it.
 */
export interface DamageOptions extends ScenarioOptions {
  readonly what: Damage;
}

/** Written once, before the load is warm, so that what is damaged is all that the node has of them. */
const COLD = Array.from({ length: 600 }, (_, index) => `cold-${String(index)}`);
const SET_ASIDE = 'db.damaged-1';
const ASKS_FOR_RESTART = 'a file of the database is damaged: restart this node';
const READ_TIMEOUT_MS = 90_000;
const SUPERVISED_EVERY_MS = 500;
const DAMAGED_RECORDS = 'rondo_storage_damaged_total';
const QUARANTINED = 'rondo_storage_directories_quarantined_total';

/** Rejects where the cluster cannot be started, or the node does not come back at all. */
export async function runDamage(options: DamageOptions): Promise<ScenarioResult> {
  const { what, say } = options;
  const scene = await setScene(options);
  const { cluster, load, victim } = scene;
  const first = await firstView(scene);
  await writeAll(cluster.urls, COLD);
  await load.reach(0.3);
  // In order, or two violent ends in a row would have every block verified at the start.
  if (what === 'table' || what === 'block') await restart(scene, () => victim.stop());
  await load.reach(0.6);
  const resources = snapshot(cluster);
  load.workload.mark('fault');
  await killVictim(scene);
  const done = damageDatabase(join(victim.dataDir, 'db'), what);
  say(`${victim.id} killed with ${String(load.workload.inFlight())} requests in flight; ${done}`);
  victim.start({ founding: false });
  const startedMs = performance.now();
  if (what === 'block') {
    supervise(scene);
    await untilRead(scene);
  }
  const after = await firstView(scene);
  await waitForPeers(cluster.urls);
  load.workload.mark('healed');
  say(`${victim.id} is back: actor ${first.actor} → ${after.actor}, complete ${String(after.complete)}`);
  const rebuilt = await untilRebuilt(scene, startedMs);
  await load.reach(1);
  const noticed = await whyNotTreated(scene.victim, what, [first, after]);
  const result = await endScene(scene, {
    resources: paired(resources, snapshot(cluster)),
    figures: [
      ['damage', done],
      ['actor of the damaged node', `${first.actor} → ${after.actor}`],
      ['seconds from its start until it is complete', rebuilt.seconds],
    ],
    broken: [...noticed, ...rebuilt.broken],
  });
  return { ...result, broken: [...result.broken, ...(await whyNotRead(cluster.nodes))] };
}

/** Each node reads for itself: R=1. */
async function whyNotRead(nodes: readonly SeparateNode[]): Promise<string[]> {
  const faults = nodes.map(async ({ id, url }) => {
    const answers = await readAll(url, COLD, { minNumReads: 1, quorum: 'sloppy' });
    const wrong = COLD.filter((key, index) => answers[index]?.values?.join() !== key);
    return wrong.length === 0
      ? []
      : [`${id} does not give ${String(wrong.length)} keys of before as they were`];
  });
  return (await Promise.all(faults)).flat();
}

/** A start makes a table of what is in the log. */
async function restart(scene: Scene, end: () => Promise<unknown>): Promise<void> {
  await end();
  scene.victim.start({ founding: false });
  await scene.cluster.waitReady();
  await waitForPeers(scene.cluster.urls);
}

/** From now on the node is started again whenever it has ended: some damage makes LevelDB end the process. */
function supervise({ victim, options }: Scene): void {
  const timer = setInterval(() => {
    const ended = victim.process();
    if (ended.isRunning()) return;
    void ended.exited.then(({ code, signal }) => {
      options.say(`${victim.id} ended (${String(code ?? signal)}), and is started again`);
    });
    victim.start({ founding: false });
  }, SUPERVISED_EVERY_MS);
  options.cleanup.defer('no longer start the node again', () => {
    clearInterval(timer);
  });
}

/** Until the rotten block was met; where LevelDB met it, which it counts as its own damage, the node is restarted. */
async function untilRead(scene: Scene): Promise<void> {
  const { victim, options } = scene;
  const asks = (): boolean => readFileSync(victim.outputFile, 'utf8').includes(ASKS_FOR_RESTART);
  const isAside = (): boolean => existsSync(join(victim.dataDir, SET_ASIDE));
  const isRead = async (): Promise<boolean> =>
    asks() || isAside() || (await metricOf(victim.url, DAMAGED_RECORDS)) > 0;
  await waitUntil('the damaged block is read', isRead, READ_TIMEOUT_MS);
  options.say(`${victim.id} ${asks() ? 'asks to be restarted' : 'has put something aside'}`);
  if (asks()) await killVictim(scene);
}

async function whyNotTreated(
  { url, dataDir }: SeparateNode,
  what: Damage,
  [before, after]: readonly [NodeView, NodeView],
): Promise<readonly string[]> {
  const isAside = existsSync(join(dataDir, SET_ASIDE));
  const counted = await metricOf(url, QUARANTINED);
  const gauge = await metricOf(url, 'rondo_complete');
  const incomplete = gauge === 1 ? [] : ['the gauge rondo_complete is not 1 again'];
  if (what === 'block' && before.actor === after.actor) {
    const left = await metricOf(url, 'rondo_damaged_keys');
    return [...incomplete, ...(left === 0 ? [] : [`${String(left)} damaged keys were not mended`])];
  }
  if (what === 'torn') {
    const isAlarmed = before.actor !== after.actor || isAside || counted > 0;
    return [...incomplete, ...(isAlarmed ? ['a batch that was cut off was taken for damage'] : [])];
  }
  return [
    ...incomplete,
    ...whyNotNoticed(before, after),
    ...(isAside ? [] : [`the damaged directory was not kept as ${SET_ASIDE}`]),
    ...(counted === 1 || what === 'block' ? [] : [`${QUARANTINED} is ${String(counted)}`]),
  ];
}
