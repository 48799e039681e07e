import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClusterFiles, openClusterFiles } from '../adapters/cluster-files.js';
import { createMetrics } from '../adapters/prom-client-metrics.js';
import { nodeDigests, systemEntropy } from '../adapters/system.js';
import { createLog } from '../adapters/winston-log.js';
import type { NodeConfig } from '../config.js';
import type { SteppingNode } from '../core/protocol/events.js';
import type { NodeId } from '../core/types.js';
import { giveRequestsRoom } from '../heap.js';
import { createHttpServer } from '../http/server.js';
import { createNodeService } from '../runtime/nodeService.js';
import { openTokenBook } from '../tokens/tokenBook.js';
import { type Core, type Frame, openCore } from './core.js';
import { registerGauges, watchCompleteness } from './gauges.js';
import { chooseNodeId } from './nodeName.js';
import { describeWaiting } from './waiting.js';

export interface RunningNode {
  /** Stops in order: no new requests, live ones end, then bus, files, storage and log. */
  stop(): Promise<void>;
}

export interface Outside {
  /** The process has been asked to end. */
  readonly ending: AbortSignal;
  /** What a node that is in no cluster yet waits for; again and again. */
  readonly onWaiting: (what: string) => void;
}

const OTHERS_TIMEOUT_MS = 2000;
const LOOK_MS = 10;
const SAY_WAITING_MS = 2000;
/**
 * Starts a node, the only place that chooses adapters: joins the cluster that it knows from its disk, or founds or learns one,
 * for which it waits as long as it takes (R8); then it serves clients. Gives undefined where it was asked to end before that.
 */
export async function startNode(config: NodeConfig, outside: Outside): Promise<RunningNode | undefined> {
  const self = await chooseNodeId(config.dataDir, config.nodeId, systemEntropy());
  const log = createLog({ level: config.logLevel, nodeId: self });
  const files = await openClusterFiles({ directory: config.dataDir, entropy: systemEntropy(), log });
  checkWayIn(config, self, files);
  const { apiTokenFile: path } = config;
  const tokens = path === '' ? undefined : await openTokenBook({ path, log });
  const httpPort = config.httpPort === 0 ? await freePort(config.httpHost) : config.httpPort;
  const metrics = createMetrics({ nodeId: self });
  const frame: Frame = { config, self, httpPort, log, metrics, files, tokens };
  for (;;) {
    const core = await openCore(frame);
    const how = await untilListed(frame, core, outside);
    if (how === 'listed') return serve(frame, core, outside);
    await core.release();
    if (how === 'ended') {
      await tokens?.close();
      await log.close();
      return undefined;
    }
  }
}

/** A node that knows nobody and founds nothing would wait for ever. */
function checkWayIn(config: NodeConfig, self: NodeId, files: ClusterFiles): void {
  const { dataDir, seeds, expectNodes, membership } = config;
  const isAlone = membership === 'gossip' && [...seeds.keys()].every((id) => id === self);
  if (files.cluster ?? (!isAlone || expectNodes > 0)) return;
  throw new Error(
    `${dataDir} belongs to no cluster yet: say where to find its nodes with --seeds, and for the very first start how many there are with --expect-nodes.`,
  );
}

/** Until the node is in a cluster, or cannot go on as it is. */
async function untilListed(
  { self, config, log }: Frame,
  { node, mustReopen }: Core,
  { ending, onWaiting }: Outside,
): Promise<'listed' | 'reopen' | 'ended'> {
  const waiting = { self, expects: config.expectNodes, seeds: [...config.seeds.keys()] };
  let sayAtMs = performance.now() + SAY_WAITING_MS;
  while (!ending.aborted) {
    const view = node.view();
    if (view.document?.nodes.some(({ id }) => id === self)) return 'listed';
    if (mustReopen()) return 'reopen';
    if (performance.now() >= sayAtMs) {
      sayAtMs += SAY_WAITING_MS;
      const what = describeWaiting(waiting, view);
      log.log('info', `waiting for a cluster: ${what}`);
      onWaiting(what);
    }
    await sleep(LOOK_MS);
  }
  return 'ended';
}

async function serve(frame: Frame, core: Core, { ending }: Outside): Promise<RunningNode> {
  const { config, self, files, httpPort, log, metrics, tokens } = frame;
  const { node } = core;
  const seal = { secret: files.cluster?.versionKey ?? new Uint8Array(0), digests: nodeDigests() };
  let stopping = false;
  const service = createNodeService({ self, seal, ...core, stopping: () => stopping });
  registerGauges(metrics, core);
  const http = createHttpServer({
    service,
    host: config.httpHost,
    port: httpPort,
    valueBytesMax: config.valueBytesMax,
    telemetry: { log, metrics },
    tokens,
  });
  try {
    await othersAnswer(node, ending);
    await http.listen();
  } catch (error) {
    await core.release();
    await tokens?.close();
    await log.close();
    throw error;
  }
  const { actor, complete, document } = node.view();
  const { incarnation } = core.storage.identity;
  const { httpHost } = config;
  log.log('info', 'started', { actor, incarnation, complete, epoch: document?.epoch, httpHost, httpPort });
  sayWhoMayAsk(frame);
  const stopWatching = watchCompleteness(self, node, log);
  const stopGiving = giveRequestsRoom(() => node.sizes().liveRequests);
  return {
    stop: async () => {
      stopping = true;
      log.log('info', 'stopping');
      stopWatching();
      stopGiving();
      await core.signOff();
      await http.close();
      await tokens?.close();
      await core.release();
      await log.close();
    },
  };
}

function sayWhoMayAsk({ tokens, log, config: { httpHost } }: Frame): void {
  if (!tokens) log.log('info', 'no client tokens: listening on loopback only', { httpHost });
  else if (tokens.size() > 0) log.log('info', 'clients must show a token', { tokens: tokens.size() });
  else log.log('warn', 'the token file holds no token: no client is served until it does');
}

/** A cluster that starts together takes traffic only when its nodes hear each other; one that is away is not waited for. */
async function othersAnswer(node: SteppingNode, ending: AbortSignal): Promise<void> {
  const giveUpMs = performance.now() + OTHERS_TIMEOUT_MS;
  while (performance.now() < giveUpMs && !ending.aborted && !node.view().vouched) await sleep(LOOK_MS);
}

/** The address has to be known before anybody is told of it, and is listened on only later. */
async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
