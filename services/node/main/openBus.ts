import { readFileSync } from 'node:fs';
import { openAmqpBus } from '../adapters/amqp-bus.js';
import type { ClusterFiles } from '../adapters/cluster-files.js';
import { openTcpBus } from '../adapters/tcp-bus.js';
import type { NodeConfig } from '../config.js';
import type { NodeId } from '../core/types.js';
import type { Bus, BusHandlers } from '../ports/bus.js';
import type { Log, Metrics } from '../ports/telemetry.js';

export interface BusFrame {
  readonly config: NodeConfig;
  readonly self: NodeId;
  readonly files: ClusterFiles;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface OpenedBus {
  readonly bus: Bus;
  /** Where other nodes find this one; '' where its name is enough. */
  readonly address: string;
}

/** The bus that the configuration asks for. */
export function openBus(frame: BusFrame, incarnation: number, handlers: BusHandlers): Promise<OpenedBus> {
  const { config } = frame;
  return config.bus === 'amqp'
    ? openAmqp(frame, incarnation, handlers)
    : openTcp(frame, incarnation, handlers);
}

async function openTcp(frame: BusFrame, incarnation: number, handlers: BusHandlers): Promise<OpenedBus> {
  const { busHost, busPort, busAdvertise, seeds } = frame.config;
  const bus = await openTcpBus(
    { ...commonOptions(frame, incarnation), host: busHost, port: busPort, peers: seeds },
    handlers,
  );
  return { bus, address: busAdvertise || addressOf(busHost, bus.port) };
}

async function openAmqp(frame: BusFrame, incarnation: number, handlers: BusHandlers): Promise<OpenedBus> {
  const { seeds, brokerUrls, brokerCaFile, brokerExchange } = frame.config;
  const bus = await openAmqpBus(
    {
      ...commonOptions(frame, incarnation),
      urls: brokerUrls,
      exchange: brokerExchange,
      peers: seeds.keys(),
      ...(brokerCaFile !== '' && { caFile: brokerCaFile }),
    },
    handlers,
  );
  return { bus, address: '' };
}

function commonOptions({ config, self, files, log, metrics }: BusFrame, incarnation: number) {
  const secret = readSecret(config.clusterSecretFile);
  return {
    ...{ self, incarnation, log, metrics, admitsStrangers: true },
    // As it is on the disk: the core's own view costs more, and is asked for at every envelope.
    clusterId: () => files.cluster?.document.clusterId ?? '',
    epoch: () => files.cluster?.document.epoch ?? 0,
    ...(secret && { secret }),
  };
}

/** White space at the ends does not count, so that editors and `echo` make the same secret everywhere. */
function readSecret(path: string): Uint8Array | undefined {
  if (path === '') return undefined;
  const secret = readFileSync(path, 'utf8').trim();
  if (secret === '') throw new Error(`The cluster secret in ${path} is empty.`);
  return Buffer.from(secret);
}

/** IPv6 addresses go into brackets. */
export function addressOf(host: string, port: number): string {
  return host.includes(':') && !host.startsWith('[')
    ? `[${host}]:${String(port)}`
    : `${host}:${String(port)}`;
}
