import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { waitForPeers } from '../support/nodeViews.js';
import { readLog } from '../workload/log.js';
import { confirmedBefore, whyMissed } from './confirmed.js';
import {
  endScene,
  firstView,
  killVictim,
  paired,
  setScene,
  snapshot,
  untilRebuilt,
  whyNotNoticed,
  type ScenarioOptions,
  type ScenarioResult,
} from './scenario.js';

/**
 * A node loses its data under load and comes back under the same id. `db`: its database is gone; `all`: its whole data
 * directory, the cluster document and its vote with it. The two others go on without it, and it has to notice, and be rebuilt
 * by them under another actor.
 */
export type Wiped = 'db' | 'all';

export interface WipeOptions extends ScenarioOptions {
  readonly what: Wiped;
}

/** Rejects where the cluster cannot be started, or the node does not come back at all. */
export async function runWipe(options: WipeOptions): Promise<ScenarioResult> {
  const { what, say } = options;
  const scene = await setScene(options);
  const { cluster, load, victim } = scene;
  const before = await firstView(scene);
  await load.reach(0.5);
  const resources = snapshot(cluster);
  load.workload.mark('fault');
  const inFlight = load.workload.inFlight();
  await killVictim(scene);
  rmSync(what === 'db' ? join(victim.dataDir, 'db') : victim.dataDir, { recursive: true });
  say(`${victim.id} killed with ${String(inFlight)} requests in flight, and its data removed (${what})`);
  victim.start({ founding: false });
  const startedMs = performance.now();
  const after = await firstView(scene);
  await waitForPeers(cluster.urls);
  load.workload.mark('healed');
  say(`${victim.id} is back: actor ${before.actor} → ${after.actor}, complete ${String(after.complete)}`);
  const rebuilt = await untilRebuilt(scene, startedMs);
  await load.reach(1);
  const result = await endScene(scene, {
    resources: paired(resources, snapshot(cluster)),
    figures: [
      ['actor of the wiped node', `${before.actor} → ${after.actor}`],
      ['seconds from its start until it is rebuilt', rebuilt.seconds],
    ],
    broken: [...whyNotNoticed(before, after), ...rebuilt.broken],
  });
  const confirmed = confirmedBefore(readLog(load.logFile), scene.victimIndex);
  return {
    ...result,
    figures: [...result.figures, ['confirmed through the wiped node before', confirmed.size]],
    broken: [...result.broken, ...whyMissed(confirmed, result.verdict)],
  };
}
