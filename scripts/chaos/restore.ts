import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { factsSeen, waitForPeers, type NodeView } from '../support/nodeViews.js';
import {
  endScene,
  firstView,
  killVictim,
  paired,
  setScene,
  snapshot,
  untilRebuilt,
  untilView,
  whyNotNoticed,
  type Scene,
  type ScenarioOptions,
  type ScenarioResult,
} from './scenario.js';

/**
 * A node's data directory is put back to an old copy under load (R12). The copy is taken while the node is down for a
 * moment, so that it is what a backup would hold. Nothing in the directory itself says that it is old: the node has to
 * learn it from the others, or it names new writes by dots that it has given away already (I4).
 */
export interface RestoreOptions extends ScenarioOptions {
  /** Acknowledged writes between copy and fault. */
  readonly behind: number;
}

const NOTICE_TIMEOUT_MS = 30_000;
const FACT = 'directoryRenounced';
const COPY_AT_SHARE = 0.1;
const LAST_SHARE = 0.1;

/** Rejects where the cluster cannot be started, or the node does not come back at all. */
export async function runRestore(options: RestoreOptions): Promise<ScenarioResult> {
  const { behind, size, say } = options;
  const scene = await setScene(options);
  const { cluster, load, victim } = scene;
  const first = await firstView(scene);
  await load.reach(COPY_AT_SHARE);
  const copy = await takeCopy(scene);
  const before = await backAgain(scene);
  const copiedAt = load.workload.acknowledged();
  await load.reachWrites(copiedAt + behind);
  const resources = snapshot(cluster);
  const struckAt = load.workload.acknowledged();
  await putBack(scene, copy);
  const startedMs = performance.now();
  const after = await untilView(victim, (view) => view.actor !== before.actor, NOTICE_TIMEOUT_MS);
  const renounced = await factsSeen(victim.url, FACT);
  await waitForPeers(cluster.urls);
  load.workload.mark('healed');
  say(`${victim.id} is back: actor ${before.actor} → ${after.actor}, complete ${String(after.complete)}`);
  const rebuilt = await untilRebuilt(scene, startedMs);
  await load.reachWrites(Math.max(size.acknowledged, struckAt + size.acknowledged * LAST_SHARE));
  return endScene(scene, {
    resources: paired(resources, snapshot(cluster)),
    figures: [
      ['actor of the restored node', `${before.actor} → ${after.actor}`],
      ['acknowledged after the copy', struckAt - copiedAt],
      [`events of ${FACT}`, renounced],
      ['seconds from its start until it is rebuilt', rebuilt.seconds],
    ],
    broken: [
      ...whyAlarmedByCrash(first, before),
      ...whyNotNoticed(before, after),
      ...rebuilt.broken,
      ...(renounced > 0 ? [] : [`the node counts no ${FACT}`]),
    ],
  });
}

/** Leaves the node down. */
async function takeCopy(scene: Scene): Promise<string> {
  const { options, load, victim } = scene;
  const copy = join(options.folder, 'old-copy');
  load.workload.mark('fault');
  await killVictim(scene);
  cpSync(victim.dataDir, copy, { recursive: true });
  options.say(`${victim.id} killed, and its data copied`);
  return copy;
}

async function backAgain(scene: Scene): Promise<NodeView> {
  const { cluster, load, victim } = scene;
  victim.start({ founding: false });
  await cluster.waitReady();
  await waitForPeers(cluster.urls);
  load.workload.mark('healed');
  return firstView(scene);
}

async function putBack(scene: Scene, copy: string): Promise<void> {
  const { options, load, victim } = scene;
  load.workload.mark('fault');
  const inFlight = load.workload.inFlight();
  await killVictim(scene);
  rmSync(victim.dataDir, { recursive: true });
  cpSync(copy, victim.dataDir, { recursive: true });
  options.say(`${victim.id} killed with ${String(inFlight)} requests in flight, and its old data put back`);
  victim.start({ founding: false });
}

/** A crash that loses nothing costs no copy. */
function whyAlarmedByCrash(first: NodeView, before: NodeView): string[] {
  return first.actor === before.actor ? [] : ['a mere SIGKILL already made the node take another actor'];
}
