import type { NodeId } from '../../services/node/core/types.js';
import type { Registry, RegistryHandlers } from '../../services/node/ports/registry.js';
import type { Gate } from './gate.js';
import { read, swap } from './registryCalls.js';
import { createCatalog, type SimulatedCatalog } from './registryCatalog.js';
import {
  type Cut,
  delayOf,
  isCut,
  isLive,
  keep,
  randomOf,
  type RegistryParts,
  type RegistryWeather,
  type RegistryWorld,
  RETRY_MS,
  type Stored,
  tell,
  type Way,
} from './registryWorld.js';

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
  /** Holds this from the beginning. */
  begin(text: string): void;
  /** Store and catalog are empty. */
  wipe(): void;
  /** The store holds again what it held then. */
  putBack(atMs: number): void;
  /** What the store holds now. */
  readonly stored: Stored | undefined;
  /** All that it has held, for the judge, oldest first. */
  readonly history: readonly Stored[];
}

const CALM: RegistryWeather = { delayMs: 1, jitterMs: 2, lossRate: 0, noticeMs: 20, noticeLossRate: 0 };
/** From one look at the own registration to the next. */
const LOOK_MS = 3000;
/** Until a node notices that the registry is away, and that it is there again. */
const NOTICE_AWAY_MS = 5000;
const NOTICE_BACK_MS = 3000;
const GOODBYE_MS = 1000;

export function createSimulatedRegistry(parts: RegistryParts): SimulatedRegistry {
  const ways = new Set<Way>();
  const catalog = createCatalog({ schedule: parts.schedule, onChange: () => onCatalog(state) });
  const state: RegistryWorld = {
    ...{ ...parts, ways, catalog, weather: { ...CALM, ...parts.weather } },
    ...{ cuts: new Set(), randoms: new Map(), history: [], stored: undefined, lastIndex: 5 },
  };
  return {
    weather: state.weather,
    catalog,
    open: (self, gate, handlers) => open(state, self, gate, handlers),
    begin: (text) => {
      keep(state, { text, by: 'founders', index: ++state.lastIndex });
    },
    cut: (nodes) => cut(state, { nodes }),
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

function open(state: RegistryWorld, self: NodeId, gate: Gate, handlers: RegistryHandlers): Registry {
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

function isRegistered({ catalog }: RegistryWorld, { self, wanted }: Way): boolean {
  return wanted !== undefined && catalog.holds(self, wanted);
}

function cut(state: RegistryWorld, mine: Cut): () => void {
  state.cuts.add(mine);
  for (const way of state.ways) {
    state.schedule.after(way.random.fraction() * NOTICE_AWAY_MS, () => {
      if (isCut(state, way.self)) way.reachable = false;
    });
  }
  return () => {
    state.cuts.delete(mine);
    for (const way of state.ways) {
      state.schedule.after(way.random.fraction() * NOTICE_BACK_MS, () => reached(state, way));
    }
  };
}

/** The first time, or again. What was read before might name something else now. */
function reached(state: RegistryWorld, way: Way): void {
  if (way.reachable || !isLive(way) || isCut(state, way.self)) return;
  way.reachable = true;
  way.read = undefined;
  tell(way, () => way.handlers.onChanged());
  sendView(state, way);
}

function onCatalog(state: RegistryWorld): void {
  state.lastIndex++;
  for (const way of state.ways) sendView(state, way);
}

function sendView(state: RegistryWorld, way: Way): void {
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
function keepRegistered(state: RegistryWorld, way: Way): void {
  if (!isLive(way)) return;
  putEntry(state, way);
  state.schedule.after(isRegistered(state, way) ? LOOK_MS : RETRY_MS, () => keepRegistered(state, way));
}

function putEntry(state: RegistryWorld, way: Way): void {
  if (!way.wanted || !isLive(way) || way.gate.frozen) return;
  if (isCut(state, way.self) || isRegistered(state, way)) return;
  state.catalog.put(way.self, way.wanted);
}

function close(state: RegistryWorld, way: Way): Promise<void> {
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
