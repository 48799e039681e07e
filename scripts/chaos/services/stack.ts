import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { CONSUL_PORTS, consulPorts, startConsul, type Consul } from '../../services/consul.js';
import { startHaproxy, type Haproxy } from '../../services/haproxy.js';
import { RABBITMQ_PORTS, rabbitmqPorts, startRabbitmq, type Rabbitmq } from '../../services/rabbitmq.js';
import type { Cleanup } from '../../support/cleanup.js';
import { COLLECTABLE } from '../../support/memory.js';
import { waitForPeers } from '../../support/nodeViews.js';
import { waitForReady } from '../../support/nodes.js';
import { reservePorts } from '../../support/ports.js';
import { prepareSeparate, type SeparateCluster, type SeparateNode } from '../../support/separate.js';
import { startTcpProxy, type TcpProxy } from '../../support/tcpProxy.js';
import type { ScenarioOptions } from '../scenario.js';
import { whyNotListed } from './catalogue.js';
import { waitUntil } from '../../support/processes.js';

/** A broker, a Consul server and HAProxy of our own, and three nodes on them, of which one can be cut off from either. */
export interface Stack {
  readonly cluster: SeparateCluster;
  readonly haproxy: Haproxy;
  /** The node that reaches Consul and the broker over proxies. */
  readonly victim: SeparateNode;
  readonly toConsul: TcpProxy;
  readonly toBroker: TcpProxy;
  broker(): Rabbitmq;
  consul(): Consul;
  /** After it was killed: the same one again. Resolves when it serves. */
  restartBroker(): Promise<void>;
  /** The same; `wiped`: without anything that it knew. */
  restartConsul(how: { readonly wiped: boolean }): Promise<void>;
}

const VICTIM = 1;
const LISTED_TIMEOUT_MS = 60_000;

interface Services {
  readonly broker: Restartable<Rabbitmq>;
  readonly consul: Restartable<Consul>;
  readonly haproxy: Haproxy;
}

/** Resolves when all nodes hear each other, are in Consul's catalogue, and are reached through HAProxy. */
export async function startStack(options: ScenarioOptions, flags: readonly string[] = []): Promise<Stack> {
  const { cleanup, folder, ports } = options;
  const { broker, consul, haproxy } = await startOurServices(folder, cleanup);
  const toConsul = await proxyTo(new URL(consul.now().url).host, cleanup);
  const toBroker = await proxyTo(new URL(broker.now().url).host, cleanup);
  const cluster = await prepareSeparate({
    ...{ folder: join(folder, 'nodes'), ports, cleanup, nodeFlags: COLLECTABLE },
    flags: ['--bus=amqp', '--membership=consul', ...flags],
  });
  const victim = cluster.nodes[VICTIM];
  if (!victim) throw new Error(`there is no node ${String(VICTIM)}`);
  const direct = [`--consul-url=${consul.now().url}`, `--broker-urls=${broker.now().url}`];
  const brokerUrl = broker.now().url.replace(new URL(broker.now().url).host, toBroker.address);
  const over = [`--consul-url=http://${toConsul.address}`, `--broker-urls=${brokerUrl}`];
  for (const node of cluster.nodes) node.start({ flags: node === victim ? over : direct });
  await cluster.waitReady();
  await waitForPeers(cluster.urls);
  const isListed = async (): Promise<boolean> =>
    (await whyNotListed(consul.now().http, cluster.urls)).length === 0;
  await waitUntil("all nodes are in Consul's catalogue", isListed, LISTED_TIMEOUT_MS);
  await waitForReady([haproxy.url], victim.outputFile);
  return {
    ...{ cluster, haproxy, victim, toConsul, toBroker },
    broker: () => broker.now(),
    consul: () => consul.now(),
    restartBroker: () => broker.again(),
    restartConsul: ({ wiped }) =>
      consul.again(() => {
        if (wiped) rmSync(join(folder, 'consul', 'data'), { recursive: true });
      }),
  };
}

async function startOurServices(folder: string, cleanup: Cleanup): Promise<Services> {
  const ports = await reservePorts();
  cleanup.defer('release the ports of the services', () => ports.release());
  const brokerPorts = rabbitmqPorts(ports.first);
  const forConsul = consulPorts(ports.first + RABBITMQ_PORTS);
  const first = ports.first + RABBITMQ_PORTS + CONSUL_PORTS;
  const [broker, consul] = await Promise.all([
    restartable('the broker', cleanup, () =>
      startRabbitmq({ folder: join(folder, 'rabbitmq'), ports: brokerPorts }),
    ),
    restartable('Consul', cleanup, () => startConsul({ folder: join(folder, 'consul'), ports: forConsul })),
  ]);
  const haproxy = await startHaproxy({
    folder: join(folder, 'haproxy'),
    ports: { clients: first, stats: first + 1 },
    consulDnsPort: forConsul.dns,
  });
  cleanup.defer('stop HAProxy', () => haproxy.stop());
  return { broker, consul, haproxy };
}

interface Restartable<T> {
  now(): T;
  /** Ends what is left of the old one, then does `between`. */
  again(between?: () => void): Promise<void>;
}

async function restartable<T extends { stop(): Promise<void> }>(
  what: string,
  cleanup: Cleanup,
  start: () => Promise<T>,
): Promise<Restartable<T>> {
  let current = await start();
  cleanup.defer(`stop ${what}`, () => current.stop());
  return {
    now: () => current,
    again: async (between) => {
      await current.stop();
      between?.();
      current = await start();
    },
  };
}

async function proxyTo(target: string, cleanup: Cleanup): Promise<TcpProxy> {
  const proxy = await startTcpProxy(target);
  cleanup.defer('close a proxy', () => proxy.close());
  return proxy;
}
