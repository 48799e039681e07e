import type { Log, LogFields, LogLevel, Metrics } from '../../ports/telemetry.js';

/** Why something that came from a socket was not taken. */
export type Rejection =
  /** Not a Rondo node, or one that speaks another version of the protocol. */
  | 'protocol'
  | 'malformed'
  | 'overlong'
  /** Wrong or missing proof of the cluster secret. */
  | 'mac'
  | 'cluster'
  | 'receiver'
  | 'sender'
  | 'replay'
  /** It was sent to an earlier connection or life of this node, or comes from one of its sender. */
  | 'stale'
  /** One message of a sound envelope cannot be decoded. */
  | 'message'
  /** A large message is over a bound, contradicts itself, or was never finished. */
  | 'transfer'
  | 'no_hello'
  | 'too_many';

/**
 * Counts everything and logs a bounded part of it: a hostile peer must not be able to fill a disk with log lines. What
 * passes is added up here and told to the metrics at each {@link Reporter.flush}: they would cost as much as a message.
 */
export interface Reporter {
  reject(reason: Rejection, fields?: LogFields): void;
  log(level: LogLevel, message: string, fields: LogFields): void;
  moved(direction: 'sent' | 'received' | 'expired', messages: number): void;
  bytes(direction: 'sent' | 'received', count: number): void;
  unroutable(): void;
  flush(): void;
}

/** What a person has to act on is said in words. */
const MESSAGES: Partial<Record<Rejection, string>> = {
  cluster: 'a node of another cluster was turned away: one of the two has the wrong seeds, or the wrong data',
  stale: 'what belongs to an earlier connection was dropped',
  mac: 'a node that does not have the cluster secret of this one was turned away',
};

const WINDOW_MS = 10_000;
const LINES_PER_WINDOW = 20;

export function createReporter(log: Log, metrics: Metrics, nowMs: () => number): Reporter {
  const admitRejection = createLimiter(nowMs);
  const admitChange = createLimiter(nowMs);
  const messages = { sent: 0, received: 0, expired: 0 };
  const bytes = { sent: 0, received: 0 };
  return {
    reject: (reason, fields = {}) => {
      metrics.count('rondo_bus_rejected_total', { reason });
      admitRejection((suppressed) =>
        log.log('warn', MESSAGES[reason] ?? 'bus input rejected', { reason, ...fields, suppressed }),
      );
    },
    log: (level, message, fields) => {
      admitChange((suppressed) => log.log(level, message, { ...fields, suppressed }));
    },
    moved: (direction, count) => void (messages[direction] += count),
    bytes: (direction, count) => void (bytes[direction] += count),
    unroutable: () => metrics.count('rondo_bus_unroutable_total'),
    flush: () => {
      tell(metrics, 'rondo_bus_messages_total', messages);
      tell(metrics, 'rondo_bus_bytes_total', bytes);
    },
  };
}

function tell(
  metrics: Metrics,
  name: 'rondo_bus_messages_total' | 'rondo_bus_bytes_total',
  sums: Record<string, number>,
): void {
  for (const [direction, sum] of Object.entries(sums)) {
    if (sum > 0) metrics.count(name, { direction }, sum);
    sums[direction] = 0;
  }
}

/** Lets so many lines a window through; the first line of the next window says how many were left out. */
function createLimiter(nowMs: () => number) {
  let windowStartMs = -Infinity;
  let lines = 0;
  return (write: (suppressed: number | undefined) => void): void => {
    const now = nowMs();
    const renewed = now - windowStartMs >= WINDOW_MS;
    const suppressed = renewed && lines > LINES_PER_WINDOW ? lines - LINES_PER_WINDOW : undefined;
    if (renewed) {
      windowStartMs = now;
      lines = 0;
    }
    if (++lines <= LINES_PER_WINDOW) write(suppressed);
  };
}
