import type { Actor, ClusterNode, Key, NodeId } from '../../services/node/core/types.js';
import { foundDocument } from '../../services/node/core/ring/document.js';
import { positionOf } from '../../services/node/core/ring/position.js';
import { createRing } from '../../services/node/core/ring/replicaSets.js';
import { decodeVersion } from '../../services/node/core/versioning/version.js';
import type { Scene } from './checkers/scene.js';
import { simulatedDigests } from './digests.js';
import { createFigures, type Figures } from './figures.js';
import { createJudge, createViolations, type Judge } from './judge.js';
import { createMachine, type Machine } from './machine.js';
import { createNetwork, type Network } from './network.js';
import type { Plan } from './plan.js';
import { type Answer, type Request, sendRequest } from './requests.js';
import { createSchedule, type Schedule } from './schedule.js';
import { createTrace, type Trace } from './trace.js';

/** A cluster with its network, its clients' requests, and the judge who watches all of it. */
export interface World {
  readonly plan: Plan;
  readonly schedule: Schedule;
  readonly trace: Trace;
  readonly figures: Figures;
  readonly network: Network;
  readonly machines: readonly Machine[];
  readonly judge: Judge;
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
  const machines: Machine[] = [];
  const { cluster, placeOf, clockOf } = foundCluster(plan, ids);
  const violations = createViolations(() => schedule.nowMs);
  const scene: Scene = {
    report: (promise, detail) => {
      trace.tell(schedule.nowMs, () => `!! ${promise}: ${detail}`);
      violations.report(promise, detail);
    },
    nowMs: () => schedule.nowMs,
    directories: () => machines.flatMap((machine) => machine.directories),
    directoriesOf: (node) => machines[ids.indexOf(node)]!.directories,
    primaries: placeOf,
    clockOf,
  };
  const judge = createJudge(scene, plan, violations.list);
  const parts = { seed: plan.seed, disk: plan.disk, schedule, trace, figures, network, cluster };
  for (const [index, id] of ids.entries()) {
    machines.push(createMachine({ ...parts, index, id, clock: plan.clocks[index]!, witness: judge.witness }));
  }
  const base = { plan, schedule, trace, figures, network, machines, judge };
  return {
    ...base,
    report: scene.report,
    primaries: (key) => placeOf(key).map((id) => machines[ids.indexOf(id)]!),
    send: sender(base),
  };
}

function simulatedNode(id: NodeId, index: number): ClusterNode {
  const names = { id, actor: `listed-${id}` as Actor, voter: String(index).padStart(16, '0') };
  return { ...names, state: 'complete', busAddress: '', httpAddress: '', weight: 1, zone: '' };
}

function foundCluster(plan: Plan, ids: readonly NodeId[]) {
  const digests = simulatedDigests();
  const document = foundDocument({
    clusterId: 'simulation',
    partitions: plan.partitions,
    replicas: plan.replicas,
    nodes: ids.map(simulatedNode),
  });
  const ring = createRing(document);
  const { requestTimeoutMs, nodeTimeoutMs, antiEntropyMs, tombstoneGraceMs, limits } = plan;
  return {
    cluster: {
      ...{ document, versionSecret: SECRET, digests },
      ...{ requestTimeoutMs, nodeTimeoutMs, antiEntropyMs, tombstoneGraceMs, limits },
    },
    placeOf: (key: Key) => ring.replicaSet(ring.partitionOf(positionOf(digests.md5(key)))).primaries,
    clockOf: (key: Key, version: string) => decodeVersion({ secret: SECRET, digests }, key, version),
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
