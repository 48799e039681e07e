import type { Labels, Metrics } from '../ports/telemetry.js';

/** What a request wanted, as the metrics name it. `admin`: everything but `/storage`. */
export type Op = 'get' | 'put' | 'delete' | 'admin';

export interface Meter {
  /** Counts one finished request. `startedMs`: of `performance.now()`. */
  done(op: Op, code: string, startedMs: number): void;
}

/** Labels are made once for each pair of operation and code; codes come from the error table, so there are few. */
export function createMeter(metrics: Metrics): Meter {
  const counters: Record<Op, Map<string, Labels>> = {
    get: new Map(),
    put: new Map(),
    delete: new Map(),
    admin: new Map(),
  };
  const timers: Record<Op, Labels> = {
    get: { op: 'get' },
    put: { op: 'put' },
    delete: { op: 'delete' },
    admin: { op: 'admin' },
  };

  function labelsOf(op: Op, code: string): Labels {
    const known = counters[op].get(code);
    if (known) return known;
    const made = { op, code };
    counters[op].set(code, made);
    return made;
  }

  return {
    done(op, code, startedMs) {
      metrics.count('rondo_requests_total', labelsOf(op, code));
      metrics.observe('rondo_request_seconds', (performance.now() - startedMs) / 1000, timers[op]);
    },
  };
}
