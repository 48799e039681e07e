import type { Fault, Operation } from './plan.js';
import type { Random } from './random.js';

/**
 * Keys that are written, deleted or overwritten, and then left alone: what operations come back to again and again has no
 * tombstone that lives long enough to be reaped, and no clock to be trimmed. Around the end of each something goes wrong
 * that could bring a value back (I10), or keep a tombstone for ever (R13).
 */
export interface Tombstones {
  /** How many keys more there are. */
  readonly keys: number;
  readonly operations: readonly Operation[];
  readonly faults: readonly Fault[];
}

interface Size {
  readonly nodes: number;
  readonly replicas: number;
  readonly keys: number;
  readonly chaosMs: number;
  readonly graceMs: number;
}

/** Of one key: its number, and when its story begins. */
interface Story {
  readonly key: number;
  readonly at: number;
  readonly size: Size;
}

/** In every plan the second client does with any nodes, so that others may stand in. */
const SLOPPY_CLIENT = 1;
/** Operations of these keys have numbers of their own. */
const FIRST_ID = 10_000;
/** A node that is away is suspect before that is over. */
const NOTICED_MS = 1000;

export function expandTombstones(random: Random, size: Size): Tombstones {
  const count = random.between(1, 3);
  const parts = Array.from({ length: count }, (_, i) => {
    const lastMs = Math.max(100, size.chaosMs - size.graceMs - 8000);
    const story = { key: size.keys + i, at: random.between(50, lastMs), size };
    if (random.chance(0.3)) return missedOverwriting(random, story);
    const isStray = size.nodes > size.replicas && random.chance(0.6);
    return isStray ? strayCopy(random, story) : missedReaping(random, story);
  });
  const operations = parts.flatMap((part) => part.operations);
  return {
    keys: count,
    operations: operations.map((operation, i) => ({ ...operation, id: FIRST_ID + i })),
    faults: parts.flatMap((part) => part.faults),
  };
}

type Part = Omit<Tombstones, 'keys'>;

/**
 * A copy of the old value stays behind on a node that is no replica, without a hint: it crashed between the two. It comes
 * back when the tombstone has expired, or a little earlier.
 */
function strayCopy(random: Random, { key, at, size }: Story): Part {
  const { nodes, graceMs } = size;
  const away = random.below(nodes);
  const writtenAt = at + NOTICED_MS + random.between(0, 500);
  const backAt = writtenAt + random.between(500, 1500);
  const deletedAt = backAt + random.between(300, 1500);
  const forMs = deletedAt - writtenAt + graceMs + random.between(-1000, 3000);
  const faults: Fault[] = [
    { kind: 'crash', at, node: away, forMs: backAt - at, batch: 'torn', disk: 'same', moves: false },
    { kind: 'crashIn', at, key, during: 'standIn', passing: 0, forMs },
  ];
  return {
    operations: [
      ...attempts(random, { key, at: writtenAt, kind: 'create', times: 2 }, size),
      ...attempts(random, { key, at: deletedAt, kind: 'delete', times: 3 }, size),
    ],
    faults,
  };
}

/** One replica crashes when it is to forget the tombstone that the others forget, and comes back with it. */
function missedReaping(random: Random, { key, at, size }: Story): Part {
  const passing = random.between(0, size.replicas - 1);
  const forMs = random.pick([300, 1000, 3000]);
  return {
    operations: [
      ...attempts(random, { key, at, kind: 'create', times: 1 }, size),
      ...attempts(random, { key, at: at + random.between(300, 1000), kind: 'delete', times: 3 }, size),
    ],
    faults: [{ kind: 'crashIn', at, key, during: 'reaping', passing, forMs }],
  };
}

/** One node, which may be a replica, is away from before a value is overwritten, or deleted, until that is long ago. */
function missedOverwriting(random: Random, { key, at, size }: Story): Part {
  const away = random.below(size.nodes);
  const awayAt = at + random.between(300, 800);
  const forMs = size.graceMs + random.between(4000, 9000);
  const kind = random.pick(['update', 'update', 'delete'] as const);
  return {
    operations: [
      ...attempts(random, { key, at, kind: 'create', times: 2 }, size),
      ...attempts(random, { key, at: awayAt + NOTICED_MS, kind, times: 3 }, size),
    ],
    faults: [{ kind: 'crash', at: awayAt, node: away, forMs, batch: 'kept', disk: 'same', moves: false }],
  };
}

/** Through several nodes one after the other, in case that one does not answer. */
function attempts(
  random: Random,
  wanted: {
    readonly key: number;
    readonly at: number;
    readonly kind: Operation['kind'];
    readonly times: number;
  },
  { nodes }: Size,
): Operation[] {
  const { times, at, ...operation } = wanted;
  const first = random.below(nodes);
  return Array.from({ length: times }, (_, i) => ({
    ...{ ...operation, id: 0, at: at + i * random.between(20, 300) },
    ...{ client: SLOPPY_CLIENT, node: (first + i) % nodes },
  }));
}
