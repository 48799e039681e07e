import type { AnswerLine, MarkLine, Operation, SendLine } from './log.js';

export interface Latency {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** What happened around one moment that the caller marked. */
export interface MarkMeasure {
  readonly name: MarkLine['name'];
  readonly atMs: number;
  readonly inFlight: number;
  /** From the mark to the first successful answer to a request sent after it. */
  readonly firstSuccessMs: number | undefined;
}

export interface Measures {
  /** Of successful requests. */
  readonly latency: Readonly<Record<Operation, Latency>>;
  readonly marks: readonly MarkMeasure[];
  readonly inFlightMax: number;
  /** Longest time without any successful answer. */
  readonly longestGapMs: number;
  /** How often each code other than `ok` was answered, sorted by code. */
  readonly errors: Readonly<Record<string, number>>;
}

interface OpenMark {
  readonly line: MarkLine;
  readonly afterRequest: number;
  firstSuccessMs: number | undefined;
}

/** Collects times and counts while a log is read in order. */
export interface Meter {
  onSend(line: SendLine): void;
  onAnswer(send: SendLine, line: AnswerLine): void;
  onMark(line: MarkLine): void;
  measures(): Measures;
}

export function newMeter(): Meter {
  const times: Record<Operation, number[]> = { get: [], put: [], delete: [] };
  const errors = new Map<string, number>();
  const marks: OpenMark[] = [];
  let [inFlight, inFlightMax, lastRequest, lastSuccessMs, longestGapMs] = [0, 0, 0, 0, 0];
  const onSuccess = (send: SendLine, line: AnswerLine): void => {
    times[send.op].push(line.at - send.at);
    longestGapMs = Math.max(longestGapMs, line.at - lastSuccessMs);
    lastSuccessMs = line.at;
    for (const mark of marks) {
      if (send.n > mark.afterRequest) mark.firstSuccessMs ??= line.at - mark.line.at;
    }
  };
  return {
    onSend: (line) => {
      lastRequest = Math.max(lastRequest, line.n);
      inFlightMax = Math.max(inFlightMax, ++inFlight);
    },
    onAnswer: (send, line) => {
      inFlight--;
      if (line.outcome === 'ok') onSuccess(send, line);
      else errors.set(line.code, (errors.get(line.code) ?? 0) + 1);
    },
    onMark: (line) => marks.push({ line, afterRequest: lastRequest, firstSuccessMs: undefined }),
    measures: () => ({
      latency: { get: summarise(times.get), put: summarise(times.put), delete: summarise(times.delete) },
      marks: marks.map(markMeasure),
      inFlightMax,
      longestGapMs,
      errors: Object.fromEntries([...errors].sort(([a], [b]) => (a < b ? -1 : 1))),
    }),
  };
}

function markMeasure({ line, firstSuccessMs }: OpenMark): MarkMeasure {
  return { name: line.name, atMs: line.at, inFlight: line.inFlight, firstSuccessMs };
}

/** `times` in milliseconds, in any order. */
export function summarise(times: readonly number[]): Latency {
  const sorted = Float64Array.from(times).sort();
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
