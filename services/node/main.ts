import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openLevelStorage } from './adapters/level-storage.js';
import { createMetrics, type ExposedMetrics } from './adapters/prom-client-metrics.js';
import { nodeDigests, systemClock, systemEntropy } from './adapters/system.js';
import { openTcpBus } from './adapters/tcp-bus.js';
import { type ClosableLog, createLog } from './adapters/winston-log.js';
import { keepCluster, knowCluster, type KnownCluster } from './clusterFile.js';
import { describeNodeOptions, environment, faultLines, type NodeConfig, readNodeConfig } from './config.js';
import { createNode } from './core/node.js';
import { NODE_LIMITS } from './core/nodeOptions.js';
import type { SteppingNode } from './core/protocol/events.js';
import type { Digests, NodeId } from './core/types.js';
import { createHttpServer } from './http/server.js';
import type { Bus } from './ports/bus.js';
import { freshActor } from './ports/entropy.js';
import type { Storage } from './ports/storage.js';
import { createNodeService } from './runtime/nodeService.js';
import { createRuntime } from './runtime/runtime.js';
import type { NodeService } from './runtime/service.js';

/**
 * One storage node as a process: the composition root, the only place that chooses adapters. Started by the supervisor
 * or by hand; SIGTERM and SIGINT stop it in order.
 */

const OTHERS_TIMEOUT_MS = 2000;

interface Telemetry {
  readonly log: ClosableLog;
  readonly metrics: ExposedMetrics;
}

interface RunningNode {
  /** Stops in order: no new requests, live ones end, then bus, storage and log. */
  stop(): Promise<void>;
}

async function startNode(config: NodeConfig): Promise<RunningNode> {
  const cluster = await knowCluster(config.dataDir, config.bootstrap);
  checkMembership(config, cluster);
  const log = createLog({ level: config.logLevel, nodeId: config.nodeId });
  const telemetry: Telemetry = { log, metrics: createMetrics({ nodeId: config.nodeId }) };
  const digests = nodeDigests();
  const storage = await openLevelStorage({
    directory: join(config.dataDir, 'db'),
    partitions: cluster.document.partitions,
    founding: !cluster.isKept && config.expectNodes > 0,
    incarnationFloor: Math.floor(Date.now() / 1000),
    digests,
    entropy: systemEntropy(),
    ...telemetry,
  });
  try {
    if (!cluster.isKept) await keepCluster(config.dataDir, cluster);
    return await serve(config, cluster, { storage, digests }, telemetry);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function serve(
  config: NodeConfig,
  cluster: KnownCluster,
  { storage, digests }: { readonly storage: Storage; readonly digests: Digests },
  telemetry: Telemetry,
): Promise<RunningNode> {
  const { log, metrics } = telemetry;
  const { document, versionSecret } = cluster;
  const { nodeId: self, requestTimeoutMs, nodeTimeoutMs, antiEntropyMs, tombstoneGraceMs } = config;
  const node = createNode({
    ...storage.identity,
    spareActor: freshActor(systemEntropy()),
    ...{
      self,
      document,
      versionSecret,
      digests,
      requestTimeoutMs,
      nodeTimeoutMs,
      antiEntropyMs,
      tombstoneGraceMs,
    },
    limits: NODE_LIMITS,
  });
  const runtime = createRuntime({ node, storage, clock: systemClock(), metrics, onBug: die(log) });
  const bus = await openBus(config, cluster, storage, telemetry, runtime.busHandlers);
  runtime.start(bus);
  let stopping = false;
  const seal = { secret: versionSecret, digests };
  const service = createNodeService({
    ...{ self, document, seal, node, runtime, storage, bus },
    stopping: () => stopping,
  });
  registerGauges(telemetry, { node, service, storage, bus });
  const http = createHttpServer({
    service,
    host: config.httpHost,
    port: config.httpPort,
    valueBytesMax: config.valueBytesMax,
    telemetry,
  });
  const release = async (): Promise<void> => {
    await runtime.stop();
    await bus.close();
    await storage.close();
    await log.close();
  };
  try {
    await othersAnswer(node);
    await http.listen();
  } catch (error) {
    await release();
    throw error;
  }
  logStart(config, storage, log);
  return {
    stop: async () => {
      stopping = true;
      log.log('info', 'stopping');
      await http.close();
      await release();
    },
  };
}

function openBus(
  config: NodeConfig,
  { document }: KnownCluster,
  storage: Storage,
  telemetry: Telemetry,
  handlers: Parameters<typeof openTcpBus>[1],
): Promise<Bus> {
  const peers = document.nodes.filter((node) => node.id !== config.nodeId);
  const secret = readSecret(config.clusterSecretFile);
  return openTcpBus(
    {
      self: config.nodeId,
      clusterId: document.clusterId,
      incarnation: storage.identity.incarnation,
      epoch: () => document.epoch,
      host: config.busHost,
      port: config.busPort,
      peers: new Map<NodeId, string>(peers.map((node) => [node.id, node.busAddress])),
      ...(secret && { secret }),
      ...telemetry,
    },
    handlers,
  );
}

/** White space at the ends does not count, so that editors and `echo` make the same secret everywhere. */
function readSecret(path: string): Uint8Array | undefined {
  if (path === '') return undefined;
  const secret = readFileSync(path, 'utf8').trim();
  if (secret === '') throw new Error(`The cluster secret in ${path} is empty.`);
  return Buffer.from(secret);
}

/** A cluster that starts together takes traffic only when its nodes hear each other; one that is away is not waited for. */
async function othersAnswer(node: SteppingNode): Promise<void> {
  const giveUpMs = performance.now() + OTHERS_TIMEOUT_MS;
  while (performance.now() < giveUpMs && !node.view().vouched) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

interface Observed {
  readonly node: SteppingNode;
  readonly service: NodeService;
  readonly storage: Storage;
  readonly bus: Bus;
}

function registerGauges({ metrics }: Telemetry, { node, service, storage, bus }: Observed): void {
  metrics.gauge('rondo_live_requests', () => node.sizes().liveRequests);
  metrics.gauge('rondo_live_bytes', () => node.sizes().liveBytes);
  metrics.gauge('rondo_settling_writes', () => node.sizes().settling);
  metrics.gauge('rondo_cells', () => node.sizes().cells);
  metrics.gauge('rondo_hints', () => node.sizes().hints);
  metrics.gauge('rondo_read_repairs', () => node.sizes().repairs);
  metrics.gauge(
    'rondo_peers_alive',
    () => [...node.view().liveness.values()].filter((state) => state === 'alive').length,
  );
  metrics.gauge('rondo_complete', () => Number(node.view().complete));
  metrics.gauge('rondo_epoch', () => service.status().document.epoch);
  metrics.gauge('rondo_storage_sequence', () => storage.stats().sequence);
  metrics.gauge('rondo_storage_pending_writes', () => storage.stats().pendingWrites);
  metrics.gauge(
    'rondo_bus_peers_connected',
    () => [...bus.peers().values()].filter((s) => s === 'connected').length,
  );
}

function checkMembership(config: NodeConfig, { document }: KnownCluster): void {
  const ids = document.nodes.map((node) => node.id);
  if (!ids.includes(config.nodeId)) {
    throw new Error(`--node-id must be one of the cluster's nodes: ${ids.join(', ')}.`);
  }
  if (config.expectNodes > 0 && config.expectNodes !== ids.length) {
    throw new Error(
      `--expect-nodes is ${String(config.expectNodes)}, but the cluster has ${String(ids.length)} nodes.`,
    );
  }
}

function logStart(config: NodeConfig, storage: Storage, log: ClosableLog): void {
  const { actor, incarnation, complete } = storage.identity;
  const { httpHost, httpPort, busPort } = config;
  log.log('info', 'started', { actor, incarnation, complete, httpHost, httpPort, busPort });
  if (complete) return;
  log.log(
    'warn',
    'this data directory is new to a running cluster: its copies count for nothing until it is rebuilt',
  );
}

/** A core that threw cannot be trusted: end at once, as a crash, from which a start recovers. */
function die(log: ClosableLog): (error: unknown) => void {
  return (error) => {
    log.log('error', 'a bug ended this node', {
      stack: error instanceof Error ? error.stack : String(error),
    });
    process.exit(70);
  };
}

function flagsOf(args: readonly string[]): Record<string, string | boolean | undefined> {
  const described = describeNodeOptions();
  const options = Object.fromEntries(
    described.map(({ flag }) => [flag.slice(2), { type: 'string' as const }]),
  );
  const { values } = parseArgs({
    args: [...args],
    options: { ...options, help: { type: 'boolean' } },
    strict: true,
  });
  const given = values as Record<string, string | boolean | undefined>;
  const named = described.map(({ name, flag }) => [name, given[flag.slice(2)]] as const);
  return { help: given['help'], ...Object.fromEntries(named) };
}

function helpText(): string {
  const lines = describeNodeOptions().map(({ flag, value, help }) => {
    return `  ${`${flag} <${value ?? ''}>`.padEnd(34)} ${help}\n`;
  });
  return `Usage: node dist/services/node/main.js [options]\n\nRuns one storage node.\n\n${lines.join('')}`;
}

/** Tells the supervisor, where there is one; says it on stderr otherwise. */
function fail(message: string, code: number): void {
  if (process.send) process.send({ type: 'failed', message });
  else process.stderr.write(`error: ${message}\n`);
  process.exitCode = code;
  if (process.connected) process.disconnect();
}

function stopOnSignals(running: RunningNode): void {
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    running.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`error: the node could not stop in order: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  // Ctrl-C reaches the whole group; under a supervisor it is the supervisor that stops its nodes.
  process.on('SIGINT', process.connected ? () => undefined : stop);
  process.on('disconnect', stop);
}

async function main(): Promise<void> {
  const flags = flagsOf(process.argv.slice(2));
  if (flags['help'] === true) {
    process.stdout.write(helpText());
    return;
  }
  const read = readNodeConfig(flags, environment());
  if (!read.ok) {
    process.stderr.write(faultLines(read.faults));
    process.exitCode = 2;
    return;
  }
  stopOnSignals(await startNode(read.config));
  process.send?.({ type: 'ready' });
}

main().catch((error: unknown) => {
  fail(error instanceof Error ? error.message : String(error), 1);
});
