import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { CounterName, GaugeName, HistogramName, Labels, Metrics } from '../ports/telemetry.js';

/** Metrics with the page that a Prometheus server reads. */
export interface ExposedMetrics extends Metrics {
  /** All metrics in the text format, and the content type to send them with. */
  expose(): Promise<{ readonly contentType: string; readonly body: string }>;
}

interface Description {
  readonly help: string;
  readonly labels: readonly string[];
}

const COUNTERS: Readonly<Record<CounterName, Description>> = {
  rondo_requests_total: { help: 'Requests answered, by operation and outcome.', labels: ['op', 'code'] },
  rondo_requests_refused_total: { help: 'Requests refused at the door.', labels: ['reason'] },
  rondo_events_total: { help: 'Noteworthy things that the core saw.', labels: ['event'] },
  rondo_bus_messages_total: { help: 'Messages over the bus.', labels: ['direction'] },
  rondo_bus_bytes_total: { help: 'Bytes over the bus.', labels: ['direction'] },
  rondo_bus_unroutable_total: { help: 'Messages that could not be routed.', labels: [] },
  rondo_bus_rejected_total: { help: 'Envelopes and connections that the bus refused.', labels: ['reason'] },
  rondo_storage_damaged_total: { help: 'Records found damaged since the start.', labels: [] },
  rondo_storage_directories_quarantined_total: {
    help: 'Damaged data directories set aside since the start.',
    labels: [],
  },
  rondo_storage_records_total: { help: 'Records written durably since the start.', labels: [] },
  rondo_registry_requests_total: {
    help: 'Requests to Consul, by what was asked and what came of it.',
    labels: ['request', 'result'],
  },
  rondo_registry_rejected_total: {
    help: 'Entries of the registry that are no nodes of ours or not sound.',
    labels: ['reason'],
  },
};

const HISTOGRAMS: Readonly<Record<HistogramName, Description & { readonly buckets: number[] }>> = {
  rondo_request_seconds: {
    help: 'Time from the arrival of a request to its answer.',
    labels: ['op'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  },
  rondo_storage_batch_seconds: {
    help: 'Time of one synced batch.',
    labels: [],
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  },
  rondo_storage_batch_records: {
    help: 'Records in one synced batch.',
    labels: [],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
  },
};

const GAUGES: Readonly<Record<GaugeName, string>> = {
  rondo_live_requests: 'Requests in progress.',
  rondo_live_bytes: 'Bytes held for requests in progress.',
  rondo_settling_writes: 'Answered writes that some replica still lacks.',
  rondo_cells: 'Keys with work in memory.',
  rondo_storage_sequence: 'Number of the last synced batch of the data directory.',
  rondo_storage_pending_writes: 'Writes accepted and not yet durable.',
  rondo_bus_peers_connected: 'Nodes that the bus is connected to.',
  rondo_broker_connected: 'With a broker: 1 while this node is attached to one.',
  rondo_broker_blocked: 'With a broker: 1 while it takes nothing, for want of memory or disk.',
  rondo_hints: 'Writes kept for nodes that could not be reached.',
  rondo_read_repairs: 'Read repairs under way.',
  rondo_peers_alive: 'Other nodes that this one takes for alive.',
  rondo_epoch: 'Version of the cluster document.',
  rondo_complete: '1 while this node holds everything acknowledged for its partitions.',
  rondo_damaged_keys: 'Keys whose record here is damaged and not yet mended from the others.',
  rondo_hash_trees: 'Partitions whose hash tree is ready to be compared.',
  rondo_rebuild_left: 'While this node is rebuilt: complete nodes that it has still to compare with.',
  rondo_exchange_partitions_left: 'Partitions that the comparison under way has not dealt with.',
  rondo_registry_reachable: '1 while the registry (Consul) answers.',
  rondo_registry_registered: '1 while this node is registered there as it is.',
  rondo_registry_nodes: 'Nodes that are registered, this one included.',
  rondo_registry_nodes_passing: 'Registered nodes whose check passes.',
};

/**
 * Metrics of one node in a registry of their own, beside the process's usual ones; every series carries the label `node`.
 * Counting and observing never throw and, once a label value is known, only look it up: they lie on the way of a request.
 */
export function createMetrics(options: { readonly nodeId: string }): ExposedMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ node: options.nodeId });
  collectDefaultMetrics({ register: registry });
  const counters = tableOf(COUNTERS, (name, description) => counter(registry, name, description));
  const histograms = tableOf(HISTOGRAMS, (name, description) => histogram(registry, name, description));
  return {
    count: (name, labels, by = 1) => void (counters[name](labels).sum += by),
    observe: (name, value, labels) => histograms[name](labels).observe(value),
    gauge: (name, read) => replaceGauge(registry, name, read),
    expose: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

/** Sums are kept here and handed to the metric when it is read, which is far rarer than counting. */
function counter(registry: Registry, name: string, { help, labels }: Description) {
  const sums: { readonly values: string[]; sum: number }[] = [];
  const collect = function (this: Counter): void {
    this.reset();
    for (const { values, sum } of sums) {
      if (labels.length === 0) this.inc(sum);
      else this.labels(...values).inc(sum);
    }
  };
  new Counter({ name, help, labelNames: labels, registers: [registry], collect });
  const childOf = childrenOf(labels, (values) => {
    const child = { values, sum: 0 };
    sums.push(child);
    return child;
  });
  if (labels.length === 0) childOf();
  return childOf;
}

function histogram(registry: Registry, name: string, description: (typeof HISTOGRAMS)[HistogramName]) {
  const { help, labels, buckets } = description;
  const metric = new Histogram({ name, help, labelNames: labels, buckets, registers: [registry] });
  if (labels.length === 0) return () => metric;
  return childrenOf(labels, (values) => metric.labels(...values));
}

/** Where a gauge is given twice, the later callback holds: its owner was made anew. */
function replaceGauge(registry: Registry, name: GaugeName, read: () => number): void {
  registry.removeSingleMetric(name);
  const collect = function (this: Gauge): void {
    this.set(read());
  };
  new Gauge({ name, help: GAUGES[name], registers: [registry], collect });
}

/** Finds the series of some label values; made once, and the metric's own label handling is paid only then. */
function childrenOf<T>(names: readonly string[], make: (values: string[]) => T): (labels?: Labels) => T {
  const children = new Map<string, T>();
  return (labels = {}) => {
    let id = '';
    for (const name of names) id += `${labels[name] ?? ''}\n`;
    const known = children.get(id);
    if (known) return known;
    const made = make(names.map((name) => labels[name] ?? ''));
    children.set(id, made);
    return made;
  };
}

function tableOf<N extends string, D, T>(
  descriptions: Readonly<Record<N, D>>,
  make: (name: N, description: D) => T,
): Record<N, T> {
  const entries = Object.entries(descriptions) as [N, D][];
  return Object.fromEntries(entries.map(([name, description]) => [name, make(name, description)])) as Record<
    N,
    T
  >;
}
