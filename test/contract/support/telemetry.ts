import type { CounterName, Labels, Log, Metrics } from '../../../services/node/ports/telemetry.js';

export interface RecordedTelemetry {
  readonly log: Log;
  readonly metrics: Metrics;
  /** Lines in the order of their writing. */
  readonly lines: { readonly level: string; readonly message: string }[];
  /** Sum of a counter over the series that have these labels. */
  total(name: CounterName, labels?: Labels): number;
}

/** Telemetry that keeps what it is told. */
export function recordTelemetry(): RecordedTelemetry {
  const counts: { name: CounterName; labels: Labels; by: number }[] = [];
  const lines: RecordedTelemetry['lines'] = [];
  return {
    lines,
    log: { log: (level, message) => void lines.push({ level, message }) },
    metrics: {
      count: (name, labels = {}, by = 1) => void counts.push({ name, labels, by }),
      observe: () => undefined,
      gauge: () => undefined,
    },
    total: (name, labels = {}) =>
      counts
        .filter((each) => each.name === name)
        .filter((each) => Object.entries(labels).every(([label, value]) => each.labels[label] === value))
        .reduce((sum, { by }) => sum + by, 0),
  };
}

export function silentTelemetry(): { readonly log: Log; readonly metrics: Metrics } {
  const nothing = () => undefined;
  return { log: { log: nothing }, metrics: { count: nothing, observe: nothing, gauge: nothing } };
}
