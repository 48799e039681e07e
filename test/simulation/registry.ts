import type { StoreReading, SwapResult } from '../../services/node/core/protocol/store.js';
import type { NodeId } from '../../services/node/core/types.js';
import {
  READ_MS,
  type Registration,
  type Registry,
  type RegistryHandlers,
  STORE_BYTES_MAX,
  SWAP_MS,
} from '../../services/node/ports/registry.js';
import type { Gate } from './gate.js';
import { type Random, type Seed, stream } from './random.js';
import { createCatalog, type SimulatedCatalog } from './registryCatalog.js';
import type { Schedule } from './schedule.js';

/**
 * The registry of all simulated nodes: one store, one catalog, and for each life of a process a way to them. What is on its
 * way outlives who sent it, so that a swap of a node that has crashed, or was told that it failed, may still be done.
 *
 * Indexes are Consul's: one counter for whatever changes. A store that is wiped begins again with low ones, so that numbers
 * come again; one that is put back has the older text with its older index, while the counter goes on.
 */
export interface SimulatedRegistry {
  /** For one life of a node's process. */
  open(self: NodeId, gate: Gate, handlers: RegistryHandlers): Registry;
  readonly weather: RegistryWeather;
  readonly catalog: Pick<SimulatedCatalog, 'flap' | 'hide' | 'age'>;
  /** Nothing reaches it, or comes back; for these nodes, or for all. Cuts may overlap: each is taken back by itself. */
  cut(nodes?: readonly NodeId[]): () => void;
  /** Store and catalog are empty. */
  wipe(): void;
  /** The store holds again what it held then. */
  putBack(atMs: number): void;
  /** What the store holds now. */
  readonly stored: Stored | undefined;
  /** All that it has held, for the judge, oldest first. */
  readonly history: readonly Stored[];
}

/** Rates and times that hold now. */
export interface RegistryWeather {
  /** One way. */
  delayMs: number;
  jitterMs: number;
  /** Calls whose answer is lost, or that never arrive, though nothing is cut. */
  lossRate: number;
  /** How late what has changed is told. */
  noticeMs: number;
  /** Notices that never come. */
  noticeLossRate: number;
}

export interface Stored {
  readonly index: number;
  /** Undefined: nothing; it was wiped. */
  readonly text: string | undefined;
  readonly by: NodeId | 'wipe' | 'putBack';
  readonly atMs: number;
}

export interface RegistryParts {
  readonly seed: Seed;
  readonly schedule: Schedule;
  readonly weather?: Partial<RegistryWeather>;
}

const CALM: RegistryWeather = { delayMs: 1, jitterMs: 2, lossRate: 0, noticeMs: 20, noticeLossRate: 0 };
/** From one look at the own registration to the next. */
const LOOK_MS = 3000;
/** Until a node notices that the registry is away, and that it is there again. */
const NOTICE_AWAY_MS = 5000;
const NOTICE_BACK_MS = 3000;
const RETRY_MS = 500;
const GOODBYE_MS = 1000;
/** A swap that was given up arrives until then, or never. */
const LATE_MS = 30_000;

interface State extends RegistryParts {
  readonly weather: RegistryWeather;
  readonly catalog: SimulatedCatalog;
  readonly ways: Set<Way>;
  readonly cuts: Set<readonly NodeId[] | 'all'>;
  readonly randoms: Map<NodeId, Random>;
  readonly history: Stored[];
  stored: Stored | undefined;
  lastIndex: number;
}

/** One life's way to the registry. */
interface Way {
  readonly self: NodeId;
  readonly gate: Gate;
  readonly handlers: RegistryHandlers;
  readonly random: Random;
  readonly pending: Set<() => void>;
  reachable: boolean;
  closed: boolean;
  /** What the last read gave; an index means nothing beside it. */
  read: Stored | undefined;
  reading: boolean;
  swapping: boolean;
  wanted: Registration | undefined;
  /** A view is on its way. */
  viewComes: boolean;
  lastView: string;
}

export function createSimulatedRegistry(parts: RegistryParts): SimulatedRegistry {
  const ways = new Set<Way>();
  const catalog = createCatalog({ schedule: parts.schedule, onChange: () => onCatalog(state) });
  const state: State = {
    ...{ ...parts, ways, catalog, weather: { ...CALM, ...parts.weather } },
    ...{ cuts: new Set(), randoms: new Map(), history: [], stored: undefined, lastIndex: 5 },
  };
  return {
    weather: state.weather,
    catalog,
    open: (self, gate, handlers) => open(state, self, gate, handlers),
    cut: (nodes) => cut(state, nodes ?? 'all'),
    wipe: () => {
      state.lastIndex = randomOf(state, 'wipes' as NodeId).between(1, 10);
      keep(state, { text: undefined, by: 'wipe', index: 0 });
      catalog.clear();
    },
    putBack: (atMs) => {
      const old = state.history.findLast((stored) => stored.atMs <= atMs);
      state.lastIndex++;
      if (old?.text === undefined) keep(state, { text: undefined, by: 'putBack', index: 0 });
      else keep(state, { text: old.text, by: 'putBack', index: old.index });
    },
    get stored() {
      return state.stored;
    },
    history: state.history,
  };
}

function open(state: State, self: NodeId, gate: Gate, handlers: RegistryHandlers): Registry {
  const way: Way = {
    ...{ self, gate, handlers, random: randomOf(state, self), pending: new Set() },
    ...{ reachable: false, closed: false, read: undefined, reading: false, swapping: false },
    ...{ wanted: undefined, viewComes: false, lastView: '[]' },
  };
  for (const other of state.ways) if (!other.gate.open) state.ways.delete(other);
  state.ways.add(way);
  state.catalog.started(self, gate);
  state.schedule.after(delayOf(state, way), () => reached(state, way));
  let closed: Promise<void> | undefined;
  return {
    read: (done) => read(state, way, done),
    swap: (index, text, done) => swap(state, way, { index, text }, done),
    register: (registration) => {
      const isFirst = way.wanted === undefined;
      way.wanted = registration;
      if (isFirst) state.schedule.after(delayOf(state, way), () => keepRegistered(state, way));
      else state.schedule.after(delayOf(state, way), () => putEntry(state, way));
    },
    state: () => ({ reachable: way.reachable, registered: isRegistered(state, way) }),
    close: () => (closed ??= close(state, way)),
  };
}

function isRegistered({ catalog }: State, { self, wanted }: Way): boolean {
  return wanted !== undefined && catalog.holds(self, wanted);
}

function isCut({ cuts }: State, node: NodeId): boolean {
  return [...cuts].some((nodes) => nodes === 'all' || nodes.includes(node));
}

function cut(state: State, nodes: readonly NodeId[] | 'all'): () => void {
  state.cuts.add(nodes);
  for (const way of state.ways) {
    state.schedule.after(way.random.fraction() * NOTICE_AWAY_MS, () => {
      if (isCut(state, way.self)) way.reachable = false;
    });
  }
  return () => {
    state.cuts.delete(nodes);
    for (const way of state.ways) {
      state.schedule.after(way.random.fraction() * NOTICE_BACK_MS, () => reached(state, way));
    }
  };
}

/** The first time, or again. What was read before might name something else now. */
function reached(state: State, way: Way): void {
  if (way.reachable || !isLive(way) || isCut(state, way.self)) return;
  way.reachable = true;
  way.read = undefined;
  tell(way, () => way.handlers.onChanged());
  sendView(state, way);
}

function isLive({ closed, gate }: Way): boolean {
  return !closed && gate.open;
}

/** A handler is called in the process, where it is neither stopped nor closed by then. */
function tell(way: Way, task: () => void): void {
  way.gate.enter(() => {
    if (!way.closed) task();
  });
}

/** The same stream for all lives of a node. */
function randomOf({ seed, randoms }: State, node: NodeId): Random {
  const known = randoms.get(node);
  if (known) return known;
  const made = stream(seed, `registry ${node}`);
  randoms.set(node, made);
  return made;
}

function delayOf({ weather }: State, { random }: Way): number {
  return weather.delayMs - weather.jitterMs * Math.log(1 - random.fraction());
}

/** A call with its deadline; what is given to `answer` first counts. */
interface Call<T> {
  answer(result: T): void;
}

function openCall<T>(
  state: State,
  way: Way,
  { ms, failed }: { ms: number; failed: T },
  done: (result: T) => void,
): Call<T> {
  let answered = false;
  const answer = (result: T): void => {
    if (answered) return;
    answered = true;
    way.pending.delete(fail);
    way.gate.enter(() => done(result));
  };
  const fail = (): void => answer(failed);
  way.pending.add(fail);
  state.schedule.after(ms, fail);
  if (way.closed) state.schedule.after(0, fail);
  return { answer };
}

const FAILED: StoreReading = { status: 'failed' };

function read(state: State, way: Way, done: (reading: StoreReading) => void): void {
  if (way.reading) {
    state.schedule.after(0, () => way.gate.enter(() => done(FAILED)));
    return;
  }
  way.reading = true;
  const call = openCall<StoreReading>(state, way, { ms: READ_MS, failed: FAILED }, (reading) => {
    way.reading = false;
    done(reading);
  });
  const [there, back, lost] = [
    delayOf(state, way),
    delayOf(state, way),
    way.random.chance(state.weather.lossRate),
  ];
  if (lost) return;
  carry(state, way, there, () => {
    const { stored } = state;
    carry(state, way, back, () => {
      way.read = stored;
      call.answer({ status: 'read', index: stored?.index ?? 0, text: stored?.text ?? '' });
    });
  });
}

/** Nothing arrives while the node is cut. */
function carry(state: State, way: Way, ms: number, task: () => void): void {
  if (isCut(state, way.self)) return;
  state.schedule.after(ms, () => {
    if (!isCut(state, way.self)) task();
  });
}

interface Swap {
  readonly index: number;
  readonly text: string;
}

function swap(state: State, way: Way, wanted: Swap, done: (result: SwapResult) => void): void {
  if (way.swapping) {
    state.schedule.after(0, () => way.gate.enter(() => done('failed')));
    return;
  }
  way.swapping = true;
  const call = openCall<SwapResult>(state, way, { ms: SWAP_MS, failed: 'failed' }, (result) => {
    way.swapping = false;
    done(result);
  });
  const read = way.read;
  const { random } = way;
  const [there, back, lost] = [
    delayOf(state, way),
    delayOf(state, way),
    random.chance(state.weather.lossRate),
  ];
  const [fate, lateMs] = [random.fraction(), random.fraction() * LATE_MS];
  if (new TextEncoder().encode(wanted.text).length > STORE_BYTES_MAX) {
    state.schedule.after(there, () => call.answer('failed'));
    return;
  }
  const apply = (): SwapResult => applySwap(state, way.self, wanted, read);
  if (!lost && !isCut(state, way.self)) {
    state.schedule.after(there, () => {
      const result = apply();
      carry(state, way, back, () => call.answer(result));
    });
  } else if (fate < 1 / 3) state.schedule.after(there, () => void apply());
  else if (fate < 2 / 3) state.schedule.after(lateMs, () => void apply());
}

function applySwap(state: State, by: NodeId, { index, text }: Swap, read: Stored | undefined): SwapResult {
  const { stored } = state;
  const isWanted = index === 0 ? stored === undefined : stored !== undefined && isSame(stored, read, index);
  if (!isWanted) return 'conflict';
  // To Consul this is no change, and the index stays.
  if (stored?.text === text) return 'stored';
  state.lastIndex++;
  keep(state, { index: state.lastIndex, text, by });
  return 'stored';
}

/** One that was put back is the same again. */
function isSame(stored: Stored, read: Stored | undefined, index: number): boolean {
  return read?.index === index && stored.index === index && stored.text === read.text;
}

function keep(state: State, kept: Omit<Stored, 'atMs'>): void {
  const stored = { ...kept, atMs: state.schedule.nowMs };
  state.history.push(stored);
  state.stored = stored.text === undefined ? undefined : stored;
  for (const way of state.ways) notify(state, way);
}

/** While the node is cut the notice waits, as a watch does that asks again. */
function notify(state: State, way: Way): void {
  const { weather, schedule } = state;
  const [lost, afterMs] = [
    way.random.chance(weather.noticeLossRate),
    way.random.fraction() * weather.noticeMs,
  ];
  if (lost) return;
  const deliver = (): void => {
    if (!isLive(way)) return;
    if (isCut(state, way.self)) schedule.after(RETRY_MS, deliver);
    else tell(way, () => way.handlers.onChanged());
  };
  schedule.after(afterMs, deliver);
}

function onCatalog(state: State): void {
  state.lastIndex++;
  for (const way of state.ways) sendView(state, way);
}

function sendView(state: State, way: Way): void {
  if (way.viewComes || !isLive(way)) return;
  way.viewComes = true;
  const deliver = (): void => {
    if (!isLive(way)) return;
    if (isCut(state, way.self)) {
      state.schedule.after(RETRY_MS, deliver);
      return;
    }
    way.viewComes = false;
    const view = state.catalog.view(way.self, way.random);
    const text = JSON.stringify(view);
    if (text === way.lastView) return;
    way.lastView = text;
    tell(way, () => way.handlers.onNodes(view));
  };
  state.schedule.after(way.random.fraction() * state.weather.noticeMs, deliver);
}

/** Looks every few seconds: what the registry has forgotten is said again. */
function keepRegistered(state: State, way: Way): void {
  if (!isLive(way)) return;
  putEntry(state, way);
  state.schedule.after(isRegistered(state, way) ? LOOK_MS : RETRY_MS, () => keepRegistered(state, way));
}

function putEntry(state: State, way: Way): void {
  if (!way.wanted || !isLive(way) || way.gate.frozen) return;
  if (isCut(state, way.self) || isRegistered(state, way)) return;
  state.catalog.put(way.self, way.wanted);
}

function close(state: State, way: Way): Promise<void> {
  way.closed = true;
  const away = isCut(state, way.self);
  return new Promise((resolve) => {
    state.schedule.after(away ? GOODBYE_MS : delayOf(state, way), () => {
      if (!away && way.wanted && way.gate.open) state.catalog.remove(way.self);
      for (const fail of [...way.pending]) fail();
      state.ways.delete(way);
      resolve();
    });
  });
}
