import type { NodeId } from '../../services/node/core/types.js';
import type { Registration, RegistryHandlers } from '../../services/node/ports/registry.js';
import type { Gate } from './gate.js';
import { type Random, type Seed, stream } from './random.js';
import type { SimulatedCatalog } from './registryCatalog.js';
import type { Schedule } from './schedule.js';

/** What the parts of a simulated registry share: its state, the ways to it, and how something gets there and back. */

/** Until something that waits for a node to be reached is tried again. */
export const RETRY_MS = 500;

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
  readonly by: NodeId | 'founders' | 'wipe' | 'putBack';
  readonly atMs: number;
}

export interface RegistryParts {
  readonly seed: Seed;
  readonly schedule: Schedule;
  readonly weather?: Partial<RegistryWeather>;
}

/** All nodes where none are named. */
export interface Cut {
  readonly nodes: readonly NodeId[] | undefined;
}

export interface RegistryWorld extends RegistryParts {
  readonly weather: RegistryWeather;
  readonly catalog: SimulatedCatalog;
  readonly ways: Set<Way>;
  readonly cuts: Set<Cut>;
  readonly randoms: Map<NodeId, Random>;
  readonly history: Stored[];
  stored: Stored | undefined;
  lastIndex: number;
}

/** One life's way to the registry. */
export interface Way {
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

export function isCut({ cuts }: RegistryWorld, node: NodeId): boolean {
  return [...cuts].some(({ nodes }) => nodes?.includes(node) ?? true);
}

export function isLive({ closed, gate }: Way): boolean {
  return !closed && gate.open;
}

/** A handler is called in the process, where it is neither stopped nor closed by then. */
export function tell(way: Way, task: () => void): void {
  way.gate.enter(() => {
    if (!way.closed) task();
  });
}

/** The same stream for all lives of a node. */
export function randomOf({ seed, randoms }: RegistryWorld, node: NodeId): Random {
  const known = randoms.get(node);
  if (known) return known;
  const made = stream(seed, `registry ${node}`);
  randoms.set(node, made);
  return made;
}

export function delayOf({ weather }: RegistryWorld, { random }: Way): number {
  return weather.delayMs - weather.jitterMs * Math.log(1 - random.fraction());
}

export function keep(state: RegistryWorld, kept: Omit<Stored, 'atMs'>): void {
  const stored = { ...kept, atMs: state.schedule.nowMs };
  state.history.push(stored);
  state.stored = stored.text === undefined ? undefined : stored;
  for (const way of state.ways) notify(state, way);
}

/** While the node is cut the notice waits, as a watch does that asks again. */
function notify(state: RegistryWorld, way: Way): void {
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
