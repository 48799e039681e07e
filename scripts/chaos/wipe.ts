import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { waitForPeers } from '../support/nodeViews.js';
import { readLog, type LogLine, type SendLine, type ValueId } from '../workload/log.js';
import type { Verdict } from '../workload/verdict.js';
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

/** What the node at `index` confirmed before the fault: writes that it acknowledged, and values that its reads showed. */
function confirmedBefore(lines: readonly LogLine[], index: number): ReadonlySet<ValueId> {
  const sends = new Map<number, SendLine>();
  const confirmed = new Set<ValueId>();
  for (const line of lines) {
    if (line.t === 'mark') return confirmed;
    if (line.t === 'send' && line.node === index) sends.set(line.n, line);
    const send = line.t === 'answer' && line.outcome === 'ok' ? sends.get(line.n) : undefined;
    if (line.t !== 'answer' || !send) continue;
    if (send.write) confirmed.add(send.write.value);
    else for (const value of line.values ?? []) confirmed.add(value);
  }
  return confirmed;
}

/** The verdict speaks of all nodes; here it must not speak of what was confirmed, neither in the run nor after it. */
function whyMissed(confirmed: ReadonlySet<ValueId>, { lost, staleReads }: Verdict): string[] {
  if (confirmed.size === 0) return ['the wiped node confirmed nothing before: the run shows nothing'];
  return [...lost, ...staleReads]
    .filter(({ value }) => confirmed.has(value))
    .map(
      ({ key, value, detail }) => `confirmed through the wiped node, and missed: ${key} ${value}: ${detail}`,
    );
}
