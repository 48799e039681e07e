import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { StartConfig } from './config.js';
import { isWildcard } from './config/faults.js';
import type { NodeId } from './core/types.js';
import { readTextIfThere, writeJsonDurably } from './durableFile.js';

/** What several nodes on one machine need before they start: a data folder that knows who they are, and free ports. */

/** Why the nodes cannot be started, in one line that says what to do. */
export class SupervisorError extends Error {
  override readonly name = 'SupervisorError';
}

/** A node and where it is to be found on this machine. */
export interface LocalNode {
  readonly id: NodeId;
  readonly httpPort: number;
  readonly busPort: number;
}

/** What the data folder keeps of its nodes; all else they know themselves. */
export interface LocalCluster {
  readonly nodes: readonly LocalNode[];
  readonly partitions: number;
  readonly replicas: number;
  /** Whether all nodes have been up once: none founds a cluster any more. */
  readonly founded: boolean;
}

const BUS_PORT_OFFSET = 100;

/** The cluster of the data folder: planned on the first start, checked against what is asked for later. */
export async function prepareData(
  config: StartConfig,
  warn: (message: string) => void,
): Promise<{ readonly cluster: LocalCluster; readonly path: string }> {
  const path = join(config.data, 'cluster.json');
  try {
    mkdirSync(config.data, { recursive: true });
    const { partitions, replicas } = config;
    const nodes = planNodes(config);
    const made = (await readCluster(path)) ?? { nodes, partitions, replicas, founded: false };
    checkNodes(config, made);
    warnOfSizes(config, made, warn);
    const cluster = { ...made, nodes };
    await keepCluster(path, cluster);
    return { cluster, path };
  } catch (error) {
    if (error instanceof SupervisorError) throw error;
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new SupervisorError(`Cannot write to ${config.data} (${why}); choose another folder with --data.`);
  }
}

export async function keepCluster(path: string, cluster: LocalCluster): Promise<void> {
  await writeJsonDurably(path, cluster);
}

/** `undefined` where there is no such file. */
async function readCluster(path: string): Promise<LocalCluster | undefined> {
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  const cluster = parsed(text);
  if (isCluster(cluster)) return cluster;
  throw new SupervisorError(
    `${path} is damaged; it names the nodes whose data lies beside it. Repair it, or choose another folder with --data.`,
  );
}

function parsed(text: string): Partial<LocalCluster> | null {
  try {
    return JSON.parse(text) as Partial<LocalCluster> | null;
  } catch {
    return null;
  }
}

function isCluster(value: Partial<LocalCluster> | null): value is LocalCluster {
  const { nodes, partitions, replicas, founded } = value ?? {};
  const areNodes = Array.isArray(nodes) && nodes.length > 0;
  return areNodes && isWhole(partitions) && isWhole(replicas) && typeof founded === 'boolean';
}

function isWhole(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) > 0;
}

function checkNodes(config: StartConfig, { nodes }: LocalCluster): void {
  const made = nodes.length;
  if (made === config.nodes) return;
  const [wanted, had] = [String(config.nodes), String(made)];
  throw new SupervisorError(
    `The data in ${config.data} was made with ${had} nodes, not ${wanted}; start with --nodes ${had}, or choose another folder with --data.`,
  );
}

function warnOfSizes(config: StartConfig, made: LocalCluster, warn: (message: string) => void): void {
  if (made.replicas === config.replicas && made.partitions === config.partitions) return;
  const sizes = `${String(made.replicas)} replicas and ${String(made.partitions)} partitions`;
  warn(`the data in ${config.data} was made with ${sizes}, and keeps them`);
}

function planNodes(config: StartConfig): LocalNode[] {
  return Array.from({ length: config.nodes }, (_, index) => {
    const { http, bus } = portsOf(config, index);
    return { id: `node${String(index + 1)}` as NodeId, httpPort: http, busPort: bus };
  });
}

/** Where something on this machine that listens on `host` is found; IPv6 addresses go into brackets. */
export function addressOf(host: string, port: number): string {
  const reached = isWildcard(host) ? (host.includes(':') ? '::1' : '127.0.0.1') : host;
  return reached.includes(':') ? `[${reached}]:${String(port)}` : `${reached}:${String(port)}`;
}

/** The ports of the node with this index. */
export function portsOf(config: StartConfig, index: number): { readonly http: number; readonly bus: number } {
  const firstBus = config.busPort === 0 ? config.port + BUS_PORT_OFFSET : config.busPort;
  return { http: config.port + index, bus: firstBus + index };
}

/** Rejects with a {@link SupervisorError} where a port that is needed is taken. */
export async function checkPorts(config: StartConfig): Promise<void> {
  // With a broker no node listens for others.
  const hasBusPorts = config.bus === 'tcp';
  const first = portsOf(config, 0);
  if (hasBusPorts && Math.abs(first.http - first.bus) < config.nodes) {
    throw new SupervisorError('The HTTP ports and the bus ports overlap; choose others with --bus-port.');
  }
  for (let index = 0; index < config.nodes; index++) {
    const { http, bus } = portsOf(config, index);
    await checkPort(config.httpHost, http, `choose others with --port`);
    if (hasBusPorts) await checkPort(config.busHost, bus, `choose others with --bus-port`);
  }
}

async function checkPort(host: string, port: number, advice: string): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const why = code === 'EADDRINUSE' ? 'is already in use' : `cannot be used (${code})`;
    throw new SupervisorError(`Port ${String(port)} on ${host} ${why}: stop what uses it, or ${advice}.`);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
