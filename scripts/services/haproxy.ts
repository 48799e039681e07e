import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { createConnection } from 'node:net';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { environment } from '../../services/node/config.js';
import { startProcess, stopProcess, waitUntil } from '../support/processes.js';
import { needProgram, ServiceError } from './programs.js';
import {
  checkFree,
  HOST,
  infraFile,
  isListening,
  untilServing,
  type Service,
  type ServiceOptions,
} from './service.js';

/** HAProxy as infra/haproxy has it: one master, and a worker that is replaced by a reload. */
export interface Haproxy extends Service {
  /** For clients. */
  readonly url: string;
  /** A page for people, and `metrics`. */
  readonly statsUrl: string;
  /**
   * Reads its settings anew, without losing a request or refusing a connection; resolves when a new worker serves. Throws
   * a {@link ServiceError}, and changes nothing, while Consul does not know all of the nodes.
   */
  reload(): Promise<void>;
}

export interface HaproxyPorts {
  readonly clients: number;
  readonly stats: number;
}

export interface HaproxyOptions extends ServiceOptions {
  readonly ports: HaproxyPorts;
  /** Where nodes are found. */
  readonly consulDnsPort: number;
  /** Variables of infra/haproxy/haproxy.cfg, for instance RONDO_HAPROXY_READ_TIMEOUT. */
  readonly variables?: Readonly<Record<string, string>>;
}

const READY_TIMEOUT_MS = 15_000;
const RELOAD_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 5000;
const ASK_TIMEOUT_MS = 5000;
const CONSUL_TIMEOUT_MS = 5000;
const CONSUL_POLL_MS = 250;
const NODES_IN_CONSUL = '_rondo._tcp.service.consul';
/** What the settings know as `server-state-file`. */
const STATE_FILE = 'nodes.state';

/** Resolves when it takes connections, with nodes or without; throws a {@link ServiceError} otherwise. */
export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  const { folder, ports, stays = false, readyTimeoutMs = READY_TIMEOUT_MS } = options;
  const command = needProgram('haproxy');
  await checkFree([ports.clients, ports.stats]);
  mkdirSync(folder, { recursive: true });
  const env = variablesOf(options);
  await checkSettings(command, env);
  const logFile = join(folder, 'haproxy.log');
  const args = ['-W', '-f', settingsFile()];
  const started = startProcess({ command, args, env, outputFile: logFile, stays });
  const processes = [{ name: 'haproxy', started }];
  options.onLaunched?.(processes);
  const stop = async (): Promise<void> => {
    await stopProcess(started, STOP_TIMEOUT_MS);
  };
  try {
    const waiting = { started, logFile, timeoutMs: readyTimeoutMs };
    await untilServing('HAProxy', waiting, () => isListening(ports.clients));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    processes,
    pid: started.pid,
    url: `http://${HOST}:${String(ports.clients)}`,
    statsUrl: `http://${HOST}:${String(ports.stats)}/`,
    reload: () => reloadHaproxy(folder, started.pid, env),
    kill: (signal) => started.kill(signal),
    stop,
  };
}

/** Reloads by the pid of a master, whose folder and variables have to be those that it was started with. */
export async function reloadHaproxy(folder: string, pid: number, env: NodeJS.ProcessEnv): Promise<void> {
  await checkSettings(needProgram('haproxy'), env);
  const state = await stateThatConsulKnows(folder, env);
  // The new worker begins with the nodes that the old one knows, and so has no moment without any.
  writeFileSync(join(folder, STATE_FILE), state);
  const before = new Set(workersOf(pid));
  process.kill(pid, 'SIGUSR2');
  const isRenewed = (): boolean => workersOf(pid).some((worker) => !before.has(worker));
  await waitUntil('HAProxy has a new worker', isRenewed, RELOAD_TIMEOUT_MS);
}

/** What the settings are told of this machine. */
export function variablesOf({
  folder,
  ports,
  consulDnsPort,
  variables = {},
}: Pick<HaproxyOptions, 'folder' | 'ports' | 'consulDnsPort' | 'variables'>): NodeJS.ProcessEnv {
  return {
    PATH: environment()['PATH'],
    RONDO_HAPROXY_BIND: `${HOST}:${String(ports.clients)}`,
    RONDO_HAPROXY_STATS_BIND: `${HOST}:${String(ports.stats)}`,
    RONDO_HAPROXY_CONSUL_DNS: `${HOST}:${String(consulDnsPort)}`,
    // Without its kind, a path that does not begin at the root would be taken for a host.
    RONDO_HAPROXY_SOCKET: `unix@${socketOf(folder)}`,
    RONDO_HAPROXY_STATE: join(folder, STATE_FILE),
    ...variables,
  };
}

/** The path of a socket has about 100 characters at most: the shorter spelling is taken. */
function socketOf(folder: string): string {
  const path = join(folder, 'admin.sock');
  const short = relative(process.cwd(), path);
  return short.length < path.length ? short : path;
}

/** How many servers are up, by HAProxy's list of them; the sixth field is 2 where one is. */
export function servingNodes(state: string): number {
  return state.split('\n').filter((line) => line.split(' ')[5] === '2').length;
}

/**
 * A new worker holds on to nothing that it has not once been told by Consul itself. A node that has just left may still count
 * as up for a moment: that is waited for.
 */
async function stateThatConsulKnows(folder: string, env: NodeJS.ProcessEnv): Promise<string> {
  const deadline = performance.now() + CONSUL_TIMEOUT_MS;
  for (;;) {
    const state = await ask(socketOf(folder), 'show servers state');
    const [found, serving] = [await nodesInConsul(env), servingNodes(state)];
    if (found >= serving) return state;
    if (performance.now() > deadline) {
      throw new ServiceError(
        `Consul names ${String(found)} of ${String(serving)} nodes: reloaded now, HAProxy would forget the others. Reload it when they are all in Consul again.`,
      );
    }
    await sleep(CONSUL_POLL_MS);
  }
}

async function nodesInConsul(env: NodeJS.ProcessEnv): Promise<number> {
  const resolver = new Resolver({ timeout: 2000, tries: 1 });
  resolver.setServers([env['RONDO_HAPROXY_CONSUL_DNS'] ?? '']);
  try {
    return (await resolver.resolveSrv(NODES_IN_CONSUL)).length;
  } catch {
    return 0;
  }
}

/** What HAProxy answers to a command on its socket. */
function ask(socketPath: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = createConnection({ path: socketPath }, () => socket.write(`${command}\n`));
    socket.setTimeout(ASK_TIMEOUT_MS, () =>
      socket.destroy(new Error('HAProxy does not answer on its socket')),
    );
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    socket.once('error', reject);
    socket.once('end', () => resolve(answer));
  });
}

function settingsFile(): string {
  return infraFile('haproxy', 'haproxy.cfg');
}

function checkSettings(command: string, env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(command, ['-c', '-f', settingsFile()], { env, timeout: READY_TIMEOUT_MS }, (error, out, err) => {
      if (error) reject(new ServiceError(`HAProxy refuses its settings:\n${out}${err}`));
      else resolve();
    });
  });
}

/** The children of the master. */
function workersOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8');
  return text
    .trim()
    .split(' ')
    .filter((part) => part !== '')
    .map(Number);
}
