import { seededRandom } from '../support/random.js';
import type { Cleanup } from '../support/cleanup.js';
import type { PortBlock } from '../support/ports.js';
import { fuzzWire, type WireCounts } from './bus/wire.js';
import { createModel, type Model, type ModelCounts } from './http/model.js';
import { compareMeasures } from './leaks.js';
import { partSeed } from './seeds.js';
import { startTarget, type Target } from './target.js';

export interface WireRunOptions {
  readonly folder: string;
  readonly ports: PortBlock;
  readonly cleanup: Cleanup;
  readonly seed: number;
  readonly frames: number;
  readonly say: (line: string) => void;
  readonly onProgress: (counts: WireCounts) => void;
}

export interface WireResult {
  readonly counts: WireCounts;
  readonly model: ModelCounts;
  readonly resources: readonly string[];
  /** What the nodes' own metrics say: frames that they took, and refused. */
  readonly received: number;
  readonly rejected: number;
  readonly faults: readonly string[];
}

/** Three nodes in the document, of which the last is stopped: frames are sent in its name. */
const NODES = 3;
const WARM_SHARE = 0.2;
const SOUND_CLIENTS = 4;
const HEALTH_MS = 500;

/** Fuzzes the bus ports of two real nodes, which have to serve sound traffic all the while. */
export async function runWireFuzz(options: WireRunOptions): Promise<WireResult> {
  const target = await startTarget({ ...options, nodes: NODES, absent: 1 });
  const model: ModelCounts = { acknowledged: 0, verified: 0, forgeriesRefused: 0, failed: 0 };
  const faults: string[] = [];
  const total: WireCounts = { frames: 0, connections: 0, closedByNode: 0 };
  const phase = async (seed: number, frames: number): Promise<void> => {
    const before = { ...total };
    const onProgress = (counts: WireCounts): void => {
      total.frames = before.frames + counts.frames;
      total.connections = before.connections + counts.connections;
      total.closedByNode = before.closedByNode + counts.closedByNode;
      options.onProgress(total);
    };
    await underTraffic(target, seed, model, faults, (isOver) =>
      fuzzWire({ ...addressees(target), seed, frames, isOver, onProgress }),
    );
  };
  const warmFrames = Math.ceil(options.frames * WARM_SHARE);
  await phase(partSeed(options.seed, 0), warmFrames);
  options.say('warm; measuring');
  const warm = faults.length > 0 ? new Map<never, never>() : await target.measure();
  if (faults.length === 0) await phase(partSeed(options.seed, 1), options.frames - warmFrames);
  const done = { counts: total, model };
  if (faults.length > 0) return { ...done, resources: [], received: 0, rejected: 0, faults };
  options.say('measuring what is left behind');
  const { lines, leaks } = compareMeasures(warm, await target.measure());
  const unmet = model.verified === 0 ? ['no value was read back'] : [];
  return {
    ...done,
    resources: lines,
    received: await target.metric('rondo_bus_messages_total', 'direction="received"'),
    rejected: await target.metric('rondo_bus_rejected_total'),
    faults: [...leaks, ...unmet, ...target.faults()],
  };
}

function addressees(target: Target) {
  const { busPorts: ports, ids, clusterId } = target;
  return { ports, receivers: ids.slice(0, ports.length), self: ids.at(-1) ?? '', clusterId };
}

/** Runs `fuzz` while clients write and read; whatever either of them meets goes into `faults` and ends both. */
async function underTraffic(
  target: Target,
  seed: number,
  counts: ModelCounts,
  faults: string[],
  fuzz: (isOver: () => boolean) => Promise<unknown>,
): Promise<void> {
  let over = false;
  const isOver = (): boolean => over || faults.length > 0;
  const models = Array.from({ length: SOUND_CLIENTS }, (_, index) =>
    createModel({
      random: seededRandom(partSeed(seed, index)),
      name: `${String(seed)}-${String(index)}`,
      ports: target.httpPorts,
      counts,
      prelude: () => [],
      onVersion: () => undefined,
    }),
  );
  const failed = (error: unknown): void => void faults.push(String(error));
  const serve = async (model: Model): Promise<void> => {
    while (!isOver()) note(faults, (await model.step())?.what);
    if (faults.length === 0) note(faults, (await model.readAll())?.what);
  };
  const traffic = models.map((model) => serve(model).catch(failed));
  const watch = setInterval(() => {
    faults.push(...target.faults());
  }, HEALTH_MS);
  await fuzz(isOver).catch(failed);
  over = true;
  await Promise.all(traffic);
  clearInterval(watch);
}

function note(faults: string[], what: string | undefined): void {
  if (what !== undefined) faults.push(what);
}
