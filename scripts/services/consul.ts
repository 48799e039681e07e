import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess, stopProcess, type Started } from '../support/processes.js';
import type { Certificates } from './certificates.js';
import { consulHttp, type ConsulHttp } from './consulHttp.js';
import { needProgram } from './programs.js';
import {
  checkFree,
  HOST,
  infraFile,
  keptSecret,
  untilServing,
  type Service,
  type ServiceOptions,
} from './service.js';

/** A Consul server of our own, as infra/consul has it, with its own folder and ports. */
export interface Consul extends Service {
  /** Of the HTTP API; `https:` where certificates were given. */
  readonly url: string;
  readonly dnsPort: number;
  /** With the right to everything. */
  readonly http: ConsulHttp;
  /** Holds the token that a node of Rondo is given; undefined without ACL. */
  readonly nodeTokenFile: string | undefined;
}

export interface ConsulPorts {
  readonly http: number;
  readonly dns: number;
  /** Between servers. */
  readonly rpc: number;
  readonly gossip: number;
}

export interface ConsulOptions extends ServiceOptions {
  readonly ports: ConsulPorts;
  readonly name?: string;
  /** With ACL nothing is allowed without a token. */
  readonly acl?: boolean;
  readonly tls?: Certificates;
}

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
/** Written and removed to see that a write works; under the prefix that nodes may write too. */
const PROBE_PATH = '/v1/kv/rondo/probe';

export const CONSUL_PORTS = 4;

/** {@link CONSUL_PORTS} neighbouring ports. */
export function consulPorts(first: number): ConsulPorts {
  return { http: first, dns: first + 1, rpc: first + 2, gossip: first + 3 };
}

/** Resolves when it has a leader, itself, and takes writes; throws a ServiceError with the end of its log otherwise. */
export async function startConsul(options: ConsulOptions): Promise<Consul> {
  await checkFree(Object.values(options.ports) as number[]);
  const server = launch(options, { expect: 1, join: [] });
  try {
    await untilLed(options, server);
    const nodeTokenFile = options.acl === true ? await makeTokens(options, server) : undefined;
    return { ...server, nodeTokenFile };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Servers that elect one of themselves, each in a folder `server1`, `server2`, … of its own. */
export async function startConsulServers(
  options: Omit<ConsulOptions, 'ports' | 'name'>,
  ports: readonly ConsulPorts[],
): Promise<readonly Consul[]> {
  await checkFree(ports.flatMap((each) => Object.values(each) as number[]));
  const join = ports.map(({ gossip }) => `${HOST}:${String(gossip)}`);
  const secret = options.acl === true ? keptSecret(`${options.folder}/management-token`, randomUUID) : '';
  const started = ports.map((each, index) => {
    const name = `server${String(index + 1)}`;
    const own = { ...options, folder: `${options.folder}/${name}`, ports: each, name };
    if (secret !== '') keptSecret(tokenFile(own.folder), () => secret);
    return { own, server: launch(own, { expect: ports.length, join }) };
  });
  try {
    for (const { own, server } of started) await untilLed(own, server);
    const [first] = started;
    const nodeTokenFile =
      first && options.acl === true ? await makeTokens(first.own, first.server) : undefined;
    return started.map(({ server }) => ({ ...server, nodeTokenFile }));
  } catch (error) {
    for (const { server } of started) await server.stop();
    throw error;
  }
}

type Launched = Omit<Consul, 'nodeTokenFile'> & { readonly started: Started };

interface Peers {
  readonly expect: number;
  readonly join: readonly string[];
}

function launch(options: ConsulOptions, peers: Peers): Launched {
  const { folder, ports, stays = false } = options;
  mkdirSync(folder, { recursive: true });
  const outputFile = join(folder, 'consul.log');
  const args = commandLine(options, peers);
  const started = startProcess({ command: needProgram('consul'), args, outputFile, stays });
  const processes = [{ name: options.name ?? 'consul', started }];
  options.onLaunched?.(processes);
  const url = `${options.tls ? 'https' : 'http'}://${HOST}:${String(ports.http)}`;
  const token = options.acl === true ? { token: readFileSync(tokenFile(folder), 'utf8') } : {};
  const ca = options.tls ? { ca: readFileSync(options.tls.caFile, 'utf8') } : {};
  return {
    started,
    processes,
    pid: started.pid,
    url,
    dnsPort: ports.dns,
    http: consulHttp({ url, ...token, ...ca }),
    kill: (signal) => started.kill(signal),
    stop: async () => {
      await stopProcess(started, STOP_TIMEOUT_MS);
    },
  };
}

/** Later settings go before earlier ones: what is this server's own comes last. */
function commandLine(options: ConsulOptions, { expect, join: peers }: Peers): string[] {
  const { folder, ports, acl = false, tls, name = 'consul' } = options;
  const files = ['server.hcl', ...(acl ? ['acl.hcl'] : []), ...(tls ? ['tls.hcl'] : [])];
  return [
    'agent',
    ...files.map((file) => `-config-file=${infraFile('consul', file)}`),
    `-config-file=${ownSettings(options)}`,
    `-data-dir=${join(folder, 'data')}`,
    `-node=${name}`,
    ...[`-bind=${HOST}`, `-client=${HOST}`, `-bootstrap-expect=${String(expect)}`],
    ...(tls ? [] : [`-http-port=${String(ports.http)}`]),
    `-dns-port=${String(ports.dns)}`,
    `-server-port=${String(ports.rpc)}`,
    ...[`-serf-lan-port=${String(ports.gossip)}`, '-serf-wan-port=-1'],
    ...peers.map((peer) => `-retry-join=${peer}`),
  ];
}

function ownSettings({ folder, ports, acl = false, tls }: ConsulOptions): string {
  const file = join(folder, 'own.json');
  const settings = {
    disable_update_check: true,
    ...(acl ? { acl: { tokens: { master: keptSecret(tokenFile(folder), randomUUID) } } } : {}),
    ...(tls
      ? {
          ca_file: tls.caFile,
          cert_file: tls.certFile,
          key_file: tls.keyFile,
          ports: { http: -1, https: ports.http },
        }
      : {}),
  };
  writeFileSync(file, JSON.stringify(settings), { mode: 0o600 });
  return file;
}

function tokenFile(folder: string): string {
  return join(folder, 'management-token');
}

async function untilLed(
  { folder, readyTimeoutMs = READY_TIMEOUT_MS }: ConsulOptions,
  server: Launched,
): Promise<void> {
  const { started, http } = server;
  const waiting = { started, logFile: join(folder, 'consul.log'), timeoutMs: readyTimeoutMs };
  await untilServing('Consul', waiting, async () => {
    try {
      if ((await http.call('GET', '/v1/status/leader')) === '""') return false;
      await http.call('PUT', PROBE_PATH, 'probe');
      await http.call('DELETE', PROBE_PATH);
      return true;
    } catch {
      return false;
    }
  });
}

/** Policies and tokens as infra/README.md has a person make them; made once, and kept in the folder. */
async function makeTokens({ folder }: ConsulOptions, { http }: Launched): Promise<string> {
  const file = join(folder, 'node-token');
  if (existsSync(file)) return file;
  for (const name of ['rondo-node', 'discovery']) {
    const rules = readFileSync(infraFile('consul/policies', `${name}.hcl`), 'utf8');
    await http.call('PUT', '/v1/acl/policy', { Name: name, Rules: rules });
  }
  const anonymous = '00000000-0000-0000-0000-000000000002';
  await http.call('PUT', `/v1/acl/token/${anonymous}`, {
    AccessorID: anonymous,
    Policies: [{ Name: 'discovery' }],
  });
  const made = await http.call('PUT', '/v1/acl/token', {
    Description: 'nodes',
    Policies: [{ Name: 'rondo-node' }],
  });
  const { SecretID: secret } = JSON.parse(made) as { readonly SecretID: string };
  keptSecret(file, () => secret);
  return file;
}
