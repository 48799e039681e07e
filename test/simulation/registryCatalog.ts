import type { RegisteredNode } from '../../services/node/core/protocol/store.js';
import type { NodeId } from '../../services/node/core/types.js';
import type { Registration } from '../../services/node/ports/registry.js';
import type { Gate } from './gate.js';
import type { Random } from './random.js';
import type { Schedule } from './schedule.js';

/**
 * Who is registered, and whether each one's check passes: as a process runs, is stopped, or has ended, seen a moment later.
 * An entry stays when its process ends without taking it back.
 */
export interface SimulatedCatalog {
  /** The newest process of a node: the check asks it. */
  started(node: NodeId, gate: Gate): void;
  put(node: NodeId, registration: Registration): void;
  remove(node: NodeId): void;
  holds(node: NodeId, registration: Registration): boolean;
  clear(): void;
  /** As an observer sees it now. */
  view(observer: NodeId, random: Random): readonly RegisteredNode[];
  /** The check of a node fails every other time. */
  flap(node: NodeId): () => void;
  /** Observers are not told of some nodes. */
  hide(nodes: readonly NodeId[], observers: readonly NodeId[]): () => void;
  /** Observers are told what was so at some earlier time. */
  age(observers: readonly NodeId[]): () => void;
}

export interface CatalogParts {
  readonly schedule: Schedule;
  readonly onChange: () => void;
}

const CHECK_MS = 1000;
/** Views that are remembered, to be told late. */
const VIEWS_MAX = 64;

interface Entry {
  readonly registration: Registration;
  passing: boolean;
}

interface Hiding {
  readonly nodes: readonly NodeId[];
  readonly observers: readonly NodeId[];
}

interface State extends CatalogParts {
  readonly entries: Map<NodeId, Entry>;
  readonly gates: Map<NodeId, Gate>;
  readonly flapping: Map<NodeId, number>;
  readonly hidings: Set<Hiding>;
  readonly aged: Set<readonly NodeId[]>;
  readonly views: (readonly RegisteredNode[])[];
  checks: number;
}

export function createCatalog(parts: CatalogParts): SimulatedCatalog {
  const state: State = {
    ...parts,
    entries: new Map(),
    gates: new Map(),
    flapping: new Map(),
    hidings: new Set(),
    aged: new Set(),
    views: [],
    checks: 0,
  };
  return {
    started: (node, gate) => {
      if (state.gates.size === 0) state.schedule.after(CHECK_MS, () => check(state));
      state.gates.set(node, gate);
    },
    put: (node, registration) => {
      const passing = state.entries.get(node)?.passing ?? false;
      state.entries.set(node, { registration, passing });
      changed(state);
    },
    remove: (node) => {
      if (state.entries.delete(node)) changed(state);
    },
    holds: (node, registration) => state.entries.get(node)?.registration === registration,
    clear: () => {
      state.entries.clear();
      changed(state);
    },
    view: (observer, random) => view(state, observer, random),
    flap: (node) => {
      state.flapping.set(node, (state.flapping.get(node) ?? 0) + 1);
      return () => void state.flapping.set(node, state.flapping.get(node)! - 1);
    },
    hide: (nodes, observers) => during(state, state.hidings, { nodes, observers }),
    age: (observers) => during(state, state.aged, observers),
  };
}

function during<T>(state: State, faults: Set<T>, fault: T): () => void {
  faults.add(fault);
  state.onChange();
  return () => {
    faults.delete(fault);
    state.onChange();
  };
}

function check(state: State): void {
  state.checks++;
  let news = false;
  for (const [node, entry] of state.entries) {
    const gate = state.gates.get(node);
    const flaps = (state.flapping.get(node) ?? 0) > 0 && state.checks % 2 === 0;
    const passing = gate?.open === true && !gate.frozen && !flaps;
    news ||= passing !== entry.passing;
    entry.passing = passing;
  }
  if (news) changed(state);
  state.schedule.after(CHECK_MS, () => check(state));
}

function changed(state: State): void {
  state.views.push(viewOf(state));
  if (state.views.length > VIEWS_MAX) state.views.shift();
  state.onChange();
}

function viewOf({ entries }: State): readonly RegisteredNode[] {
  return [...entries]
    .map(([node, { registration, passing }]) => ({ node, busAddress: registration.busAddress, passing }))
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}

function view(state: State, observer: NodeId, random: Random): readonly RegisteredNode[] {
  const isAged = [...state.aged].some((observers) => observers.includes(observer));
  const nodes = isAged && state.views.length > 0 ? random.pick(state.views) : viewOf(state);
  const hidden = [...state.hidings].filter(({ observers }) => observers.includes(observer));
  return nodes.filter(({ node }) => !hidden.some((hiding) => hiding.nodes.includes(node)));
}
