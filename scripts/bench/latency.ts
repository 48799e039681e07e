/** How often a latency was seen: microseconds and a count. */
export type LatencyCount = readonly [micros: number, count: number];

/** To three significant digits: what is merged and kept stays small, and the error below 1 %. */
export function coarse(micros: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, micros))) - 2);
  return Math.floor(micros / step) * step;
}

/** Sums the counts of several processes, by coarse latency, ascending. */
export function mergeLatencies(all: readonly (readonly LatencyCount[])[]): readonly LatencyCount[] {
  const counts = new Map<number, number>();
  for (const [micros, count] of all.flat()) {
    counts.set(coarse(micros), (counts.get(coarse(micros)) ?? 0) + count);
  }
  return [...counts].sort(([left], [right]) => left - right);
}

/** The latency that `fraction` of all requests did not exceed, in ms (nearest rank); NaN where there were none. */
export function percentileMs(ascending: readonly LatencyCount[], fraction: number): number {
  const total = ascending.reduce((sum, [, count]) => sum + count, 0);
  const rank = Math.max(1, Math.ceil(total * fraction));
  let passed = 0;
  for (const [micros, count] of ascending) {
    passed += count;
    if (passed >= rank) return micros / 1000;
  }
  return NaN;
}
