import { messageMsMax } from '../../services/node/core/repair/reaping.js';
import { expandFaults } from './expandFaults.js';
import { expandRegistry } from './expandRegistry.js';
import { expandTombstones, type Tombstones } from './expandTombstones.js';
import { expandViews } from './expandViews.js';
import type {
  ClientPlan,
  ClockPlan,
  Fault,
  NetworkPlan,
  Operation,
  OperationKind,
  Plan,
  PlanLimits,
} from './plan.js';
import { type Random, type Seed, stream } from './random.js';

/** Makes the plan of a seed. Each part has its own stream, so that a change in one leaves the others as they were. */
export function expandPlan(seed: Seed): Plan {
  const cluster = stream(seed, 'cluster');
  const nodes = cluster.between(3, 7);
  const replicas = cluster.chance(0.6) ? 3 : cluster.between(2, Math.min(5, nodes));
  const keys = cluster.between(1, 5);
  const chaosMs = cluster.between(20, 40) * 1000;
  const usualTimeoutMs = cluster.pick([400, 1000, 2000, 3000]);
  const tombstones = stream(seed, 'tombstones');
  const graceTimeouts = tombstones.pick([10, 10, 10, 20, 1000]);
  const hasGraves = tombstones.chance(GRAVES_CHANCE);
  const requestTimeoutMs = hasGraves ? SHORT_TIMEOUT_MS : usualTimeoutMs;
  const graceMs = requestTimeoutMs * (hasGraves ? 10 : graceTimeouts);
  const clients = expandClients(stream(seed, 'clients'), replicas);
  const liveness = stream(seed, 'liveness');
  const size = { nodes, keys, chaosMs, clients: clients.length };
  const operations = expandOperations(stream(seed, 'workload'), size);
  const graves = hasGraves ? expandTombstones(tombstones, { ...size, replicas, graceMs }) : NO_GRAVES;
  const usual = expandFaults(stream(seed, 'faults'), { ...size, operations, graceMs, isCalm: hasGraves });
  // Whoever is deaf is not told that its disk is an old copy.
  const hasOldDisk = usual.some(({ kind }) => kind === 'oldDisk');
  const views = hasOldDisk ? [] : expandViews(stream(seed, 'views'), size);
  const { registry, faults: ofRegistry } = expandRegistry(stream(seed, 'registry'), size);
  return {
    format: 1,
    seed,
    nodes,
    replicas,
    partitions: cluster.pick([8, 16]),
    keys: keys + graves.keys,
    requestTimeoutMs,
    nodeTimeoutMs: liveness.pick(nodes < 6 ? [600, 1000, 2000, 3000] : [2000, 3000]),
    antiEntropyMs: stream(seed, 'antiEntropy').pick([1000, 2000, 4000]),
    tombstoneGraceMs: graceMs,
    limits: {
      ...{ ...expandLimits(cluster), ...expandRepairLimits(liveness) },
      clockEntriesMax: stream(seed, 'trimming').pick([10, 2, 1, 0]),
    },
    network: expandNetwork(stream(seed, 'network')),
    ...(registry && { registry }),
    disk: expandDisk(stream(seed, 'disk')),
    clocks: expandClocks(stream(seed, 'clocks'), nodes, hasGraves ? 0.1 : 0.5),
    clients,
    chaosMs,
    core: {
      nodes: cluster.shuffled(indexes(nodes)).slice(0, cluster.between(2, nodes)).sort(ascending),
      rest: cluster.pick(['dead', 'cut']),
    },
    operations: [...operations, ...graves.operations].sort(byTime),
    faults: [...usual, ...graves.faults, ...views, ...ofRegistry]
      .map((fault) => withinLife(fault, messageMsMax(graceMs)))
      .sort(byTime),
  };
}

/** Plans with keys that are deleted and left alone; their tombstones are to expire while something still goes on. */
const GRAVES_CHANCE = 0.3;
const SHORT_TIMEOUT_MS = 400;
const NO_GRAVES: Tombstones = { keys: 0, operations: [], faults: [] };

function byTime(a: { readonly at: number }, b: { readonly at: number }): number {
  return a.at - b.at;
}

/** No message may live longer than reaping waits for it (R13), which a grace time of seconds makes short. */
function withinLife(fault: Fault, lifeMs: number): Fault {
  return fault.kind === 'clog' ? { ...fault, forMs: Math.min(fault.forMs, lifeMs) } : fault;
}

function indexes(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function ascending(a: number, b: number): number {
  return a - b;
}

/** Mostly production's, which no simulation comes near; now and then so small that they are met. */
function expandLimits(random: Random): Omit<PlanLimits, 'hintsMax' | 'repairsMax' | 'clockEntriesMax'> {
  if (random.chance(0.8)) {
    return { requestsMax: 4096, requestBytesMax: 2 ** 29, cellBytesMax: 2 ** 28, settlingMax: 50_000 };
  }
  const bytesMax = random.pick([8, 32, 256]) * 1024;
  return {
    requestsMax: random.between(3, 8),
    requestBytesMax: bytesMax,
    cellBytesMax: bytesMax / 2,
    settlingMax: random.between(1, 4),
  };
}

function expandRepairLimits(random: Random): Pick<PlanLimits, 'hintsMax' | 'repairsMax'> {
  if (random.chance(0.85)) return { hintsMax: 500_000, repairsMax: 256 };
  return { hintsMax: random.between(0, 5), repairsMax: random.between(0, 2) };
}

function expandNetwork(random: Random): NetworkPlan {
  return {
    delayMs: random.pick([0.2, 1, 5, 20]),
    jitterMs: random.pick([0.5, 2, 10, 40]),
    lossRate: random.chance(0.45) ? 0 : (random.fraction() ** 2 * 30) / 100,
    duplicationRate: random.chance(0.4) ? 0 : (random.fraction() * 50) / 100,
    bounceRate: random.pick([0, 0.5, 0.9, 1]),
  };
}

function expandDisk(random: Random): Plan['disk'] {
  const least = random.pick([0.2, 4, 20]);
  return { syncMs: [least, least * random.pick([1.5, 4])], readMs: random.pick([0, 0, 1, 20]) };
}

function expandClocks(random: Random, nodes: number, wildChance: number): ClockPlan[] {
  const isWild = random.chance(wildChance);
  return indexes(nodes).map(() => ({
    offsetMs: isWild ? random.between(-3_600_000, 3_600_000) : random.between(-200, 200),
    driftPpm: isWild ? random.between(-50_000, 50_000) : random.between(-100, 100),
  }));
}

function expandClients(random: Random, replicas: number): ClientPlan[] {
  const all = replicas;
  const profiles: readonly ClientPlan[] = [
    { quorum: 'strict' },
    { quorum: 'sloppy' },
    { quorum: 'strict', reads: 1, writes: all },
    { quorum: 'strict', reads: all, writes: 1 },
    { quorum: 'strict', reads: all, writes: all },
    { quorum: 'sloppy', reads: 1, writes: 1 },
    { quorum: 'sloppy', reads: all, writes: all },
    { quorum: 'sloppy', reads: random.between(1, all), writes: random.between(1, all) },
  ];
  const count = random.between(2, 5);
  return indexes(count).map((i) => (i < 2 ? profiles[i]! : random.pick(profiles)));
}

const SHARES: Readonly<Record<OperationKind, number>> = {
  read: 20,
  create: 12,
  update: 26,
  resolve: 4,
  chain: 16,
  stale: 6,
  force: 8,
  delete: 8,
};
const KINDS = (Object.keys(SHARES) as OperationKind[]).flatMap((kind) =>
  Array.from({ length: SHARES[kind] }, () => kind),
);

interface Size {
  readonly nodes: number;
  readonly keys: number;
  readonly chaosMs: number;
  readonly clients: number;
}

/** Operations come in bursts, mostly on one key: what is far apart in time cannot go wrong together. */
function expandOperations(random: Random, size: Size): Operation[] {
  const wanted = random.between(60, 140);
  const operations: Operation[] = [];
  while (operations.length < wanted) {
    const at = random.between(10, size.chaosMs - 100);
    const key = random.below(size.keys);
    const spreadMs = random.pick([2, 20, 200]);
    for (let left = random.between(1, 7); left > 0; left--) {
      const place = {
        at: at + random.between(0, spreadMs),
        key: random.chance(0.8) ? key : random.below(size.keys),
      };
      operations.push(expandOperation(random, operations.length + 1, place, size));
    }
  }
  return operations.sort((a, b) => a.at - b.at || a.id - b.id);
}

function expandOperation(
  random: Random,
  id: number,
  place: { readonly at: number; readonly key: number },
  size: Size,
): Operation {
  const kind = random.pick(KINDS);
  const base = { id, ...place, kind, client: random.below(size.clients), node: random.below(size.nodes) };
  if (kind === 'read') return base;
  const retries = random.chance(0.4);
  return {
    ...base,
    ...(random.chance(kind === 'force' ? 0.8 : 0.3) && { writeNode: random.below(size.nodes) }),
    ...(random.chance(kind === 'stale' ? 0.5 : 0.15) && { onConflict: 'sibling' as const }),
    ...(random.chance(0.2) && { valueBytes: random.between(10, 3000) }),
    ...((retries || random.chance(0.3)) && { hasRequestId: true }),
    ...(retries && { retry: expandRetry(random, base.node, size.nodes) }),
  };
}

function expandRetry(random: Random, node: number, nodes: number): NonNullable<Operation['retry']> {
  return {
    node: random.chance(0.5) ? node : random.below(nodes),
    afterMs: random.pick([0, 1, 30, 500, 3000]),
    always: random.chance(0.3),
  };
}
