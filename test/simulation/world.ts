import { storedText } from '../../services/node/core/membership/storedCluster.js';
import { voteOf } from '../../services/node/core/membership/vote.js';
import type { ClusterDocument, Digests, Key, NodeId } from '../../services/node/core/types.js';
import { foundDocument } from '../../services/node/core/ring/document.js';
import { createRing, type Ring } from '../../services/node/core/ring/replicaSets.js';
import { decodeVersion } from '../../services/node/core/versioning/version.js';
import type { Scene } from './checkers/scene.js';
import { simulatedDigests } from './digests.js';
import { wallMs } from './clock.js';
import { createFigures, type Figures } from './figures.js';
import { createJudge, createViolations, type Judge } from './judge.js';
import { createMachine, type Machine, type MachineParts, type Witness } from './machine.js';
import { createNetwork, type Network } from './network.js';
import type { Plan } from './plan.js';
import { type Answer, type Request, sendRequest } from './requests.js';
import { createSimulatedRegistry, type SimulatedRegistry } from './registry.js';
import { createSchedule, type Schedule } from './schedule.js';
import { createTrace, type Trace } from './trace.js';
import { createTraps, type Traps } from './traps.js';

/** A cluster with its network, its clients' requests, and the judge who watches all of it. */
export interface World {
  readonly plan: Plan;
  readonly schedule: Schedule;
  readonly trace: Trace;
  readonly figures: Figures;
  readonly network: Network;
  readonly registry: SimulatedRegistry | undefined;
  readonly machines: readonly Machine[];
  readonly judge: Judge;
  readonly traps: Traps;
  readonly report: Scene['report'];
  primaries(key: Key): readonly Machine[];
  /** Sends what a client asks for, and has the judge see the request and its answer. */
  send(request: Omit<Request, 'n' | 'sentAtMs'>, done: (answer: Answer, request: Request) => void): void;
}

const SECRET = new Uint8Array(32).fill(7);

export function createWorld(plan: Plan, keepsLines: boolean): World {
  const schedule = createSchedule();
  const trace = createTrace(keepsLines);
  const figures = createFigures();
  const ids = Array.from({ length: plan.nodes }, (_, i) => `n${String(i + 1)}` as NodeId);
  const network = createNetwork({ ...plan, plan: plan.network, schedule, trace, figures, members: ids });
  const registry =
    plan.registry && createSimulatedRegistry({ seed: plan.seed, schedule, weather: plan.registry });
  const machines: Machine[] = [];
  const digests = simulatedDigests();
  const first: { document?: ClusterDocument } = {};
  const founded = (): ClusterDocument => first.document!;
  const placeOf = placesIn(founded, digests);
  const violations = createViolations(() => schedule.nowMs);
  const scene: Scene = {
    report: (promise, detail) => {
      trace.tell(schedule.nowMs, () => `!! ${promise}: ${detail}`);
      violations.report(promise, detail);
    },
    nowMs: () => schedule.nowMs,
    directories: () => machines.flatMap((machine) => machine.directories),
    directoriesOf: (node) => machines[ids.indexOf(node)]!.directories,
    currentDirectories: () => machines.map(({ directory }) => directory),
    wallMs: (node) => wallMs(schedule, machines[ids.indexOf(node)]!.wall),
    primaries: placeOf,
    clockOf: (key, version) => decodeVersion({ secret: SECRET, digests }, key, version),
  };
  const judge = createJudge(scene, plan, founded, violations.list);
  const settings = settingsOf(plan, digests);
  const traps = createTraps((node, key) => placeOf(key).includes(node));
  const witness = withTraps(judge.witness, traps);
  const seeds = (): ReadonlyMap<NodeId, string> => new Map(machines.map(({ id, address }) => [id, address]));
  const parts = { ...plan, schedule, trace, figures, network, registry, settings, seeds, witness };
  for (const [index, id] of ids.entries()) {
    machines.push(createMachine({ ...parts, index, id, clock: plan.clocks[index]! }));
  }
  first.document = foundCluster(plan, machines);
  registry?.begin(storedText({ document: first.document, versionKey: SECRET }));
  const base = { plan, schedule, trace, figures, network, registry, machines, judge, traps };
  return {
    ...base,
    report: scene.report,
    primaries: (key) => placeOf(key).map((id) => machines[ids.indexOf(id)]!),
    send: sender(base),
  };
}

/** Every record is read again in as many turns of comparisons: before the end. */
const SCRUBS_AFTER_TURNS = 4;
const NEVER_MS = 1e9;

/** What the judge sees, in this order: he has seen what a process was doing when it is caught. */
function withTraps(witness: Witness, traps: Traps): Witness {
  return {
    ...witness,
    stepped: (machine, event, effects, sizes) => {
      witness.stepped(machine, event, effects, sizes);
      traps.stepped(machine.id, effects);
    },
    durable: (directory, key, record) => {
      witness.durable(directory, key, record);
      traps.durable(directory, key);
    },
  };
}

function settingsOf(plan: Plan, digests: Digests): MachineParts['settings'] {
  const { requestTimeoutMs, nodeTimeoutMs, antiEntropyMs, tombstoneGraceMs, limits } = plan;
  const { partitions, replicas, faults } = plan;
  return {
    ...{ digests, requestTimeoutMs, nodeTimeoutMs, antiEntropyMs, tombstoneGraceMs, limits },
    // Elsewhere trees are never built anew, so that one that is wrong shows.
    scrubMs: faults.some(({ kind }) => kind === 'damage') ? SCRUBS_AFTER_TURNS * antiEntropyMs : NEVER_MS,
    founding: { expects: 0, partitions, replicas, clusterId: 'another', versionKey: SECRET },
  };
}

/** Every node begins with document 1 on its disk. */
function foundCluster({ partitions, replicas }: Plan, machines: readonly Machine[]): ClusterDocument {
  const nodes = machines.map(({ id, directory: { actor, vote } }) => {
    const place = { busAddress: id, httpAddress: id, weight: 1, zone: '' };
    return { id, actor, voter: voteOf(vote).voter, state: 'complete' as const, ...place };
  });
  const document = foundDocument({ clusterId: 'simulation', partitions, replicas, nodes });
  for (const { directory } of machines) directory.cluster = { document, versionKey: SECRET };
  return document;
}

/** Replicas stay where they are. */
function placesIn(document: () => ClusterDocument, digests: Digests): Scene['primaries'] {
  let ring: Ring | undefined;
  return (key) => {
    ring ??= createRing(document());
    return ring.replicaSet(ring.partitionOf(digests.md5(key))).primaries;
  };
}

function sender(world: Pick<World, 'plan' | 'schedule' | 'trace' | 'machines' | 'judge'>): World['send'] {
  const { plan, schedule, trace, machines, judge } = world;
  let last = 0;
  return (asked, done) => {
    const request: Request = { ...asked, n: ++last, sentAtMs: schedule.nowMs };
    const machine = machines[request.node]!;
    judge.sent(request);
    trace.event(schedule.nowMs, `request ${String(request.n)} ${machine.id} ${request.write?.value ?? ''}`);
    trace.tell(schedule.nowMs, () => `c${String(request.client)} → ${machine.id}  ${described(request)}`);
    sendRequest(machine, schedule, request, plan.requestTimeoutMs, (answer) => {
      trace.event(schedule.nowMs, `answer ${String(request.n)} ${answer.code} ${answer.version ?? ''}`);
      trace.tell(
        schedule.nowMs,
        () => `c${String(request.client)} ← ${machine.id}  ${answered(request, answer)}`,
      );
      judge.answered(machine, request, answer);
      done(answer, request);
    });
  };
}

function described({ n, key, wanted, quorum, write }: Request): string {
  if (!write) return `#${String(n)} GET ${key} R=${String(wanted)} ${quorum}`;
  const { value, deletes, from, onConflict, requestId } = write;
  const what = deletes ? `DELETE ${key} (${value})` : `PUT ${key} ${value}`;
  const knowing = from === 0 ? 'knowing nothing' : `knowing #${String(from)}`;
  const extra = `${onConflict === 'sibling' ? ' or as a sibling' : ''}${requestId === undefined ? '' : ` as ${requestId}`}`;
  return `#${String(n)} ${what} W=${String(wanted)} ${quorum} ${knowing}${extra}`;
}

function answered({ n, write }: Request, answer: Answer): string {
  const { outcome, code, values, version, siblings } = answer;
  if (outcome !== 'ok') return `#${String(n)} ${code}, effect: ${outcome}`;
  if (!write) return `#${String(n)} [${(values ?? []).join(' ')}]`;
  return `#${String(n)} written${version === null ? `, one of ${String(siblings)} siblings` : ''}`;
}
