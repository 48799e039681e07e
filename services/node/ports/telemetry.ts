export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Structured log lines for people and machines. */
export interface Log {
  log(level: LogLevel, message: string, fields?: LogFields): void;
}

export type CounterName =
  | 'rondo_requests_total'
  | 'rondo_requests_refused_total'
  | 'rondo_events_total'
  | 'rondo_bus_messages_total'
  | 'rondo_bus_bytes_total'
  | 'rondo_bus_unroutable_total'
  | 'rondo_bus_rejected_total'
  | 'rondo_storage_damaged_total'
  | 'rondo_storage_directories_quarantined_total'
  | 'rondo_storage_records_total'
  | 'rondo_registry_requests_total'
  | 'rondo_registry_rejected_total';

export type HistogramName =
  'rondo_request_seconds' | 'rondo_storage_batch_seconds' | 'rondo_storage_batch_records';

export type GaugeName =
  | 'rondo_live_requests'
  | 'rondo_live_bytes'
  | 'rondo_settling_writes'
  | 'rondo_cells'
  | 'rondo_storage_sequence'
  | 'rondo_storage_pending_writes'
  | 'rondo_bus_peers_connected'
  | 'rondo_broker_connected'
  | 'rondo_broker_blocked'
  | 'rondo_hints'
  | 'rondo_read_repairs'
  | 'rondo_peers_alive'
  | 'rondo_epoch'
  | 'rondo_complete'
  | 'rondo_damaged_keys'
  | 'rondo_hash_trees'
  | 'rondo_rebuild_left'
  | 'rondo_exchange_partitions_left'
  | 'rondo_registry_reachable'
  | 'rondo_registry_registered'
  | 'rondo_registry_nodes'
  | 'rondo_registry_nodes_passing';

/** Labels with few distinct values, always the same names for one metric. */
export type Labels = Readonly<Record<string, string>>;

export interface Metrics {
  count(name: CounterName, labels?: Labels, by?: number): void;
  observe(name: HistogramName, value: number, labels?: Labels): void;
  /** `read` is called at each scrape. */
  gauge(name: GaugeName, read: () => number): void;
}
