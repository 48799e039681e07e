import type { Finding } from './causality.js';
import type { Latency } from './measures.js';
import type { Verdict } from './verdict.js';

const FINDINGS_SHOWN = 5;

/** The verdict for a person: a table, then the first findings of each kind. */
export function renderVerdict(verdict: Verdict): string {
  const { measures } = verdict;
  const rows: [string, string | number][] = [
    ['writes attempted', verdict.attempted],
    ['  acknowledged', verdict.acknowledged],
    ['  refused (certainly no effect)', verdict.refused],
    ['  unknown', verdict.unknown],
    ['  repeated after unknown', verdict.repeated],
    ['ACKNOWLEDGED AND LOST', verdict.lost.length],
    ['phantoms', verdict.phantoms.length],
    ['resurrected', verdict.resurrected.length],
    ['stale reads', verdict.staleReads.length],
    ['ambiguous versions', verdict.ambiguousVersions.length],
    ['unreadable keys', verdict.unreadable.length],
    ['final reads', verdict.finalReads],
    ['in flight, most', measures.inFlightMax],
    ['longest time without a success', milliseconds(measures.longestGapMs)],
    ...Object.entries(measures.latency).map(([op, latency]): [string, string] => [op, latencyText(latency)]),
    ...measures.marks.map((mark): [string, string] => [
      `${mark.name} at ${milliseconds(mark.atMs)}`,
      `in flight ${String(mark.inFlight)}, first success after ${milliseconds(mark.firstSuccessMs)}`,
    ]),
    ...Object.entries(measures.errors).map(([code, count]): [string, number] => [`error ${code}`, count]),
  ];
  return [...table(rows), ...findingLines(verdict), conclusion(verdict), ''].join('\n');
}

/** Rows of a name and a value, aligned. */
export function table(rows: readonly (readonly [string, string | number])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${String(value)}`);
}

function latencyText(latency: Latency): string {
  const { count, p50Ms, p99Ms, maxMs } = latency;
  return `${String(count)} ok, p50 ${milliseconds(p50Ms)}, p99 ${milliseconds(p99Ms)}, max ${milliseconds(maxMs)}`;
}

/** A time, or `never`. */
export function milliseconds(value: number | undefined): string {
  return value === undefined ? 'never' : `${value.toFixed(1)} ms`;
}

function findingLines(verdict: Verdict): string[] {
  const { lost, phantoms, resurrected, staleReads, ambiguousVersions, unreadable } = verdict;
  const kinds: Record<string, readonly Finding[]> = {
    lost,
    phantom: phantoms,
    resurrected,
    'stale read': staleReads,
    'ambiguous version': ambiguousVersions,
    unreadable,
  };
  return Object.entries(kinds).flatMap(([kind, findings]) =>
    findings
      .slice(0, FINDINGS_SHOWN)
      .map(({ key, value, detail }) => `${kind}: key ${key} value ${value}: ${detail}`.slice(0, 400)),
  );
}

function conclusion(verdict: Verdict): string {
  if (verdict.ok) return 'verdict: all promises held';
  if (verdict.tooSmall.length > 0)
    return `verdict: too small to mean anything (${verdict.tooSmall.join('; ')})`;
  return 'verdict: PROMISES BROKEN';
}
