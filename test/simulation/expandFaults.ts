import type { Fault, Link, Operation } from './plan.js';
import type { Random } from './random.js';

/** The faults of a plan: none to many, each with its duration, so that any of them can be taken out when a plan is shrunk. */

interface Size {
  readonly nodes: number;
  readonly keys: number;
  readonly chaosMs: number;
  readonly operations: readonly Operation[];
  readonly graceMs: number;
  /** Few faults, and no disk is put back: something else is to be seen. */
  readonly isCalm: boolean;
}

/** Where and when a fault may strike. */
interface Place {
  readonly at: number;
  readonly node: number;
}

type Maker = (random: Random, place: Place, size: Size) => Fault[];

const SHARES: readonly (readonly [number, Maker])[] = [
  [10, makeCrash],
  [5, makeAbsence],
  [2, makeRestart],
  [5, makePause],
  [6, makeCut],
  [3, makeSwizzle],
  [3, makeClog],
  [3, makeStorm],
  [4, makeDiskError],
  [2, makeSlowDisk],
  [2, makeDamage],
  [2, makeClockJump],
];
const MAKERS = SHARES.flatMap(([share, maker]) => Array.from({ length: share }, () => maker));

const FAULTS_MAX = 14;
const CALM_MAX = 4;

export function expandFaults(random: Random, size: Size): Fault[] {
  const wanted = random.chance(0.05) ? 0 : random.between(2, size.isCalm ? CALM_MAX : FAULTS_MAX);
  const faults: Fault[] = [];
  while (faults.length < wanted) faults.push(...random.pick(MAKERS)(random, placeOf(random, size), size));
  const old = random.chance(OLD_DISK_CHANCE) && !size.isCalm ? makeOldDisk(random, size) : undefined;
  const kept = old ? [...faults.filter((fault) => !disturbs(fault, old)), old] : faults;
  return kept.sort((a, b) => a.at - b.at);
}

/** Nodes that move all propose a change of the document, and after a power cut all at once. */
const MOVE_CHANCE = 0.25;

type OldDisk = Extract<Fault, { kind: 'oldDisk' }>;

const OLD_DISK_CHANCE = 0.25;
/** Long enough for every node to be told of every other one several times. */
const TOLD_MS = 3000;
const LAST_TOLD_MS = 1500;
/** Long enough for a node that was away to be given what it missed: a copy of before that is as old as its absence. */
const CAUGHT_UP_MS = 6000;

/**
 * An old copy is sure to be noticed where everybody was told how far the directory had come, still knows it, and can tell
 * it after the restart (R12): between the copy and that time nothing else goes wrong. One that is older than the grace time
 * may bring back what was reaped since; nobody may put such a one back.
 */
function makeOldDisk(random: Random, size: Size): OldDisk | undefined {
  const { at: before, node } = placeOf(random, size);
  const at = before + random.between(LAST_TOLD_MS, TOLD_MS);
  const forMs = random.pick([50, 300, 1000]);
  const agoMs = random.pick([TOLD_MS, 2 * TOLD_MS, 4 * TOLD_MS].filter((ms) => ms < size.graceMs));
  if (at <= agoMs || at + forMs + TOLD_MS > size.chaosMs) return undefined;
  return { kind: 'oldDisk', at, node, forMs, agoMs, toldMs: LAST_TOLD_MS };
}

function disturbs(fault: Fault, { at, forMs, agoMs }: OldDisk): boolean {
  const untilMs = fault.at + ('forMs' in fault ? fault.forMs : 0);
  if (fault.kind === 'clockJump' || fault.kind === 'damage') return false;
  return untilMs + CAUGHT_UP_MS > at - agoMs && fault.at < at + forMs + TOLD_MS;
}

/** Mostly right behind an operation and often where it goes, so that there is something to break. */
function placeOf(random: Random, { operations, chaosMs, nodes }: Size): Place {
  const node = random.below(nodes);
  if (random.chance(0.25)) return { at: random.between(0, chaosMs - 100), node };
  const operation = random.pick(operations);
  const at = operation.at + random.pick([0, 1, 3, 10, 40]);
  return { at, node: random.chance(0.5) ? (operation.writeNode ?? operation.node) : node };
}

function durationOf(random: Random): number {
  return random.pick([50, 300, 1000, 4000, 15_000]);
}

function makeCrash(random: Random, { at, node }: Place, { nodes }: Size): Fault[] {
  const all = random.chance(0.1);
  const disk = !all && random.chance(0.15) ? random.pick(['wiped', 'gone'] as const) : 'same';
  const moves = random.chance(MOVE_CHANCE);
  const one = (who: number): Fault => ({
    kind: 'crash',
    at,
    node: who,
    forMs: durationOf(random),
    batch: random.pick(['kept', 'torn']),
    disk,
    moves,
  });
  // A power cut hits everybody at once.
  return all ? Array.from({ length: nodes }, (_, i) => one(i)) : [one(node)];
}

/** One or two nodes are away for so long that the others stop waiting for them. */
function makeAbsence(random: Random, { at, node }: Place, { nodes }: Size): Fault[] {
  const other = (node + random.between(1, nodes - 1)) % nodes;
  const away = random.chance(0.5) ? [node] : [node, other];
  const forMs = random.between(2500, 9000);
  const batch = random.pick(['kept', 'torn'] as const);
  return away.map((one): Fault => {
    const time = { at: at + random.between(0, 200), node: one, forMs };
    return random.chance(0.7)
      ? { kind: 'crash', ...time, batch, disk: 'same', moves: false }
      : { kind: 'pause', ...time };
  });
}

function makeRestart(random: Random, { at, node }: Place): Fault[] {
  return [{ kind: 'restart', at, node, forMs: durationOf(random), moves: random.chance(MOVE_CHANCE) }];
}

function makePause(random: Random, { at, node }: Place): Fault[] {
  return [{ kind: 'pause', at, node, forMs: durationOf(random) }];
}

function makeCut(random: Random, { at }: Place, { nodes }: Size): Fault[] {
  const shape = random.pick(['symmetric', 'oneWay', 'isolated', 'split'] as const);
  const order = random.shuffled(Array.from({ length: nodes }, (_, i) => i));
  const side = order.slice(0, shape === 'split' ? random.between(1, nodes - 1) : 1);
  const links = linksOf(shape, order, side);
  return [{ kind: 'cut', shape, at, forMs: durationOf(random), links, bounces: random.chance(0.3) }];
}

function linksOf(shape: string, order: readonly number[], side: readonly number[]): Link[] {
  const [a = 0, b = 1] = order;
  if (shape === 'oneWay') return [[a, b]];
  if (shape === 'symmetric') return [[a, b], [b, a]]; // prettier-ignore
  const others = order.filter((node) => !side.includes(node));
  return side.flatMap((x) => others.flatMap((y): Link[] => [[x, y], [y, x]])); // prettier-ignore
}

/** Nodes are cut off or clogged one by one, and freed in another order. */
function makeSwizzle(random: Random, { at }: Place, { nodes }: Size): Fault[] {
  const order = random
    .shuffled(Array.from({ length: nodes }, (_, i) => i))
    .slice(0, random.between(2, nodes));
  const stepMs = random.pick([20, 200, 1000]);
  const ends = random.shuffled(order.map((_, i) => (order.length + i) * stepMs));
  const clogs = random.chance(0.5);
  const bounces = random.chance(0.3);
  return order.map((one, i): Fault => {
    const links = linksOf('isolated', Array.from({ length: nodes }, (_, n) => n), [one]); // prettier-ignore
    const time = { at: at + i * stepMs, forMs: ends[i]! - i * stepMs };
    return clogs
      ? { kind: 'clog', shape: 'swizzle', ...time, links }
      : { kind: 'cut', shape: 'swizzle', ...time, links, bounces };
  });
}

function makeClog(random: Random, { at }: Place, { nodes }: Size): Fault[] {
  const [a = 0, b = 1] = random.shuffled(Array.from({ length: nodes }, (_, i) => i));
  const links: Link[] = random.chance(0.5) ? [[a, b]] : [[a, b], [b, a]]; // prettier-ignore
  return [{ kind: 'clog', shape: 'link', at, forMs: durationOf(random), links }];
}

function makeStorm(random: Random, { at }: Place): Fault[] {
  const forMs = durationOf(random);
  return [
    {
      kind: 'storm',
      at,
      forMs,
      lossRate: random.pick([0, 0.1, 0.3]),
      duplicationRate: random.pick([0, 0.5]),
    },
  ];
}

function makeDiskError(random: Random, { at, node }: Place): Fault[] {
  const forMs = random.pick([10, 300, 2000]);
  return [{ kind: 'diskError', at, node, forMs, reaches: random.chance(0.5) }];
}

function makeSlowDisk(random: Random, { at, node }: Place): Fault[] {
  const forMs = durationOf(random);
  return [{ kind: 'slowDisk', at, node, forMs, syncMs: random.pick([100, 600]) }];
}

function makeDamage(random: Random, { at, node }: Place, { keys }: Size): Fault[] {
  return [{ kind: 'damage', at, node, key: random.below(keys) }];
}

function makeClockJump(random: Random, { at, node }: Place): Fault[] {
  const byMs = random.pick([-3_600_000, -5000, 5000, 3_600_000]);
  return [{ kind: 'clockJump', at, node, byMs }];
}
