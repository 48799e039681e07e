import { createHttpServer } from '../../../services/node/http/server.js';
import type { HttpServer, HttpServerOptions } from '../../../services/node/http/server.js';
import { createStubService } from './stubService.js';
import type { StubService } from './stubService.js';

/** A server on a port of the kernel's choice, in front of a stub, with everything that it logged and counted. */
export interface Harness {
  readonly server: HttpServer;
  readonly stub: StubService;
  readonly url: string;
  readonly port: number;
  readonly logged: { readonly level: string; readonly message: string; readonly fields: object }[];
  /** Sums of counters by `name{label=value,…}`. */
  readonly counted: Map<string, number>;
  readonly observed: Map<string, number>;
}

type Options = Partial<Pick<HttpServerOptions, 'limits' | 'valueBytesMax' | 'port' | 'tokens'>> & {
  readonly stub?: StubService;
};

export async function startHarness(options: Options = {}): Promise<Harness> {
  const stub = options.stub ?? createStubService();
  const logged: Harness['logged'] = [];
  const counted = new Map<string, number>();
  const observed = new Map<string, number>();
  const server = createHttpServer({
    service: stub,
    host: '127.0.0.1',
    port: options.port ?? 0,
    valueBytesMax: options.valueBytesMax ?? 64 * 1024,
    limits: options.limits ?? {},
    tokens: options.tokens,
    telemetry: {
      log: { log: (level, message, fields = {}) => void logged.push({ level, message, fields }) },
      metrics: {
        count: (name, labels, by = 1) => add(counted, seriesName(name, labels), by),
        observe: (name, _value, labels) => add(observed, seriesName(name, labels), 1),
        gauge: () => undefined,
        expose: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'rondo_epoch 1\n' }),
      },
    },
  });
  const { host, port } = await server.listen();
  return { server, stub, url: `http://${host}:${port}`, port, logged, counted, observed };
}

/** Starts harnesses and closes them all at the end of a test. */
export function harnesses(): { start: typeof startHarness; closeAll: () => Promise<void> } {
  const started: Harness[] = [];
  return {
    async start(options) {
      const harness = await startHarness(options);
      started.push(harness);
      return harness;
    },
    async closeAll() {
      await Promise.all(started.splice(0).map(({ server }) => server.close()));
    },
  };
}

/** Polls until `condition` holds; throws after `timeoutMs`. */
export async function eventually(condition: () => boolean, timeoutMs = 5000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error('it did not come about in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function add(sums: Map<string, number>, name: string, by: number): void {
  sums.set(name, (sums.get(name) ?? 0) + by);
}

function seriesName(name: string, labels: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  return `${name}{${pairs.join(',')}}`;
}
