import type { LogLine, SendLine, ValueId } from '../workload/log.js';
import type { Verdict } from '../workload/verdict.js';

/** What the node at `index` confirmed before the fault: writes that it acknowledged, and values that its reads showed. */
export function confirmedBefore(lines: readonly LogLine[], index: number): ReadonlySet<ValueId> {
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
export function whyMissed(
  confirmed: ReadonlySet<ValueId>,
  { lost, staleReads }: Pick<Verdict, 'lost' | 'staleReads'>,
): string[] {
  if (confirmed.size === 0) return ['the wiped node confirmed nothing before: the run shows nothing'];
  return [...lost, ...staleReads]
    .filter(({ value }) => confirmed.has(value))
    .map(
      ({ key, value, detail }) => `confirmed through the wiped node, and missed: ${key} ${value}: ${detail}`,
    );
}
