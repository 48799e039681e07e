import type { WireCounts } from './bus/wire.js';
import type { HttpCounts } from './http/campaign.js';

/** What a run says while it goes on, and at its end. */

const PROGRESS_MS = 5000;

/** Says how things stand, but not too often. */
export function createProgress<T>(
  say: (line: string) => void,
  show: (counts: T) => string,
): (counts: T) => void {
  const startedMs = performance.now();
  let saidMs = startedMs;
  return (counts) => {
    const nowMs = performance.now();
    if (nowMs - saidMs < PROGRESS_MS) return;
    saidMs = nowMs;
    say(`${((nowMs - startedMs) / 1000).toFixed(0).padStart(4)} s  ${show(counts)}`);
  };
}

export function httpSummary({ requests, connections, resets, replies, model }: HttpCounts): string {
  const byName = [...replies]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name}: ${String(count)}`);
  const { acknowledged, verified, forgeriesRefused, failed } = model;
  const sound = [
    ...[`${String(acknowledged)} writes acknowledged`, `${String(verified)} reads as they must be`],
    ...[`${String(forgeriesRefused)} forged versions refused`, `${String(failed)} failed as documented`],
  ];
  return [
    `${String(requests)} hostile requests on ${String(connections)} connections, ${String(resets)} of them reset; sound traffic: ${sound.join(', ')}`,
    `        replies: ${byName.join(', ')}`,
  ].join('\n');
}

export function wireSummary({ frames, connections, closedByNode }: WireCounts): string {
  return `wire: ${String(frames)} frames on ${String(connections)} connections, ${String(closedByNode)} closed by the nodes`;
}
