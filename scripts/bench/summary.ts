import type { Cell } from './measure.js';
import type { RequestKind } from './requests.js';

/** What a subject did under one kind of request, over all rounds: medians. */
export interface Summary {
  readonly kind: RequestKind;
  readonly subject: string;
  readonly rounds: number;
  readonly perSecond: number;
  /** How far the rounds lie apart: (most - least) / median. */
  readonly spread: number;
  /** Of the throughput to that of the ceiling in the same round; absent where that was not measured. */
  readonly ratio?: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicrosPerRequest?: number;
  /** Of all processes together. */
  readonly memoryBytes: number;
}

/** NaN of nothing. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((left, right) => left - right);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? NaN;
  return (lower + upper) / 2;
}

/** One line for each kind and subject, in the order in which they were measured. */
export function summarize(cells: readonly Cell[], ceiling: string): readonly Summary[] {
  const names = new Set(cells.map(({ kind, subject }) => `${kind} ${subject}`));
  return [...names].flatMap((name) => {
    const own = cells.filter(({ kind, subject }) => `${kind} ${subject}` === name);
    const [first] = own;
    return first ? [summaryOf(first, own, ratiosTo(cells, ceiling, own))] : [];
  });
}

function summaryOf(first: Cell, own: readonly Cell[], ratios: readonly number[]): Summary {
  const perSecond = median(own.map((cell) => cell.perSecond));
  const rates = own.map((cell) => cell.perSecond);
  const cpu = own.flatMap(({ cpuMicrosPerRequest }) => cpuMicrosPerRequest ?? []);
  return {
    kind: first.kind,
    subject: first.subject,
    rounds: own.length,
    perSecond,
    spread: (Math.max(...rates) - Math.min(...rates)) / perSecond,
    ...(ratios.length > 0 ? { ratio: median(ratios) } : {}),
    p50Ms: median(own.map((cell) => cell.p50Ms)),
    p99Ms: median(own.map((cell) => cell.p99Ms)),
    ...(cpu.length > 0 ? { cpuMicrosPerRequest: median(cpu) } : {}),
    memoryBytes: median(own.map((cell) => cell.memoryBytes.reduce((sum, bytes) => sum + bytes, 0))),
  };
}

/** Of each round that has both: what ran side by side is compared, since the machine drifts. */
export function ratiosTo(cells: readonly Cell[], ceiling: string, own: readonly Cell[]): readonly number[] {
  return own.flatMap((cell) => {
    const other = cells.find(
      ({ round, kind, subject }) => round === cell.round && kind === cell.kind && subject === ceiling,
    );
    return other && cell.subject !== ceiling ? [cell.perSecond / other.perSecond] : [];
  });
}
