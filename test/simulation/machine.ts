import { createNode } from '../../services/node/core/node.js';
import { voteOf } from '../../services/node/core/membership/vote.js';
import type { NodeOptions } from '../../services/node/core/nodeOptions.js';
import {
  TICK_MS,
  type Effect,
  type NodeEvent,
  type NodeSizes,
  type SteppingNode,
} from '../../services/node/core/protocol/events.js';
import type { Key, NodeId, VersionedRecord } from '../../services/node/core/types.js';
import type { Bus } from '../../services/node/ports/bus.js';
import type { Registry } from '../../services/node/ports/registry.js';
import { createRuntime, type Runtime } from '../../services/node/runtime/runtime.js';
import { seededBus } from '../../services/node/runtime/seededBus.js';
import { openClusterStore, type SimulatedClusterStore } from './clusterStore.js';
import { type SimulatedClock, createClock, wallMs, type WallClock } from './clock.js';
import {
  damageRecord,
  type Directory,
  type DurableChange,
  makeActor,
  makeDirectory,
  openDirectory,
  putBackDirectory,
  remakeDirectory,
} from './directory.js';
import type { Figures } from './figures.js';
import { createGate, type Gate } from './gate.js';
import type { Network } from './network.js';
import type { ClockPlan, DiskPlan } from './plan.js';
import { type Random, type Seed, stream } from './random.js';
import type { SimulatedRegistry } from './registry.js';
import type { Schedule } from './schedule.js';
import { type DiskState, openStorage, type SimulatedStorage } from './storage.js';
import type { Trace } from './trace.js';

/** Sees what no client sees; the judge is one. */
export interface Witness {
  stepped(machine: Machine, event: NodeEvent, effects: readonly Effect[], sizes?: NodeSizes): void;
  /** A batch with this record has just become durable. */
  durable(directory: Directory, key: Key, record: VersionedRecord): void;
  /** Anything else has become durable, or the node was told that it has not. */
  changed(directory: Directory, change: DurableChange): void;
  refused(directory: Directory, change: DurableChange): void;
  /** A process has ended, in order or not. */
  ended(directory: Directory): void;
  /** The core threw. */
  broke(machine: Machine, error: unknown): void;
}

export interface MachineParts {
  readonly seed: Seed;
  readonly index: number;
  readonly id: NodeId;
  readonly clock: ClockPlan;
  readonly disk: DiskPlan;
  readonly schedule: Schedule;
  readonly trace: Trace;
  readonly figures: Figures;
  readonly network: Network;
  /** Keeps the document, where it is not voted on. */
  readonly registry: SimulatedRegistry | undefined;
  readonly witness: Witness;
  /** Where the nodes are, or will be when they have been started: people keep the seeds right. */
  readonly seeds: () => ReadonlyMap<NodeId, string>;
  /** What is the same for all nodes of the cluster. */
  readonly settings: Pick<
    NodeOptions,
    | 'founding'
    | 'digests'
    | 'requestTimeoutMs'
    | 'nodeTimeoutMs'
    | 'antiEntropyMs'
    | 'tombstoneGraceMs'
    | 'scrubMs'
    | 'limits'
  >;
}

/** One life of a process. */
export interface Life {
  readonly gate: Gate;
  readonly node: SteppingNode;
  readonly runtime: Runtime;
  readonly storage: SimulatedStorage;
  readonly clusterStore: SimulatedClusterStore;
  readonly directory: Directory;
  readonly clock: SimulatedClock;
  readonly bus: Bus;
  readonly registry: Registry | undefined;
  /** Nodes that have answered its probes. */
  readonly heardFrom: Set<NodeId>;
  /** Requests of clients that wait for an answer; each is told when the process ends. */
  readonly callers: Set<() => void>;
}

/** A machine with its disk and its clock, on which processes of one node live one after the other. */
export interface Machine {
  readonly id: NodeId;
  readonly index: number;
  /** The last one is in use. */
  readonly directories: Directory[];
  readonly disk: DiskState;
  readonly wall: WallClock;
  readonly life: Life | undefined;
  /** Until when virtual time its process was stopped last, for the judgement of deadlines. */
  readonly pausedUntilMs: number;
  readonly directory: Directory;
  /** Where its process is to be found; its next one, where none runs. */
  readonly address: string;
  start(): void;
  crash(batch: 'kept' | 'torn'): void;
  /** Ends the process in order, then calls `done`. */
  stop(done: () => void): void;
  pause(): void;
  resume(): void;
  /** The process must be dead. */
  wipe(what: 'database' | 'all'): void;
  /** Its next process has another address. */
  move(): void;
  replaceDirectory(old: Directory): void;
  /** The record's checksum fails from now on; false where there is none. */
  damage(key: Key): boolean;
}

/** Whether its process takes it for complete. */
export function isComplete({ life }: Machine): boolean {
  return life?.node.view().complete === true;
}

interface State extends MachineParts {
  readonly directories: Directory[];
  readonly diskState: DiskState;
  readonly wall: WallClock;
  readonly random: Random;
  /** Lives led so far. */
  lives: number;
  /** How often its address has changed. */
  moves: number;
  life: Life | undefined;
  pausedUntilMs: number;
}

export function createMachine(parts: MachineParts): Machine {
  const random = stream(parts.seed, `disk ${parts.id}`);
  const state: State = {
    ...parts,
    directories: [makeDirectory(parts.id, true, stream(parts.seed, `actor ${parts.id}`))],
    diskState: { failing: false, failedReaches: false, slowMs: 0 },
    wall: { ...parts.clock },
    random,
    lives: 0,
    moves: 0,
    life: undefined,
    pausedUntilMs: -1,
  };
  const machine: Machine = {
    id: parts.id,
    index: parts.index,
    directories: state.directories,
    disk: state.diskState,
    wall: state.wall,
    get life() {
      return state.life;
    },
    get pausedUntilMs() {
      return state.life?.gate.frozen === true ? Infinity : state.pausedUntilMs;
    },
    get directory() {
      return state.directories.at(-1)!;
    },
    get address() {
      return addressOf(state);
    },
    start: () => {
      state.life ??= startLife(state, machine);
    },
    crash: (batch) => {
      endLife(state, batch);
    },
    stop: (done) => {
      stopLife(state, done);
    },
    pause: () => {
      state.life?.gate.freeze();
    },
    resume: () => {
      if (state.life?.gate.frozen !== true) return;
      state.pausedUntilMs = state.schedule.nowMs;
      state.life.gate.thaw();
    },
    move: () => {
      state.moves++;
    },
    wipe: (what) => {
      machine.directory.lostAtMs = state.schedule.nowMs;
      const random = stream(state.seed, actorStream(state));
      state.directories.push(remakeDirectory(machine.directory, what, random));
    },
    damage: (key) => damageRecord(machine.directory, key, state.schedule.nowMs),
    replaceDirectory: (old) => {
      const lost = machine.directory;
      lost.lostAtMs = state.schedule.nowMs;
      state.directories.push(putBackDirectory(old, lost));
    },
  };
  return machine;
}

function actorStream({ id, directories }: State): string {
  return `actor ${id} ${String(directories.length)}`;
}

function startLife(state: State, machine: Machine): Life {
  const { schedule, network, trace, id } = state;
  const gate = createGate();
  const wallSeconds = Math.floor(wallMs(schedule, state.wall) / 1000);
  trace.event(schedule.nowMs, `start ${id}`);
  const storage = storageOf(state, machine, gate, wallSeconds);
  const clock = createClock(schedule, gate, state.wall, state.random.fraction() * TICK_MS);
  const spareActor = makeActor(stream(state.seed, `spare ${id} ${String(++state.lives)}`));
  machine.directory.spareActors.push(spareActor);
  const { cluster, vote } = machine.directory;
  const node = createNode({
    ...{ self: id, ...storage.identity, spareActor, ...state.settings },
    ...{
      vote: voteOf(vote),
      jitter: state.random.fraction(),
      register: state.registry ? 'store' : 'ballots',
    },
    ...(cluster && { cluster }),
    ...{ busAddress: addressOf(state), httpAddress: addressOf(state), weight: 1, zone: '' },
  });
  const clusterStore = clusterStoreOf(state, machine, gate);
  const heardFrom = new Set<NodeId>();
  const runtime = createRuntime({
    node: watched(state, machine, node, heardFrom),
    storage,
    clusterStore,
    clock,
    metrics: { count: () => undefined, observe: () => undefined, gauge: () => undefined },
    onBug: (error) => {
      state.witness.broke(machine, error);
      endLife(state, 'torn');
    },
  });
  const seeds = state.seeds();
  const bus = seededBus(network.open(id, addressOf(state), gate, runtime.busHandlers), seeds);
  const registry = openRegistry(state, machine, gate, runtime);
  runtime.start(bus, registry);
  for (const [other, address] of seeds) if (other !== id) runtime.seen(other, address);
  return {
    gate,
    node,
    runtime,
    storage,
    clusterStore,
    directory: machine.directory,
    clock,
    bus,
    registry,
    heardFrom,
    callers: new Set(),
  };
}

function openRegistry(
  state: State,
  { directory }: Machine,
  gate: Gate,
  { registryHandlers }: Runtime,
): Registry | undefined {
  const registry = state.registry?.open(state.id, gate, registryHandlers);
  const address = addressOf(state);
  const place = { httpAddress: address, busAddress: address, zone: '', weight: 1 };
  registry?.register({ ...place, actor: directory.actor, epoch: 0, tokens: [] });
  return registry;
}

function addressOf({ id, moves }: Pick<State, 'id' | 'moves'>): string {
  return moves === 0 ? id : `${id}-${String(moves)}`;
}

/** The node itself, every step of which is seen and becomes part of the trace. */
function watched(
  { witness, trace, figures, schedule, id }: State,
  machine: Machine,
  node: SteppingNode,
  heardFrom: Set<NodeId>,
): SteppingNode {
  return {
    sizes: () => node.sizes(),
    view: () => node.view(),
    step: (event, now) => {
      const effects = node.step(event, now);
      if (event.type === 'message' && event.message.type === 'pong') heardFrom.add(event.from);
      if (event.type === 'documentKept' || event.type === 'clusterKept') noteCompleteness(machine, node);
      if (event.type === 'tick' && effects.length === 0) return effects;
      trace.event(schedule.nowMs, `${id} ${event.type}`);
      for (const effect of effects) {
        trace.event(schedule.nowMs, `${id} ${effect.type}`);
        if (effect.type === 'observe') figures.count(`fact:${effect.fact}`);
      }
      if (isProbing(event)) witness.stepped(machine, event, effects);
      else witness.stepped(machine, event, effects, node.sizes());
      return effects;
    },
  };
}

/** For the judge: the directory counts from the moment in which its node takes it for complete. */
function noteCompleteness({ directory }: Machine, node: SteppingNode): void {
  const { complete } = node.view();
  if (directory.complete === complete) return;
  directory.complete = complete;
  if (!complete) return;
  directory.lostAtMs = undefined;
  directory.oldCopyOf = undefined;
}

/** Most of what happens; nothing that is bounded grows by it. */
const PROBING = new Set(['tick', 'ping', 'pong', 'scanBegun', 'scanned', 'compare', 'compared']);

function isProbing(event: NodeEvent): boolean {
  return PROBING.has(event.type === 'message' ? event.message.type : event.type);
}

function clusterStoreOf(state: State, { directory }: Machine, gate: Gate): SimulatedClusterStore {
  const { random, schedule, diskState: disk } = state;
  const [least, most] = state.disk.syncMs;
  return openClusterStore({
    ...{ directory, disk, gate, schedule },
    syncMs: () => least + random.fraction() * (most - least),
  });
}

function storageOf(state: State, machine: Machine, gate: Gate, wallSeconds: number): SimulatedStorage {
  const { random, schedule, figures } = state;
  const { directory } = machine;
  const [least, most] = state.disk.syncMs;
  return openStorage({
    directory,
    identity: openDirectory(directory, wallSeconds),
    disk: state.diskState,
    gate,
    schedule,
    md5: (key) => state.settings.digests.md5(key),
    syncMs: () => least + random.fraction() * (most - least),
    readMs: () => (state.disk.readMs === 0 || random.chance(0.5) ? 0 : random.fraction() * state.disk.readMs),
    onDurable: (key, record) => {
      state.witness.durable(directory, key, record);
    },
    onChanged: (change) => {
      state.witness.changed(directory, change);
    },
    onRefused: (change) => {
      state.witness.refused(directory, change);
    },
    onTorn: (batch) => {
      figures.count(batch === 'torn' ? 'tornBatch' : 'keptBatch');
    },
    onFailed: () => {
      figures.count('failedBatch');
    },
  });
}

function endLife(state: State, batch: 'kept' | 'torn'): void {
  const { life } = state;
  if (!life) return;
  state.trace.event(state.schedule.nowMs, `end ${state.id}`);
  state.life = undefined;
  life.gate.close();
  life.storage.crash(batch);
  life.clusterStore.crash(batch);
  for (const lost of [...life.callers]) lost();
  state.witness.ended(life.directory);
}

function stopLife(state: State, done: () => void): void {
  const { life } = state;
  if (!life) return;
  void life.runtime
    .stop()
    .then(() => life.registry?.close())
    .then(() => life.bus.close())
    .then(() => life.storage.close())
    .then(() => {
      if (state.life !== life) return;
      endLife(state, 'torn');
      done();
    });
}
