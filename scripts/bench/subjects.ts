import { builtProgram, nodeIds, urlOf, httpPort, waitForLinks, waitForReady } from '../support/nodes.js';
import { prepareSeparate } from '../support/separate.js';
import { startProcess, stopProcess } from '../support/processes.js';
import { join } from 'node:path';
import type { RunningSubject, Stage, Subject } from './subject.js';

const PROCESSES = 3;
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
  start: startRondo,
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

async function startRondo({ folder, ports, cleanup, profileDir }: Stage): Promise<RunningSubject> {
  const nodeFlags = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];
  const { flags } = rondo;
  const cluster = await prepareSeparate({ folder, ports, cleanup, flags, nodeFlags });
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
