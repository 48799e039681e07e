import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { environment } from '../../services/node/config.js';
import { startProcess, stopProcess } from '../support/processes.js';
import type { Certificates } from './certificates.js';
import { needProgram, ServiceError } from './programs.js';
import {
  checkFree,
  firstBytes,
  HOST,
  infraFile,
  isListening,
  keptSecret,
  untilServing,
  type Service,
  type ServiceOptions,
} from './service.js';

/**
 * A broker of our own: own folder, own ports, own Erlang port mapper, so that nothing is shared with a broker that the
 * machine may run, and nothing is left behind.
 */
export interface Rabbitmq extends Service {
  /** With user, password and virtual host; `amqps:` where certificates were given. */
  readonly url: string;
  readonly managementUrl: string;
  /** Where it tells its metrics. */
  readonly metricsUrl: string;
  /** Runs `rabbitmqctl`, for instance `ctl(['set_vm_memory_high_watermark', '0'])`; gives what it printed. */
  ctl(args: readonly string[]): Promise<string>;
}

export interface RabbitmqPorts {
  readonly amqp: number;
  readonly management: number;
  readonly metrics: number;
  /** Between brokers, and to rabbitmqctl. */
  readonly distribution: number;
  readonly portMapper: number;
}

export interface RabbitmqOptions extends ServiceOptions {
  readonly ports: RabbitmqPorts;
  /** The broker then listens for TLS only, on the same port. */
  readonly tls?: Certificates;
}

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
const CONTROL_TIMEOUT_MS = 30_000;
/** The first words of AMQP 0-9-1; a broker that serves answers them with a method frame. */
const GREETING = Buffer.from('AMQP\0\0\x09\x01', 'latin1');
const METHOD_FRAME = 1;
const NODE_NAME = 'rondo@localhost';

export const RABBITMQ_PORTS = 5;

/** {@link RABBITMQ_PORTS} neighbouring ports. */
export function rabbitmqPorts(first: number): RabbitmqPorts {
  return {
    amqp: first,
    management: first + 1,
    metrics: first + 2,
    distribution: first + 3,
    portMapper: first + 4,
  };
}

/** Resolves when the broker takes connections; throws a {@link ServiceError} with the end of its log where it does not. */
export async function startRabbitmq(options: RabbitmqOptions): Promise<Rabbitmq> {
  const { folder, ports, stays = false, readyTimeoutMs = READY_TIMEOUT_MS } = options;
  const server = serverScript();
  await checkFree(Object.values(ports) as number[]);
  const password = prepareFolder(options);
  const env = brokerEnvironment(folder, ports);
  const outputFile = join(folder, 'broker.log');
  const start = (command: string, args: readonly string[]) =>
    startProcess({ command, args, env, outputFile, stays });
  // Were it not there already, the broker would start one that stays when the broker ends.
  const portMapper = start(needProgram('epmd'), ['-port', String(ports.portMapper), '-address', HOST]);
  const broker = start(server, []);
  const processes = [
    { name: 'rabbitmq', started: broker },
    { name: 'epmd', started: portMapper },
  ];
  options.onLaunched?.(processes);
  const stop = async (): Promise<void> => {
    await stopProcess(broker, STOP_TIMEOUT_MS);
    await stopProcess(portMapper, STOP_TIMEOUT_MS);
  };
  try {
    const waiting = { started: broker, logFile: outputFile, timeoutMs: readyTimeoutMs };
    await untilServing('the broker', waiting, () =>
      options.tls ? isListening(ports.amqp) : isServing(ports.amqp),
    );
  } catch (error) {
    broker.kill('SIGKILL');
    await stop();
    throw error;
  }
  const credentials = `rondo:${password}@${HOST}`;
  return {
    processes,
    pid: broker.pid,
    url: `${options.tls ? 'amqps' : 'amqp'}://${credentials}:${String(ports.amqp)}/rondo`,
    managementUrl: `http://${credentials}:${String(ports.management)}`,
    metricsUrl: `http://${HOST}:${String(ports.metrics)}/metrics`,
    ctl: (args) => control(args, env),
    kill: (signal) => broker.kill(signal),
    stop,
  };
}

async function isServing(port: number): Promise<boolean> {
  const [first] = await firstBytes(port, GREETING, 2000);
  return first === METHOD_FRAME;
}

/** The script behind Debian's wrapper, which would change the user; elsewhere the one on PATH. */
function serverScript(): string {
  const own = '/usr/lib/rabbitmq/bin/rabbitmq-server';
  return existsSync(own) ? own : needProgram('rabbitmq-server');
}

/** Settings are links to the files in infra/, and beside them what is this broker's own. Gives the user's password. */
function prepareFolder({ folder, ports, tls }: RabbitmqOptions): string {
  const settings = join(folder, 'settings');
  rmSync(settings, { recursive: true, force: true });
  for (const name of ['home', 'data', 'log', 'settings']) mkdirSync(join(folder, name), { recursive: true });
  // The user is made at the first start, and so the password has to stay.
  const password = keptSecret(join(folder, 'password'), () => randomBytes(16).toString('hex'));
  symlinkSync(infraFile('rabbitmq', 'rabbitmq.conf'), join(settings, '10-rabbitmq.conf'));
  if (tls) symlinkSync(infraFile('rabbitmq', 'tls.conf'), join(settings, '20-tls.conf'));
  const own = [
    ...listenerLines(ports, tls),
    `default_pass = ${password}`,
    'default_user_tags.administrator = true',
    `management.tcp.ip = ${HOST}`,
    `management.tcp.port = ${String(ports.management)}`,
    `prometheus.tcp.ip = ${HOST}`,
    `prometheus.tcp.port = ${String(ports.metrics)}`,
  ];
  writeFileSync(join(settings, '90-own.conf'), `${own.join('\n')}\n`, { mode: 0o600 });
  return password;
}

function listenerLines({ amqp }: RabbitmqPorts, tls: Certificates | undefined): readonly string[] {
  const at = `${HOST}:${String(amqp)}`;
  if (!tls) return [`listeners.tcp.default = ${at}`];
  return [
    `listeners.ssl.default = ${at}`,
    `ssl_options.cacertfile = ${tls.caFile}`,
    `ssl_options.certfile = ${tls.certFile}`,
    `ssl_options.keyfile = ${tls.keyFile}`,
  ];
}

function brokerEnvironment(folder: string, ports: RabbitmqPorts): NodeJS.ProcessEnv {
  const inFolder = (name: string): string => join(folder, name);
  return {
    PATH: environment()['PATH'],
    LANG: 'C.UTF-8',
    HOME: inFolder('home'),
    RABBITMQ_NODENAME: NODE_NAME,
    RABBITMQ_CONFIG_FILE: inFolder('none'),
    RABBITMQ_CONFIG_FILES: inFolder('settings'),
    RABBITMQ_ADVANCED_CONFIG_FILE: inFolder('none'),
    RABBITMQ_CONF_ENV_FILE: inFolder('none'),
    RABBITMQ_ENABLED_PLUGINS_FILE: infraFile('rabbitmq', 'enabled_plugins'),
    RABBITMQ_MNESIA_BASE: inFolder('data'),
    RABBITMQ_LOG_BASE: inFolder('log'),
    RABBITMQ_PID_FILE: inFolder('pid'),
    RABBITMQ_DIST_PORT: String(ports.distribution),
    ERL_EPMD_PORT: String(ports.portMapper),
    ERL_EPMD_ADDRESS: HOST,
    // The script becomes the broker instead of waiting for it, so that its pid is the broker's.
    RABBITMQ_ALLOW_INPUT: 'true',
    RABBITMQ_SERVER_START_ARGS: '-noinput +B i',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  };
}

function control(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const own = join(dirname(serverScript()), 'rabbitmqctl');
  const command = existsSync(own) ? own : needProgram('rabbitmqctl');
  return new Promise((resolve, reject) => {
    execFile(command, args, { env, timeout: CONTROL_TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error) reject(new ServiceError(`rabbitmqctl ${args.join(' ')}: ${stderr.trim() || error.message}`));
      else resolve(stdout);
    });
  });
}
