import type {
  CounterName,
  GaugeName,
  Labels,
  LogFields,
  Log,
  Metrics,
} from '../../../services/node/ports/telemetry.js';

export interface RecordedTelemetry {
  readonly log: Log;
  readonly metrics: Metrics;
  /** Lines in the order of their writing. */
  readonly lines: { readonly level: string; readonly message: string; readonly fields: LogFields }[];
  /** Sum of a counter over the series that have these labels. */
  total(name: CounterName, labels?: Labels): number;
  /** What a gauge says now. */
  gauge(name: GaugeName): number | undefined;
}

/** Telemetry that keeps what it is told. */
export function recordTelemetry(): RecordedTelemetry {
  const counts: { name: CounterName; labels: Labels; by: number }[] = [];
  const gauges = new Map<GaugeName, () => number>();
  const lines: RecordedTelemetry['lines'] = [];
  return {
    lines,
    log: { log: (level, message, fields = {}) => void lines.push({ level, message, fields }) },
    metrics: {
      count: (name, labels = {}, by = 1) => void counts.push({ name, labels, by }),
      observe: () => undefined,
      gauge: (name, read) => void gauges.set(name, read),
    },
    gauge: (name) => gauges.get(name)?.(),
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
