import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import {
  type Bootstrap,
  ClusterFileError,
  type ListedNode,
  newBootstrap,
  readBootstrap,
  writeJsonDurably,
} from './clusterFile.js';
import type { StartConfig } from './config.js';
import type { NodeId } from './core/types.js';

/** What several nodes on one machine need before they start: a data folder with a bootstrap list, and free ports. */

/** Why the nodes cannot be started, in one line that says what to do. */
export class SupervisorError extends Error {
  override readonly name = 'SupervisorError';
}

/** The bootstrap list as the supervisor keeps it. */
export type Kept = Bootstrap & {
  /** Whether all nodes have been up once. */
  readonly founded?: boolean;
};

const BUS_PORT_OFFSET = 100;

/** The bootstrap list in the data folder: made on the first start, checked against what is asked for later. */
export async function prepareData(
  config: StartConfig,
  warn: (message: string) => void,
): Promise<{ readonly kept: Kept; readonly path: string }> {
  const path = join(config.data, 'cluster.json');
  try {
    mkdirSync(config.data, { recursive: true });
    const found: Kept | undefined = await readBootstrap(path);
    const nodes = planNodes(config);
    const made = found ?? newBootstrap(nodes, { partitions: config.partitions, replicas: config.replicas });
    checkNodes(config, made);
    warnOfSizes(config, made, warn);
    const kept = { ...made, nodes };
    await writeJsonDurably(path, kept);
    return { kept, path };
  } catch (error) {
    if (error instanceof SupervisorError) throw error;
    if (error instanceof ClusterFileError) throw new SupervisorError(error.message);
    const why = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new SupervisorError(`Cannot write to ${config.data} (${why}); choose another folder with --data.`);
  }
}

function checkNodes(config: StartConfig, kept: Bootstrap): void {
  const made = kept.nodes.length;
  if (made === config.nodes) return;
  const [wanted, had] = [String(config.nodes), String(made)];
  throw new SupervisorError(
    `The data in ${config.data} was made with ${had} nodes, not ${wanted}; start with --nodes ${had}, or choose another folder with --data.`,
  );
}

function warnOfSizes(config: StartConfig, kept: Bootstrap, warn: (message: string) => void): void {
  if (kept.replicas === config.replicas && kept.partitions === config.partitions) return;
  const sizes = `${String(kept.replicas)} replicas and ${String(kept.partitions)} partitions`;
  warn(`the data in ${config.data} was made with ${sizes}, and keeps them`);
}

function planNodes(config: StartConfig): ListedNode[] {
  return Array.from({ length: config.nodes }, (_, index) => {
    const { http, bus } = portsOf(config, index);
    return {
      id: `node${String(index + 1)}` as NodeId,
      busAddress: address(config.busHost, bus),
      httpAddress: address(config.httpHost, http),
      weight: 1,
      zone: '',
    };
  });
}

/** IPv6 addresses go into brackets. */
function address(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${String(port)}` : `${host}:${String(port)}`;
}

/** The ports of the node with this index. */
export function portsOf(config: StartConfig, index: number): { readonly http: number; readonly bus: number } {
  const firstBus = config.busPort === 0 ? config.port + BUS_PORT_OFFSET : config.busPort;
  return { http: config.port + index, bus: firstBus + index };
}

/** Rejects with a {@link SupervisorError} where a port that is needed is taken. */
export async function checkPorts(config: StartConfig): Promise<void> {
  const first = portsOf(config, 0);
  if (Math.abs(first.http - first.bus) < config.nodes) {
    throw new SupervisorError('The HTTP ports and the bus ports overlap; choose others with --bus-port.');
  }
  for (let index = 0; index < config.nodes; index++) {
    const { http, bus } = portsOf(config, index);
    await checkPort(config.httpHost, http, `choose others with --port`);
    await checkPort(config.busHost, bus, `choose others with --bus-port`);
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
