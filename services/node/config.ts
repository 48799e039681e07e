import { type Checked, faultsOfAll, faultsOfNode } from './config/faults.js';
import {
  address,
  brokerName,
  brokerUrls,
  httpUrl,
  label,
  nodeName,
  oneOf,
  type Option,
  powerOfTwo,
  SecretFault,
  seeds,
  text,
  whole,
  zone,
} from './config/options.js';

/**
 * What can be set, by environment (`RONDO_EVICT_AFTER_MS`) or flag (`--evict-after-ms`, which wins), as one table each
 * for a node and for `rondo start`. Reading gives a frozen, validated object or all faults at once. Nothing else in the
 * project reads the environment.
 */

type OptionTable = Readonly<Record<string, Option<unknown>>>;
type ConfigOf<T extends OptionTable> = { readonly [K in keyof T]: T[K] extends Option<infer V> ? V : never };

export type ConfigResult<T> =
  { readonly ok: true; readonly config: T } | { readonly ok: false; readonly faults: readonly string[] };

/** Values given on the command line, by option name; `true` for a switch. */
export type GivenFlags = Readonly<Record<string, string | boolean | undefined>>;

export interface DescribedOption {
  readonly name: string;
  readonly flag: string;
  readonly env: string;
  readonly value: string | undefined;
  readonly help: string;
}

const BUSES = ['tcp', 'amqp'] as const;
const MEMBERSHIPS = ['gossip', 'consul'] as const;
const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

const sharedOptions = {
  bus: oneOf(BUSES, 'how nodes talk to each other: directly, or over a RabbitMQ broker', 'tcp'),
  brokerUrls: brokerUrls('with --bus amqp: brokers of one cluster, of which one is used at a time'),
  brokerCaFile: text('file', 'certificates of those who sign for amqps:// brokers', ''),
  brokerExchange: brokerName(
    'name of the exchange; one each for clusters that share a virtual host',
    'rondo',
  ),
  httpHost: text('address', 'address that HTTP listens on', '127.0.0.1'),
  busHost: text('address', 'address that is listened on for other nodes', '127.0.0.1'),
  requestTimeoutMs: whole('deadline of a request', 3000, 50, 600_000),
  nodeTimeoutMs: whole(
    'a node silent for so long is dead; for a quarter of it, others stand in',
    2000,
    200,
    600_000,
  ),
  antiEntropyMs: whole('time from one comparison with another replica to the next', 10_000, 100, 86_400_000),
  tombstoneGraceMs: whole(
    'age at which the mark of a delete may be forgotten; at least 10 times --request-timeout-ms',
    86_400_000,
    500,
    Number.MAX_SAFE_INTEGER,
  ),
  scrubMs: whole(
    'time in which every record is read again, to find damage on the disk',
    604_800_000,
    1000,
    Number.MAX_SAFE_INTEGER,
  ),
  valueBytesMax: whole('largest value, decoded', 16_777_216, 1, 31 * 1024 * 1024),
  apiTokenFile: text(
    'file',
    'file of the tokens that clients must show, as `rondo token create` makes it; wanted where --http-host is not loopback',
    '',
  ),
  clusterSecretFile: text('file', 'file whose content authenticates messages between nodes', ''),
  membership: oneOf(
    MEMBERSHIPS,
    'how nodes find each other and agree on the cluster: among themselves, or by Consul',
    'gossip',
  ),
  consulUrl: httpUrl('the agent of Consul beside this node', 'http://127.0.0.1:8500'),
  consulName: {
    ...text('name', 'service, and folder in KV, of the cluster in Consul', 'rondo'),
    parse: label,
  },
  consulTokenFile: text(
    'file',
    'file whose content is the token for Consul; read again when it is refused',
    '',
  ),
  consulCaFile: text('file', 'authority of the certificate of Consul (PEM), where --consul-url is https', ''),
  logLevel: oneOf(LOG_LEVELS, 'least important lines that are logged', 'info'),
};

/** What a cluster is founded with. */
const foundingOptions = {
  replicas: whole('copies of each key; only for new data', 3, 1, 16),
  partitions: {
    ...whole('slices of the ring, a power of two; only for new data', 256, 8, 4096),
    parse: powerOfTwo,
  },
};

const nodeOptions = {
  nodeId: nodeName(
    'name of this node in the cluster, kept in its data directory (default: made from the host name)',
  ),
  dataDir: text('dir', "this node's data", './data'),
  seeds: seeds(
    'where to look for the cluster: nodes of it, id@host:port of their bus, separated by commas; with --bus amqp their ids are enough',
  ),
  expectNodes: whole(
    'found a cluster of so many nodes where the seeds know of none; never for a node whose data was lost',
    0,
    0,
    1000,
  ),
  ...foundingOptions,
  httpPort: whole('port of HTTP', 8081, 0, 65_535),
  busPort: whole('port for other nodes', 8181, 0, 65_535),
  httpAdvertise: address('where clients find this node (default: --http-host and --http-port)'),
  busAdvertise: address('where other nodes find this one (default: --bus-host and --bus-port)'),
  zone: {
    ...text('name', 'what fails together with this node; copies go to different zones', ''),
    parse: zone,
  },
  weight: whole('share of the data, beside the weights of the others', 1, 1, 1_000_000),
  ...sharedOptions,
};

const startOptions = {
  nodes: whole('number of nodes to run on this machine', 3, 1, 64),
  port: whole("HTTP port of the first node; the others' follow", 8081, 1, 65_000),
  busPort: whole('bus port of the first node (default: 100 above --port)', 0, 0, 65_000),
  data: text('dir', 'folder of all data', './data'),
  ...foundingOptions,
  ...sharedOptions,
};

export type NodeConfig = ConfigOf<typeof nodeOptions>;
export type StartConfig = ConfigOf<typeof startOptions>;

/** The process's environment; the one place that touches it. */
export function environment(): NodeJS.ProcessEnv {
  return process.env;
}

export function readNodeConfig(flags: GivenFlags, env: NodeJS.ProcessEnv): ConfigResult<NodeConfig> {
  return checked(read(nodeOptions, flags, env), faultsOfNode);
}

/** Settings of `rondo start`, those included that it hands on to each node. */
export function readStartConfig(flags: GivenFlags, env: NodeJS.ProcessEnv): ConfigResult<StartConfig> {
  return checked(read(startOptions, flags, env));
}

export function describeNodeOptions(): readonly DescribedOption[] {
  return describe(nodeOptions);
}

export function describeStartOptions(): readonly DescribedOption[] {
  return describe(startOptions);
}

/**
 * What hands that which both tables know from `rondo start` on to a node. A command line can be read by everybody on the
 * machine: what may hold a password goes by the environment.
 */
export function handedOn(config: StartConfig): {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
} {
  const args = Object.keys(sharedOptions).flatMap((name) => {
    const value = String(config[name as keyof typeof sharedOptions]);
    return value === '' || name === 'brokerUrls' ? [] : [`${flagOf(name)}=${value}`];
  });
  return { args, env: { ...process.env, [envOf('brokerUrls')]: config.brokerUrls.join(',') } };
}

/** One line a fault, ready to be printed. */
export function faultLines(faults: readonly string[]): string {
  return faults.map((fault) => `error: ${fault}\n`).join('');
}

function checked<T extends Checked>(
  result: ConfigResult<T>,
  faultsOf: (config: T) => readonly string[] = () => [],
): ConfigResult<T> {
  if (!result.ok) return result;
  const faults = [...faultsOfAll(result.config), ...faultsOf(result.config)];
  return faults.length > 0 ? { ok: false, faults } : result;
}

function read<T extends OptionTable>(
  table: T,
  flags: GivenFlags,
  env: NodeJS.ProcessEnv,
): ConfigResult<ConfigOf<T>> {
  const faults: string[] = [];
  const entries = Object.entries(table).map(([name, option]) => {
    const [source, given] = lookUp(name, flags, env);
    try {
      return [name, given === undefined ? option.fallback : option.parse(given)] as const;
    } catch (error) {
      const wanted = error instanceof Error ? error.message : String(error);
      faults.push(
        error instanceof SecretFault
          ? `${source}: ${wanted}`
          : `${source}: ${wanted}, not ${JSON.stringify(given)}`,
      );
      return [name, option.fallback] as const;
    }
  });
  if (faults.length > 0) return { ok: false, faults };
  return { ok: true, config: Object.freeze(Object.fromEntries(entries)) as ConfigOf<T> };
}

function lookUp(
  name: string,
  flags: GivenFlags,
  env: NodeJS.ProcessEnv,
): [source: string, given: string | undefined] {
  const flag = flags[name];
  return flag === undefined ? [envOf(name), env[envOf(name)]] : [flagOf(name), String(flag)];
}

function describe(table: OptionTable): DescribedOption[] {
  return Object.entries(table).map(([name, { value, help, fallback }]) => {
    const isPlain = typeof fallback === 'string' || typeof fallback === 'number';
    const shown = isPlain && fallback !== '' && fallback !== 0 ? ` (default ${String(fallback)})` : '';
    return { name, flag: flagOf(name), env: envOf(name), value, help: `${help}${shown}; ${envOf(name)}` };
  });
}

function envOf(name: string): string {
  return `RONDO_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`;
}

function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, '-$&').toLowerCase()}`;
}
