import { builtProgram, nodeIds, urlOf, httpPort, waitForLinks, waitForReady } from '../support/nodes.js';
import { prepareSeparate } from '../support/separate.js';
import { startProcess, stopProcess } from '../support/processes.js';
import { join } from 'node:path';
import { rabbitmqPorts, startRabbitmq } from '../services/rabbitmq.js';
import { endLater, missingService, printedBy } from './programs.js';
import type { RunningSubject, Stage, Subject } from './subject.js';

const PROCESSES = 3;
/** Behind the ports of nodes. */
const BROKER_PORT_OFFSET = 10;
const STOP_TIMEOUT_MS = 20_000;

const STORAGE_REQUESTS: Subject['requests'] = {
  get: { method: 'GET', path: '/storage/{key}' },
  put: { method: 'PUT', path: '/storage/{key}', body: '{"value":"{value}"}' },
};

/** What plain HTTP costs on this machine: nothing that is served over it can be faster. */
export const bare: Subject = {
  name: 'bare',
  what: 'three processes of node:http that parse the body, answer in the shape of Rondo and store nothing',
  flags: [],
  requests: STORAGE_REQUESTS,
  start: startBare,
};

/** Rondo as it is by default, on the embedded bus and membership. */
export const rondo: Subject = {
  name: 'rondo',
  what: 'three nodes over tcp-bus, N=3, R=W=2, every write fsynced; reads and writes of the default quorum',
  flags: [],
  requests: STORAGE_REQUESTS,
  start: (stage) => startRondo(stage, rondo.flags),
};

/** Rondo with a broker of its own between the nodes, which counts in what a request costs. */
export const rondoAmqp: Subject = {
  name: 'rondo-amqp',
  what: 'the same nodes with all that they say to each other over one RabbitMQ broker, as infra/rabbitmq sets it',
  flags: ['--bus=amqp'],
  requests: STORAGE_REQUESTS,
  missing: () => missingService('rabbitmq'),
  version: () => `RabbitMQ ${printedBy('rabbitmqctl', ['version'])}`,
  start: startRondoAmqp,
};

async function startBare({ folder, ports, cleanup }: Stage): Promise<RunningSubject> {
  const outputFile = join(folder, 'bare.log');
  const started = nodeIds(PROCESSES).map((_, index) => {
    const program = join(builtProgram(), 'scripts/bench/bareChild.js');
    return startProcess({ args: [program, String(httpPort(ports, index))], outputFile });
  });
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((one) => stopProcess(one, STOP_TIMEOUT_MS)));
  };
  cleanup.defer('end the bare servers', stop);
  const urls = started.map((_, index) => urlOf(ports, index));
  await waitForReady(urls, outputFile);
  return { urls, pids: () => started.map((one) => one.pid), stop };
}

async function startRondo(
  { folder, ports, cleanup, profileDir }: Stage,
  flags: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<RunningSubject> {
  const nodeFlags = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];
  const cluster = await prepareSeparate({ folder, ports, cleanup, flags, env, nodeFlags });
  for (const node of cluster.nodes) node.start();
  await cluster.waitReady();
  await waitForLinks(cluster.urls);
  return {
    urls: cluster.urls,
    pids: () => cluster.nodes.map((node) => node.process().pid),
    stop: async () => {
      await Promise.all(cluster.nodes.map((node) => node.stop()));
    },
  };
}

async function startRondoAmqp(stage: Stage): Promise<RunningSubject> {
  const { folder, ports, cleanup } = stage;
  const broker = await startRabbitmq({
    folder: join(folder, 'rabbitmq'),
    ports: rabbitmqPorts(ports.first + BROKER_PORT_OFFSET),
    onLaunched: (processes) => endLater(cleanup, processes),
  });
  const nodes = await startRondo(stage, rondoAmqp.flags, { RONDO_BROKER_URLS: broker.url });
  return {
    urls: nodes.urls,
    pids: () => [...nodes.pids(), broker.pid],
    stop: async () => {
      await nodes.stop();
      await broker.stop();
    },
  };
}
