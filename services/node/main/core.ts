import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { ClusterFiles } from '../adapters/cluster-files.js';
import { openLevelStorage } from '../adapters/level-storage.js';
import type { ExposedMetrics } from '../adapters/prom-client-metrics.js';
import { nodeDigests, systemClock, systemEntropy } from '../adapters/system.js';
import type { ClosableLog } from '../adapters/winston-log.js';
import type { NodeConfig } from '../config.js';
import { createNode } from '../core/node.js';
import { NODE_LIMITS, type NodeOptions } from '../core/nodeOptions.js';
import { VERSION_KEY_BYTES } from '../core/protocol/membershipMessages.js';
import type { SteppingNode } from '../core/protocol/events.js';
import type { NodeId } from '../core/types.js';
import type { Bus, BusHandlers } from '../ports/bus.js';
import type { ClusterStore } from '../ports/clusterStore.js';
import { freshActor } from '../ports/entropy.js';
import type { Registry, RegistryHandlers } from '../ports/registry.js';
import type { Storage } from '../ports/storage.js';
import { createRuntime, type Runtime } from '../runtime/runtime.js';
import { seededBus } from '../runtime/seededBus.js';
import type { TokenBook } from '../tokens/tokenBook.js';
import { addressOf, openBus } from './openBus.js';
import { keepRegistered, openRegistry } from './registration.js';

/** What does not change while the node is put together. */
export interface Frame {
  readonly config: NodeConfig;
  readonly self: NodeId;
  readonly httpPort: number;
  readonly log: ClosableLog;
  readonly metrics: ExposedMetrics;
  readonly files: ClusterFiles;
  /** Those that clients must show; undefined: none. */
  readonly tokens: TokenBook | undefined;
}

/** A node that talks to others, and serves no clients yet. */
export interface Core {
  readonly node: SteppingNode;
  readonly runtime: Runtime;
  readonly storage: Storage;
  readonly bus: Bus;
  readonly registry: Registry | undefined;
  /** It has learnt a cluster of another number of partitions than its database was opened with. */
  readonly mustReopen: () => boolean;
  /** Nobody is sent to this node any more. Idempotent. */
  signOff(): Promise<void>;
  release(): Promise<void>;
}

const CLUSTER_ID_BYTES = 8;

/** Opens database and bus, and sets the pure node going between them. */
export async function openCore(frame: Frame): Promise<Core> {
  const { config, files, log, metrics } = frame;
  const digests = nodeDigests();
  const partitions = files.cluster?.document.partitions ?? config.partitions;
  const storage = await openLevelStorage({
    directory: join(config.dataDir, 'db'),
    partitions,
    founding: !files.cluster && config.expectNodes > 0,
    incarnationFloor: Math.floor(Date.now() / 1000),
    entropy: systemEntropy(),
    ...{ digests, log, metrics },
  });
  try {
    // The bus has to be open before the node can say where it is to be found.
    const wired: { handlers?: BusHandlers; registry?: RegistryHandlers } = {};
    const opened = await openBus(frame, storage.identity.incarnation, {
      onMessage: (from, message, remainingMs) => wired.handlers?.onMessage(from, message, remainingMs),
      onUnroutable: (to, message) => wired.handlers?.onUnroutable(to, message),
    });
    const registry = await openRegistry(frame, {
      onChanged: () => wired.registry?.onChanged(),
      onNodes: (nodes) => wired.registry?.onNodes(nodes),
    });
    const bus = seededBus(opened.bus, config.seeds);
    const ownOptions = nodeOptions(frame, storage, opened.address);
    const node = createNode({ ...ownOptions, digests });
    let mustReopen = false;
    const clusterStore = ofPartitions(files, partitions, () => (mustReopen = true));
    const clock = systemClock();
    const runtime = createRuntime({ node, storage, clusterStore, clock, metrics, onBug: die(log) });
    wired.handlers = runtime.busHandlers;
    wired.registry = runtime.registryHandlers;
    runtime.start(bus, registry);
    for (const [id, address] of config.seeds) if (id !== frame.self) runtime.seen(id, address);
    const stopSaying = registry && keepRegistered(registry, node, ownOptions);
    const signOff = async (): Promise<void> => {
      stopSaying?.();
      await registry?.close();
    };
    return coreOf({ node, runtime, storage, bus, registry, signOff, mustReopen: () => mustReopen }, files);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

function coreOf(parts: Omit<Core, 'release'>, files: ClusterFiles): Core {
  return {
    ...parts,
    release: async () => {
      await parts.signOff();
      await parts.runtime.stop();
      await parts.bus.close();
      await files.idle();
      await parts.storage.close();
    },
  };
}

function nodeOptions(
  { config, self, files, httpPort }: Frame,
  { identity }: Storage,
  busAddress: string,
): Omit<NodeOptions, 'digests'> {
  const { requestTimeoutMs, nodeTimeoutMs, antiEntropyMs, tombstoneGraceMs, scrubMs, weight, zone } = config;
  const { expectNodes, partitions, replicas, httpAdvertise, httpHost } = config;
  const { cluster, vote } = files;
  return {
    ...identity,
    ...{
      self,
      vote,
      weight,
      zone,
      requestTimeoutMs,
      nodeTimeoutMs,
      antiEntropyMs,
      tombstoneGraceMs,
      scrubMs,
    },
    ...(cluster && { cluster }),
    register: config.membership === 'consul' ? 'store' : 'ballots',
    spareActor: freshActor(systemEntropy()),
    founding: {
      ...{ expects: expectNodes, partitions, replicas },
      clusterId: randomBytes(CLUSTER_ID_BYTES).toString('hex'),
      versionKey: new Uint8Array(randomBytes(VERSION_KEY_BYTES)),
    },
    busAddress,
    httpAddress: httpAdvertise || addressOf(httpHost, httpPort),
    jitter: Math.random(),
    limits: NODE_LIMITS,
  };
}

/** Of a cluster with another number of partitions the core is not told: its database could not hold their records. */
function ofPartitions(files: ClusterFiles, partitions: number, onOther: () => void): ClusterStore {
  return {
    keepVote: (vote, done) => {
      files.keepVote(vote, done);
    },
    keepDocument: (document, done) => {
      files.keepDocument(document, done);
    },
    keepCluster: (cluster, done) => {
      files.keepCluster(cluster, (error) => {
        if (error || cluster.document.partitions === partitions) done(error);
        else onOther();
      });
    },
    idle: () => files.idle(),
  };
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
