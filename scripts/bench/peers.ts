import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CONSUL_PORTS, consulPorts, startConsulServers } from '../services/consul.js';
import { findProgram, needProgram, ServiceError } from '../services/programs.js';
import { pageAt } from '../support/page.js';
import { startProcess, stopProcess, tailOf, waitUntil, type Started } from '../support/processes.js';
import { endLater, missingService, printedBy } from './programs.js';
import type { RunningSubject, Stage, Subject } from './subject.js';

/** Stores of others, three servers each, set up as their makers have it by default: majority, every write on disk. */

const SERVERS = [0, 1, 2];
const PEER_PORT_OFFSET = 5;
const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;

export const etcd: Subject = {
  name: 'etcd',
  what: 'three members and their JSON gateway; writes on the disks of two, reads linearizable',
  flags: ['--logger=zap', '--log-level=warn'],
  requests: {
    get: { method: 'POST', path: '/v3/kv/range', body: '{"key":"{key}"}' },
    put: { method: 'POST', path: '/v3/kv/put', body: '{"key":"{key}","value":"{value}"}' },
  },
  // A key that is not there is answered with a header alone, of about 430 bytes.
  emptyAnswerBytes: 470,
  missing: () => (findProgram('etcd') === undefined ? 'etcd: run `apt-get install etcd-server`' : undefined),
  version: () => printedBy('etcd', ['--version']),
  start: startEtcd,
};

export const consul: Subject = {
  name: 'consul',
  what: 'three servers, as infra/consul sets them; reads of the default mode, by way of the leader; the value is its base64',
  flags: [],
  requests: {
    get: { method: 'GET', path: '/v1/kv/{key}' },
    put: { method: 'PUT', path: '/v1/kv/{key}', body: '{value}' },
  },
  missing: () => missingService('consul'),
  version: () => printedBy('consul', ['version']),
  start: startConsulPeer,
};

async function startEtcd({ folder, ports, cleanup }: Stage): Promise<RunningSubject> {
  const peerUrl = (index: number): string => local(ports.first + PEER_PORT_OFFSET + index);
  const initial = SERVERS.map((index) => `${memberName(index)}=${peerUrl(index)}`).join(',');
  const urls = SERVERS.map((index) => local(ports.first + index));
  const logFile = join(folder, 'etcd.log');
  const members = urls.map((url, index) =>
    startProcess({
      command: needProgram('etcd'),
      args: [
        `--name=${memberName(index)}`,
        `--data-dir=${join(folder, memberName(index))}`,
        ...[`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`],
        ...[`--listen-peer-urls=${peerUrl(index)}`, `--initial-advertise-peer-urls=${peerUrl(index)}`],
        `--initial-cluster=${initial}`,
        ...etcd.flags,
      ],
      outputFile: logFile,
    }),
  );
  endLater(
    cleanup,
    members.map((started, index) => ({ name: memberName(index), started })),
  );
  await untilHealthy(urls, logFile, members);
  return { urls, pids: () => members.map(({ pid }) => pid), stop: () => stopAll(members) };
}

function memberName(index: number): string {
  return `member${String(index + 1)}`;
}

function local(port: number): string {
  return `http://127.0.0.1:${String(port)}`;
}

/** A member is healthy once it knows a leader. */
async function untilHealthy(
  urls: readonly string[],
  logFile: string,
  members: readonly Started[],
): Promise<void> {
  const allRun = (): boolean => members.every((member) => member.isRunning());
  try {
    for (const url of urls) {
      await waitUntil(`${url} is healthy`, async () => !allRun() || (await isHealthy(url)), READY_TIMEOUT_MS);
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ServiceError(`${message}\n${tailOf(logFile)}`);
  }
  if (!allRun()) throw new ServiceError(`etcd ended while it was starting:\n${tailOf(logFile)}`);
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await pageAt(`${url}/health`, 2000)).status === 200;
  } catch {
    return false;
  }
}

async function stopAll(members: readonly Started[]): Promise<void> {
  await Promise.all(members.map((member) => stopProcess(member, STOP_TIMEOUT_MS)));
}

async function startConsulPeer({ folder, ports, cleanup }: Stage): Promise<RunningSubject> {
  const own = join(folder, 'consul');
  mkdirSync(own, { recursive: true });
  const servers = await startConsulServers(
    { folder: own, onLaunched: (processes) => endLater(cleanup, processes) },
    SERVERS.map((index) => consulPorts(ports.first + CONSUL_PORTS * index)),
  );
  return {
    urls: servers.map(({ url }) => url),
    pids: () => servers.map(({ pid }) => pid),
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}
