import { readFile } from 'node:fs/promises';
import type { NodeId } from '../core/types.js';
import type { Registry, RegistryHandlers } from '../ports/registry.js';
import type { Log, Metrics } from '../ports/telemetry.js';
import { readKey } from './consul-membership/calls.js';
import { type Client, openClient } from './consul-membership/client.js';
import { createComplaints } from './consul-membership/complaints.js';
import { createDocumentStore, type DocumentStore } from './consul-membership/documentStore.js';
import { createLife, type Life } from './consul-membership/life.js';
import { watchNodes } from './consul-membership/nodes.js';
import { createRegistrar, type Registrar } from './consul-membership/registrar.js';
import { openToken } from './consul-membership/token.js';
import { type ConsulTuning, DEFAULT_TUNING } from './consul-membership/tuning.js';
import { watch } from './consul-membership/watch.js';

/**
 * The registry on Consul, by way of one agent: the document under one key of its KV, the nodes as instances of one service.
 * Two watches run all the time, one for each; nothing here waits for Consul without a deadline, and at most one request of a
 * kind is on its way, so that an agent that hangs costs a node five connections.
 */
export interface ConsulRegistryOptions {
  readonly self: NodeId;
  /** Of the agent beside this node: `http://` or `https://`, host and port. */
  readonly url: string;
  /** Of the service, and of the folder in KV: for several clusters on one Consul. */
  readonly name: string;
  /** '': no token. */
  readonly tokenFile: string;
  /** PEM; '': the system's authorities. */
  readonly caFile: string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tuning?: Partial<ConsulTuning>;
}

/** Rejects where a file cannot be read; a Consul that cannot be reached is no error. */
export async function openConsulRegistry(
  options: ConsulRegistryOptions,
  handlers: RegistryHandlers,
): Promise<Registry> {
  const { url, name, log, metrics } = options;
  const token = await openToken(options.tokenFile);
  const ca = options.caFile === '' ? undefined : await readFile(options.caFile, 'utf8');
  const tuning = { ...DEFAULT_TUNING, ...options.tuning };
  const life = createLife();
  const client = openClient({ url, ca, token, metrics });
  const key = `${name}/document`;
  const common = { client, life, tuning, service: name, url, log, metrics };
  const store = createDocumentStore({ client, key, url, log });
  const registrar = createRegistrar({ ...common, self: options.self });
  const reach = { reachable: false };
  watchDocument({ ...common, key, store, registrar, reach, handlers });
  watchNodes({ ...common, onNodes: (nodes) => handlers.onNodes(nodes) });
  metrics.gauge('rondo_registry_reachable', () => Number(reach.reachable));
  metrics.gauge('rondo_registry_registered', () => Number(reach.reachable && registrar.registered));
  let closed: Promise<void> | undefined;
  return {
    read: (done) => store.read(done),
    swap: (index, text, done) => store.swap(index, text, done),
    register: (registration) => registrar.register(registration),
    state: () => ({ reachable: reach.reachable, registered: registrar.registered }),
    close: () => (closed ??= close(life, client, registrar, tuning)),
  };
}

interface DocumentWatch {
  readonly client: Client;
  readonly life: Life;
  readonly tuning: ConsulTuning;
  readonly key: string;
  readonly url: string;
  readonly log: Log;
  readonly store: DocumentStore;
  readonly registrar: Registrar;
  readonly reach: { reachable: boolean };
  readonly handlers: RegistryHandlers;
}

/** What this watch meets says for all requests whether Consul is reached. */
function watchDocument(options: DocumentWatch): void {
  const { client, life, tuning, key, url, log, store, registrar, reach, handlers } = options;
  const complaints = createComplaints(log, {
    bad: 'Consul cannot be used: this node goes on with the document and the nodes that it knows',
    good: 'Consul can be used again',
    url,
  });
  const wait = `${String(tuning.waitMs)}ms`;
  let storedIndex: number | undefined;
  void watch({
    life,
    tuning,
    ask: (index) => readKey(client, 'watch', key, tuning.watchMs, { index, wait }),
    onSeen: (seen, restarted) => {
      const wasAway = !reach.reachable;
      reach.reachable = true;
      complaints.good();
      if (wasAway || restarted) store.forget();
      if (wasAway) registrar.hurry();
      const changed = seen.storedIndex !== storedIndex;
      storedIndex = seen.storedIndex;
      if (wasAway || restarted || changed) handlers.onChanged();
    },
    onFault: (fault) => {
      reach.reachable = false;
      complaints.bad(fault);
    },
  });
}

/** Ordered: no handler is called any more, the registration is taken back, then what is still asked ends. */
async function close(
  life: Life,
  client: Client,
  registrar: Registrar,
  { goodbyeMs }: ConsulTuning,
): Promise<void> {
  life.end();
  await registrar.leave(goodbyeMs);
  client.close();
  // Those who asked are told before this resolves.
  await new Promise((resolve) => setImmediate(resolve));
}
