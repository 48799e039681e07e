import { TICK_MS } from '../../../services/node/core/protocol/events.js';
import type { Clock, Dot } from '../../../services/node/core/types.js';
import { covers, descends } from '../../../services/node/core/versioning/clock.js';
import type { Machine } from '../machine.js';
import type { Answer, Request } from '../requests.js';
import type { DotLedger } from './dots.js';
import { countedSince, type Scene } from './scene.js';

/** What has to hold at the moment in which a client gets its answer. */

/**
 * Success means durable on as many nodes as the write asked for (I1): on primaries whose directory counts and, with sloppy
 * quorum, on stand-ins that kept a hint with it (R4).
 */
export function checkDurability(scene: Scene, dots: DotLedger, request: Request, answer: Answer): void {
  const { wanted, write, n, key } = request;
  if (!write || answer.outcome !== 'ok') return;
  const clock = typeof answer.version === 'string' ? scene.clockOf(key, answer.version) : undefined;
  const counts = clock
    ? [holders(scene, request, (durable) => descends(durable, clock))]
    : dots.dotsOf(write.value, write.requestId).map((dot) => holders(scene, request, holdsDot(dot)));
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

/** A node that lost its data counts for what it had; its new directory does not count. */
function holders(scene: Scene, request: Request, holds: (durable: Clock) => boolean): number {
  const { key, quorum, sentAtMs } = request;
  const primaries = scene.primaries(key);
  const nodes = scene.directories().flatMap((directory) => {
    const { node, witnessed, hinted, complete } = directory;
    const durable = witnessed.get(key);
    const counts = complete || countedSince(directory, sentAtMs);
    if (!durable || !counts || !holds(durable)) return [];
    return primaries.includes(node) || (quorum === 'sloppy' && hinted.has(key)) ? [node] : [];
  });
  return new Set(nodes).size;
}

/** A read that succeeds found as many complete replicas as it asked for, or stand-ins that hold the key (R3). */
export function checkCompleteness(
  scene: Scene,
  { key, wanted, sentAtMs, write, n, quorum }: Request,
  answer: Answer,
): void {
  if (write || answer.outcome !== 'ok') return;
  const primaries = scene.primaries(key);
  const nodes = scene.directories().flatMap((directory) => {
    const { node, witnessed, oldCopyOf } = directory;
    if (!countedSince(directory, sentAtMs)) return [];
    if (quorum === 'strict') return primaries.includes(node) && !oldCopyOf ? [node] : [];
    return primaries.includes(node) || witnessed.has(key) ? [node] : [];
  });
  const complete = new Set(nodes).size;
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
