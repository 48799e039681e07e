import { BlockList, isIPv6 } from 'node:net';
import type { NodeId } from '../core/types.js';

/** What no option can say of itself: settings that only make sense together. Each gives one line a fault. */

export interface Checked {
  readonly tombstoneGraceMs: number;
  readonly requestTimeoutMs: number;
  readonly bus: 'tcp' | 'amqp';
  readonly brokerUrls: readonly string[];
  readonly brokerCaFile: string;
  readonly httpHost: string;
  readonly apiTokenFile: string;
  readonly consulUrl: string;
  readonly consulCaFile: string;
}

export function faultsOfAll(config: Checked): readonly string[] {
  return [...graceFaults(config), ...brokerFaults(config), ...tokenFaults(config), ...consulFaults(config)];
}

interface CheckedNode extends Checked {
  readonly httpAdvertise: string;
  readonly busHost: string;
  readonly busAdvertise: string;
  readonly seeds: ReadonlyMap<NodeId, string>;
}

export function faultsOfNode(config: CheckedNode): readonly string[] {
  return [...advertiseFaults(config), ...seedFaults(config)];
}

/** Nothing that is on its way may outlive a tombstone (R13). */
function graceFaults({ tombstoneGraceMs, requestTimeoutMs }: Checked): readonly string[] {
  if (tombstoneGraceMs >= 10 * requestTimeoutMs) return [];
  const least = String(10 * requestTimeoutMs);
  return [`--tombstone-grace-ms: at least ${least} is wanted, 10 times --request-timeout-ms`];
}

function brokerFaults({ bus, brokerUrls: urls, brokerCaFile }: Checked): readonly string[] {
  if (bus === 'tcp') return urls.length > 0 ? ['--broker-urls: --bus amqp is wanted with it'] : [];
  const isEncrypted = urls.some((url) => url.startsWith('amqps:'));
  return [
    ...(urls.length === 0 ? ['--broker-urls: the URL of a broker is wanted with --bus amqp'] : []),
    ...(brokerCaFile !== '' && urls.length > 0 && !isEncrypted
      ? ['--broker-ca-file: an amqps:// URL is wanted with it in --broker-urls']
      : []),
  ];
}

/** Whoever reaches a node without tokens may read and write everything. */
function tokenFaults({ httpHost, apiTokenFile }: Checked): readonly string[] {
  if (apiTokenFile !== '' || isLoopback(httpHost)) return [];
  return [
    `--http-host: ${httpHost} is not loopback, where others than this machine could read and write everything; ` +
      'make a token with `rondo token create`, and name its file with --api-token-file',
  ];
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Other names than `localhost` may come to mean something else. */
function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  return bare === 'localhost' || LOOPBACK.check(bare, isIPv6(bare) ? 'ipv6' : 'ipv4');
}

/** Whoever names an authority wants to be sure of the other side. */
function consulFaults({ consulUrl, consulCaFile }: Checked): readonly string[] {
  if (consulCaFile === '' || consulUrl.startsWith('https:')) return [];
  return ['--consul-ca-file: wanted only where --consul-url is https://host:port'];
}

/** Nobody finds a node at the address that stands for all of its own. */
function advertiseFaults(config: CheckedNode): readonly string[] {
  const { httpHost, httpAdvertise, bus, busHost, busAdvertise } = config;
  return [
    ...(isWildcard(httpHost) && httpAdvertise === ''
      ? [`--http-advertise: host:port is wanted where --http-host is ${httpHost}`]
      : []),
    ...(bus === 'tcp' && isWildcard(busHost) && busAdvertise === ''
      ? [`--bus-advertise: host:port is wanted where --bus-host is ${busHost}`]
      : []),
  ];
}

/** Without a broker a name alone says nothing. */
function seedFaults({ bus, seeds: given }: CheckedNode): readonly string[] {
  const nameless = [...given].filter(([, at]) => at === '').map(([id]) => id);
  if (bus !== 'tcp' || nameless.length === 0) return [];
  return [
    `--seeds: id@host:port, separated by commas, is wanted with --bus tcp, not ${nameless.join(', ')} alone`,
  ];
}

/** Whether a host to listen on stands for all addresses of the machine. */
export function isWildcard(host: string): boolean {
  return ['0.0.0.0', '::', '[::]'].includes(host);
}
