import fc from 'fast-check';
import type { Actor, Dot, VersionedRecord } from '../../../services/node/core/types.js';
import { applyWrite, EMPTY_RECORD, mergeRecords } from '../../../services/node/core/versioning/record.js';

/**
 * Records as a real history makes them, each beside what a naive oracle knows of it: a set of writes, and for each write
 * the set of those that its client had seen. A write survives as long as no known write's client had seen it.
 */
export interface State {
  readonly record: VersionedRecord;
  readonly known: ReadonlySet<string>;
}

export interface History {
  /** Every state that a replica was ever in, oldest first. */
  readonly states: readonly State[];
  /** For each write what its client had seen, the whole past included. */
  readonly pasts: ReadonlyMap<string, ReadonlySet<string>>;
}

type Step =
  | { readonly type: 'write'; readonly replica: number; readonly seen: number; readonly marked: boolean }
  | { readonly type: 'merge'; readonly from: number; readonly into: number };

const ACTORS = ['a', 'b', 'c', 'd'] as Actor[];

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('write'),
      replica: fc.nat(3),
      seen: fc.nat(),
      marked: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('merge'), from: fc.nat(3), into: fc.nat(3) }) },
);

export const history: fc.Arbitrary<History> = fc
  .array(step, { minLength: 1, maxLength: 40, size: 'max' })
  .map(play);

/** The name of a dot, as the oracle keeps it. */
export function nameOf(dot: { readonly actor: string; readonly counter: number }): string {
  return `${dot.actor}${dot.counter}`;
}

/** The writes that are known and that nobody who is known had seen, by name. */
export function survivorsOf({ pasts }: History, known: ReadonlySet<string>): readonly string[] {
  const seen = new Set([...known].flatMap((name) => [...pasts.get(name)!]));
  return [...known].filter((name) => !seen.has(name)).sort();
}

function play(steps: readonly Step[]): History {
  const empty: State = { record: EMPTY_RECORD, known: new Set() };
  const replicas: State[] = ACTORS.map(() => empty);
  const states: State[] = [empty];
  const pasts = new Map<string, ReadonlySet<string>>();
  const keep = (replica: number, state: State): void => {
    replicas[replica] = state;
    states.push(state);
  };
  steps.forEach((step, index) => {
    if (step.type === 'merge') {
      keep(step.into, mergeStates(replicas[step.into]!, replicas[step.from]!));
      return;
    }
    const seen = states[step.seen % states.length]!;
    // Counters grow over the whole node, so that those of one key have gaps.
    const dot = { actor: ACTORS[step.replica]!, counter: index + 1 };
    pasts.set(nameOf(dot), seen.known);
    keep(step.replica, write(replicas[step.replica]!, dot, seen, step.marked));
  });
  return { states, pasts };
}

function mergeStates(a: State, b: State): State {
  return { record: mergeRecords(a.record, b.record), known: new Set([...a.known, ...b.known]) };
}

/** Now and then a tombstone, and with a wall clock that does not always go forward. */
function write(mine: State, dot: Dot, seen: State, marked: boolean): State {
  const { counter } = dot;
  const entry = { ...dot, timestamp: 1000 - 7 * counter + 50 * (counter % 3) };
  const value = counter % 5 === 0 ? new Uint8Array() : new TextEncoder().encode(nameOf(dot));
  const requestId = marked ? { requestId: `r${counter % 6}` } : {};
  const record = applyWrite(mine.record, { entry, context: seen.record.clock, value, ...requestId });
  return { record, known: new Set([...mine.known, ...seen.known, nameOf(dot)]) };
}
