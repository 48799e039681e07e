import type { Fault } from './plan.js';
import type { Random } from './random.js';

/**
 * Wrong views of who is there (I13): answers to probes that are lost or late, so that a node takes some of the others, or all,
 * for dead, again and again; addresses from a source of membership that has fallen behind; what is about the document and
 * about nodes comes a second time, much later.
 */

interface Size {
  readonly nodes: number;
  readonly chaosMs: number;
}

type Maker = (random: Random, at: number, size: Size) => Fault[];

const MAKERS: readonly Maker[] = [makeSilence, makeSilence, makeFlapping, makeLate, makeOldView, makeEcho];
const VIEWS_CHANCE = 0.35;
const VIEWS_MAX = 4;

export function expandViews(random: Random, size: Size): Fault[] {
  if (!random.chance(VIEWS_CHANCE)) return [];
  return Array.from({ length: random.between(1, VIEWS_MAX) }, () => {
    return random.pick(MAKERS)(random, random.between(0, size.chaosMs - 100), size);
  }).flat();
}

/** One node, and those of whom it has a wrong view: all others or some. */
function placeOf(random: Random, { nodes }: Size): { readonly node: number; readonly of: readonly number[] } {
  const order = random.shuffled(Array.from({ length: nodes }, (_, i) => i));
  const [node = 0, ...others] = order;
  return { node, of: random.chance(0.5) ? others : others.slice(0, random.between(1, nodes - 1)) };
}

function durationOf(random: Random): number {
  return random.pick([500, 2000, 6000, 12_000]);
}

function makeSilence(random: Random, at: number, size: Size): Fault[] {
  return [{ kind: 'deaf', at, forMs: durationOf(random), ...placeOf(random, size) }];
}

function makeFlapping(random: Random, at: number, size: Size): Fault[] {
  const place = placeOf(random, size);
  const everyMs = random.pick([300, 1000, 2000]);
  const forMs = everyMs * random.pick([0.3, 0.6]);
  return Array.from({ length: random.between(4, 10) }, (_, i) => {
    return { kind: 'deaf', at: at + i * everyMs, forMs, ...place };
  });
}

function makeLate(random: Random, at: number, size: Size): Fault[] {
  const lateMs = random.pick([200, 1000, 5000]);
  return [{ kind: 'deaf', at, forMs: durationOf(random), lateMs, ...placeOf(random, size) }];
}

/** Once or, as of a source that goes back and forth, several times. */
function makeOldView(random: Random, at: number, size: Size): Fault[] {
  const place = placeOf(random, size);
  const everyMs = random.pick([200, 1000]);
  return Array.from({ length: random.pick([1, 1, 5]) }, (_, i) => {
    return { kind: 'oldView', at: at + i * everyMs, ...place };
  });
}

/** With changes of the document, which only then has something to come back to: nodes that move. */
function makeEcho(random: Random, at: number, { nodes }: Size): Fault[] {
  const lateMs = random.pick([1000, 8000]);
  const moves = Array.from({ length: random.between(1, 3) }, (_, i): Fault => {
    return { kind: 'restart', at: at + 200 + i * 1500, node: random.below(nodes), forMs: 100, moves: true };
  });
  return [{ kind: 'echo', at, forMs: durationOf(random), rate: random.pick([0.05, 0.3]), lateMs }, ...moves];
}
