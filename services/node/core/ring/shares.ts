import { assert } from '../assert.js';
import { at, range } from './elements.js';

/**
 * What each node ought to hold: a part of the whole in proportion to its weight, within what is possible. A node holds
 * a partition at most once, and so does a zone while there are enough zones; a zone that would get less than one copy of
 * everything gets that. What one cannot take is shared among the rest, still by weight (water-filling).
 *
 * Shares are kept as fractions of whole numbers, so that every node computes the same bounds (I8).
 */
export interface Bounds {
  /** The share, rounded down. */
  readonly least: number;
  /** The share, rounded up. */
  readonly most: number;
}

/** A node to plan for: its weight, a whole number from 1, and the index of its zone. */
export interface PlannedNode {
  readonly weight: number;
  readonly zone: number;
}

/** The rate `units / weight`: how much there is for each unit of weight. */
interface Rate {
  readonly units: number;
  readonly weight: number;
}

/** Bounds of the tokens of each node. */
export function tokenBounds(nodes: readonly PlannedNode[], partitions: number): Bounds[] {
  const rate = { units: partitions, weight: weightOf(nodes) };
  return nodes.map((node) => boundsOf(node, rate));
}

/** Bounds of the placements of each node; `size` replicas a partition, at most as many as there are nodes. */
export function placementBounds(nodes: readonly PlannedNode[], partitions: number, size: number): Bounds[] {
  const zones = membersOfZones(nodes);
  const rates =
    zones.length >= size
      ? ratesOfManyZones(nodes, zones, partitions, size)
      : ratesOfFewZones(nodes, zones, partitions, size);
  return nodes.map((node, i) => boundsOf(node, at(rates, i)));
}

/** For each zone the indexes of its nodes. */
export function membersOfZones(nodes: readonly PlannedNode[]): number[][] {
  const zones = range(Math.max(...nodes.map((node) => node.zone)) + 1);
  return zones.map((zone) => nodes.flatMap((node, i) => (node.zone === zone ? [i] : [])));
}

/** At least as many zones as replicas: a zone holds a partition at most once, and so does each node in it. */
function ratesOfManyZones(
  nodes: readonly PlannedNode[],
  zones: readonly number[][],
  partitions: number,
  size: number,
): Rate[] {
  const weights = zones.map((members) => weightOf(members.map((i) => at(nodes, i))));
  const rates = fill(weights, partitions, partitions * size);
  return nodes.map((node) => at(rates, node.zone));
}

/** Fewer zones than replicas: a zone that would get less than one copy of everything gets exactly that. */
function ratesOfFewZones(
  nodes: readonly PlannedNode[],
  zones: readonly number[][],
  partitions: number,
  size: number,
): Rate[] {
  const rates: Rate[] = [];
  const settle = (members: readonly number[], units: number): void => {
    const weights = members.map((i) => at(nodes, i).weight);
    fill(weights, partitions, units).forEach((rate, k) => (rates[at(members, k)] = rate));
  };
  const isPoor = (members: readonly number[]): boolean => {
    const held = members.map((i) => (at(nodes, i).weight * at(rates, i).units) / at(rates, i).weight);
    return sum(held) < partitions - ROUNDING;
  };
  let rest = zones;
  let units = partitions * size;
  for (;;) {
    settle(rest.flat(), units);
    // What the poor get is taken from the rest, of whom more may then be poor, never fewer.
    const poor = rest.filter(isPoor);
    if (poor.length === 0) return rates;
    for (const members of poor) settle(members, partitions);
    rest = rest.filter((members) => !poor.includes(members));
    units -= poor.length * partitions;
  }
}

/** Far above the error of a sum of shares, far below the difference between two that differ. */
const ROUNDING = 1e-6;

/** Shares `units` by weight where nobody can take more than `cap`. */
function fill(weights: readonly number[], cap: number, units: number): Rate[] {
  assert(units <= cap * weights.length, 'there is room for everything');
  const full = new Set<number>();
  for (;;) {
    const left = units - cap * full.size;
    const weightLeft = sum(weights.filter((_, i) => !full.has(i)));
    const over = weights.flatMap((own, i) => (!full.has(i) && own * left >= cap * weightLeft ? [i] : []));
    if (over.length === 0) {
      const rate = { units: left, weight: weightLeft };
      return weights.map((own, i) => (full.has(i) ? { units: cap, weight: own } : rate));
    }
    for (const i of over) full.add(i);
  }
}

/** Exact for whole weights: the product is below 2^53, and no quotient can round across a whole number. */
function boundsOf(node: PlannedNode, rate: Rate): Bounds {
  const share = (node.weight * rate.units) / rate.weight;
  return { least: Math.floor(share), most: Math.ceil(share) };
}

function weightOf(nodes: readonly PlannedNode[]): number {
  return sum(nodes.map((node) => node.weight));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
