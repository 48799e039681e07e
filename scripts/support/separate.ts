import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { environment } from '../../services/node/config.js';
import { NODE_FLAGS } from '../../services/node/heap.js';
import type { Cleanup } from './cleanup.js';
import { builtProgram, busPort, httpPort, nodeIds, urlOf, waitForReady } from './nodes.js';
import type { PortBlock } from './ports.js';
import { startProcess, stopProcess, type Exit, type Started } from './processes.js';
import { startTcpProxy, type TcpProxy } from './tcpProxy.js';

/** Nodes started one by one, each with seeds of its own, so that every directed link can lead over a proxy. */
export interface SeparateCluster {
  readonly nodes: readonly SeparateNode[];
  readonly urls: readonly string[];
  /** The link over which `from` reaches `to`, by index; throws where the cluster has no proxies. */
  link(from: number, to: number): TcpProxy;
  waitReady(timeoutMs?: number): Promise<void>;
}

export interface SeparateNode {
  readonly id: string;
  readonly url: string;
  readonly outputFile: string;
  readonly dataDir: string;
  /** Starts the process. */
  start(how?: StartHow): void;
  process(): Started;
  stop(): Promise<Exit>;
}

export interface StartHow {
  readonly dataDir?: string;
  /** Where the built program lies. */
  readonly program?: string;
  /** False: a node that finds no data has lost it, and founds no cluster, as the supervisor has it. */
  readonly founding?: boolean;
  readonly flags?: readonly string[];
}

export interface SeparateOptions {
  readonly folder: string;
  readonly ports: PortBlock;
  /** One data directory a node; the default lies in `folder`. */
  readonly dataDirs?: readonly string[];
  readonly nodes?: number;
  readonly proxies?: boolean;
  readonly flags?: readonly string[];
  /** Beside the variables of this process: what may hold a password does not go by the command line. */
  readonly env?: NodeJS.ProcessEnv;
  /** For Node.js itself. */
  readonly nodeFlags?: readonly string[];
  /** Gets what has to be ended: proxies and processes. */
  readonly cleanup: Cleanup;
}

const STOP_TIMEOUT_MS = 20_000;

/** Opens the proxies; the nodes are started by the caller. */
export async function prepareSeparate(options: SeparateOptions): Promise<SeparateCluster> {
  const { folder, ports, nodes: count = 3 } = options;
  mkdirSync(folder, { recursive: true });
  const ids = nodeIds(count);
  const links = options.proxies === true ? await openLinks(options, count) : undefined;
  const nodes = ids.map((id, index) => {
    const seeds = ids.map((other, to) => {
      const direct = `127.0.0.1:${String(busPort(ports, to))}`;
      return `${other}@${links?.get(linkName(index, to))?.address ?? direct}`;
    });
    return prepareNode(options, id, index, seeds);
  });
  const urls = nodes.map((node) => node.url);
  return {
    nodes,
    urls,
    link: (from, to) => {
      const link = links?.get(linkName(from, to));
      if (!link) throw new Error('this cluster has no such link');
      return link;
    },
    waitReady: (timeoutMs) => waitForReady(urls, nodes[0]?.outputFile ?? '', timeoutMs),
  };
}

function linkName(from: number, to: number): string {
  return `${String(from)}-${String(to)}`;
}

async function openLinks({ ports, cleanup }: SeparateOptions, count: number): Promise<Map<string, TcpProxy>> {
  const links = new Map<string, TcpProxy>();
  for (let from = 0; from < count; from++) {
    for (let to = 0; to < count; to++) {
      if (from === to) continue;
      const proxy = await startTcpProxy(`127.0.0.1:${String(busPort(ports, to))}`);
      cleanup.defer('close a proxy', () => proxy.close());
      links.set(linkName(from, to), proxy);
    }
  }
  return links;
}

function prepareNode(
  options: SeparateOptions,
  id: string,
  index: number,
  seeds: readonly string[],
): SeparateNode {
  const { folder, ports, cleanup, flags = [], nodeFlags = [], nodes = 3, env } = options;
  const outputFile = join(folder, `${id}.log`);
  const usualDir = options.dataDirs?.[index] ?? join(folder, id);
  let current: Started | undefined;
  const node: SeparateNode = {
    id,
    url: urlOf(ports, index),
    outputFile,
    dataDir: usualDir,
    start: ({ dataDir = usualDir, program = builtProgram(), founding = true, flags: more = [] } = {}) => {
      const founds = founding && !existsSync(join(dataDir, 'cluster.json'));
      current = startProcess({
        outputFile,
        ...(env ? { env: { ...environment(), ...env } } : {}),
        args: [
          ...NODE_FLAGS,
          ...nodeFlags,
          join(program, 'services/node/main.js'),
          `--seeds=${seeds.join(',')}`,
          `--node-id=${id}`,
          `--data-dir=${dataDir}`,
          `--http-port=${String(httpPort(ports, index))}`,
          `--bus-port=${String(busPort(ports, index))}`,
          ...(founds ? [`--expect-nodes=${String(nodes)}`] : []),
          ...flags,
          ...more,
        ],
      });
    },
    process: () => {
      if (!current) throw new Error(`${id} was never started`);
      return current;
    },
    stop: () => stopProcess(node.process(), STOP_TIMEOUT_MS),
  };
  cleanup.defer(`end ${id}`, async () => {
    current?.kill('SIGKILL');
    await current?.exited;
  });
  return node;
}
