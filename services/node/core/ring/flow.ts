/**
 * Cheapest flow through a network: how to send as much as possible from a source to a sink, and among all ways to do
 * so the one whose arcs cost least. Capacities and costs are whole numbers and so is the result.
 *
 * The method is the primal-dual one of Ford and Fulkerson with blocking flows as in Dinic's: each vertex has a
 * potential, the price of reaching it; flow goes only through arcs that are paid for exactly by the difference of
 * potentials ("tight"), as much as fits; when the sink is out of reach, the potentials of all that is out of reach rise
 * until another arc is tight. Each unit thus takes a cheapest way that is left, and the whole is cheapest.
 */
export interface Network {
  /** Arc 2k leads from its vertex to `heads[2k]`; arc 2k + 1 is its way back. */
  readonly heads: Int32Array;
  /** What an arc can still carry; for a way back: what its arc carries. */
  readonly free: Int32Array;
  readonly costs: Int32Array;
  /** First arc of each vertex and, for each arc, the next one of the same vertex; -1 ends the list. */
  readonly firsts: Int32Array;
  readonly nexts: Int32Array;
  arcs: number;
}

export const SOURCE = 0;
export const SINK = 1;

/** A network of so many vertices, source and sink among them, for at most `arcsMax` calls of {@link addArc}. */
export function createNetwork(vertices: number, arcsMax: number): Network {
  const list = () => new Int32Array(2 * arcsMax);
  return {
    heads: list(),
    free: list(),
    costs: list(),
    firsts: new Int32Array(vertices).fill(-1),
    nexts: list(),
    arcs: 0,
  };
}

/** Adds an arc of cost 0 or more and returns its number. Where costs tie, arcs added later are used first. */
export function addArc(network: Network, from: number, to: number, capacity: number, cost: number): number {
  const arc = network.arcs;
  linkArc(network, arc, from, to, capacity, cost);
  linkArc(network, arc + 1, to, from, 0, -cost);
  network.arcs += 2;
  return arc;
}

/** What an arc carries. */
export function flowOf(network: Network, arc: number): number {
  return int(network.free, arc + 1);
}

/** Sends the cheapest largest flow; read it with {@link flowOf}. Returns its size. */
export function sendCheapest(network: Network): number {
  const search: Search = {
    network,
    potentials: new Int32Array(network.firsts.length),
    levels: new Int32Array(network.firsts.length),
    cursors: new Int32Array(network.firsts.length),
    queue: new Int32Array(network.firsts.length),
    reached: 0,
  };
  let total = 0;
  do {
    while (reachSink(search)) {
      search.cursors.set(network.firsts);
      total += push(search, SOURCE, Number.MAX_SAFE_INTEGER);
    }
  } while (raisePotentials(search));
  return total;
}

/** Every list here is as long as what indexes it, so that nothing is ever missing. */
const int = (list: Int32Array, index: number): number => list[index] ?? 0;

interface Search {
  readonly network: Network;
  readonly potentials: Int32Array;
  /** Steps from the source over tight arcs, -1 where out of reach. */
  readonly levels: Int32Array;
  /** For each vertex the first of its arcs that may still lead on; those before it are spent. */
  readonly cursors: Int32Array;
  /** The vertices in reach, nearest first. */
  readonly queue: Int32Array;
  reached: number;
}

function linkArc(network: Network, arc: number, from: number, to: number, free: number, cost: number): void {
  network.heads[arc] = to;
  network.free[arc] = free;
  network.costs[arc] = cost;
  network.nexts[arc] = int(network.firsts, from);
  network.firsts[from] = arc;
}

/** Cost of an arc beyond what the potentials pay for; never negative on an arc that can carry something. */
function excessCost({ network, potentials }: Search, from: number, arc: number): number {
  return int(network.costs, arc) + int(potentials, from) - int(potentials, int(network.heads, arc));
}

/** Finds what is in reach of the source over tight arcs, breadth first. */
function reachSink(search: Search): boolean {
  const { network, levels, queue } = search;
  levels.fill(-1);
  levels[SOURCE] = 0;
  queue[0] = SOURCE;
  search.reached = 1;
  for (let i = 0; i < search.reached; i++) {
    const from = int(queue, i);
    for (let arc = int(network.firsts, from); arc >= 0; arc = int(network.nexts, arc)) {
      const to = int(network.heads, arc);
      if (int(network.free, arc) === 0 || int(levels, to) >= 0 || excessCost(search, from, arc) > 0) continue;
      levels[to] = int(levels, from) + 1;
      queue[search.reached++] = to;
    }
  }
  return int(levels, SINK) >= 0;
}

/** Pushes up to `limit` from a vertex to the sink, each step one level up. Returns how much arrived. */
function push(search: Search, from: number, limit: number): number {
  const { network, levels, cursors } = search;
  if (from === SINK) return limit;
  let pushed = 0;
  for (let arc = int(cursors, from); arc >= 0; arc = int(network.nexts, arc)) {
    cursors[from] = arc;
    const to = int(network.heads, arc);
    const free = int(network.free, arc);
    if (free === 0 || int(levels, to) !== int(levels, from) + 1 || excessCost(search, from, arc) > 0)
      continue;
    const step = push(search, to, Math.min(limit - pushed, free));
    network.free[arc] = free - step;
    network.free[arc ^ 1] = int(network.free, arc ^ 1) + step;
    pushed += step;
    if (pushed === limit) return pushed;
  }
  cursors[from] = -1;
  return pushed;
}

/** Raises the potentials of what is out of reach by the least that brings a vertex into reach; false: nothing can. */
function raisePotentials(search: Search): boolean {
  const { levels, potentials } = search;
  const least = cheapestWayOut(search);
  if (least === Infinity) return false;
  for (let vertex = 0; vertex < levels.length; vertex++) {
    if (int(levels, vertex) < 0) potentials[vertex] = int(potentials, vertex) + least;
  }
  return true;
}

function cheapestWayOut(search: Search): number {
  const { network, levels, queue } = search;
  let least = Infinity;
  for (let i = 0; i < search.reached; i++) {
    const from = int(queue, i);
    for (let arc = int(network.firsts, from); arc >= 0; arc = int(network.nexts, arc)) {
      if (int(network.free, arc) === 0 || int(levels, int(network.heads, arc)) >= 0) continue;
      least = Math.min(least, excessCost(search, from, arc));
    }
  }
  return least;
}
