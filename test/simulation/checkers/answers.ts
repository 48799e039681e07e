import { TICK_MS } from '../../../services/node/core/protocol/events.js';
import type { Clock, Dot, Key } from '../../../services/node/core/types.js';
import { covers, descends } from '../../../services/node/core/versioning/clock.js';
import type { Machine } from '../machine.js';
import type { Answer, Request } from '../requests.js';
import type { DotLedger } from './dots.js';
import type { Scene } from './scene.js';

/** What has to hold at the moment in which a client gets its answer. */

/** Success means durable on as many complete directories as the write asked for (I1). */
export function checkDurability(scene: Scene, dots: DotLedger, request: Request, answer: Answer): void {
  const { key, wanted, write, n } = request;
  if (!write || answer.outcome !== 'ok') return;
  const clock = typeof answer.version === 'string' ? scene.clockOf(key, answer.version) : undefined;
  const counts = clock
    ? [holders(scene, key, (durable) => descends(durable, clock))]
    : dots.dotsOf(write.value, write.requestId).map((dot) => holders(scene, key, holdsDot(dot)));
  const durable = Math.max(0, ...counts);
  if (durable >= wanted) return;
  scene.report(
    'I1',
    `request ${String(n)} wrote ${write.value} of ${key}: ${String(durable)} durable copies, not ${String(wanted)}`,
  );
}

function holdsDot(dot: Dot): (durable: Clock) => boolean {
  return (durable) => covers(durable, dot);
}

/** Directories, not names: a node that lost its data counts once for what it had, and its new directory not at all. */
function holders(scene: Scene, key: Key, holds: (durable: Clock) => boolean): number {
  return scene.directories().filter((directory) => {
    const durable = directory.complete ? directory.witnessed.get(key) : undefined;
    return durable !== undefined && holds(durable);
  }).length;
}

/** A read that succeeds found as many complete replicas as it asked for (R3). */
export function checkCompleteness(
  scene: Scene,
  { key, wanted, sentAtMs, write, n }: Request,
  answer: Answer,
): void {
  if (write || answer.outcome !== 'ok') return;
  const complete = scene.primaries(key).filter((node) =>
    scene.directoriesOf(node).some((directory) => {
      return directory.complete && (directory.lostAtMs ?? Infinity) >= sentAtMs;
    }),
  ).length;
  if (complete >= wanted) return;
  scene.report(
    'R3',
    `read ${String(n)} of ${key} wanted ${String(wanted)} replicas and only ${String(complete)} were complete`,
  );
}

/** A process that lives and runs answers by its deadline (I11). */
export function checkPunctuality(
  scene: Scene,
  machine: Machine,
  { n, sentAtMs }: Request,
  answer: Answer,
  requestTimeoutMs: number,
): void {
  if (machine.pausedUntilMs >= sentAtMs || answer.code === 'lost') return;
  const tookMs = scene.nowMs() - sentAtMs;
  if (answer.code !== 'timeout' && tookMs <= requestTimeoutMs + TICK_MS + 1) return;
  scene.report('I11', `request ${String(n)} at ${machine.id} had no answer after ${tookMs.toFixed(0)} ms`);
}
