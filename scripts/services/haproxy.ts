import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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
  /** Reads its settings anew, without losing a request or refusing a connection; resolves when a new worker serves. */
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
  const stop = async (): Promise<void> => void (await stopProcess(started, STOP_TIMEOUT_MS));
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
    reload: () => reloadHaproxy(started.pid, env),
    kill: (signal) => started.kill(signal),
    stop,
  };
}

/** Reloads by the pid of a master; `env` only serves to check the settings before. */
export async function reloadHaproxy(pid: number, env: NodeJS.ProcessEnv): Promise<void> {
  await checkSettings(needProgram('haproxy'), env);
  const before = new Set(workersOf(pid));
  process.kill(pid, 'SIGUSR2');
  const isRenewed = (): boolean => workersOf(pid).some((worker) => !before.has(worker));
  await waitUntil('HAProxy has a new worker', isRenewed, RELOAD_TIMEOUT_MS);
}

/** What the settings are told of this machine. */
export function variablesOf({
  ports,
  consulDnsPort,
  variables = {},
}: Pick<HaproxyOptions, 'ports' | 'consulDnsPort' | 'variables'>): NodeJS.ProcessEnv {
  return {
    PATH: environment()['PATH'],
    RONDO_HAPROXY_BIND: `${HOST}:${String(ports.clients)}`,
    RONDO_HAPROXY_STATS_BIND: `${HOST}:${String(ports.stats)}`,
    RONDO_HAPROXY_CONSUL_DNS: `${HOST}:${String(consulDnsPort)}`,
    ...variables,
  };
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
