import {
  emptyHistory,
  historyOf,
  judgeView,
  maybeDoubled,
  onAnswer,
  onSend,
  statusOf,
  withAncestors,
  type Finding,
  type History,
} from '../../../scripts/workload/causality.js';
import type { SendLine, ValueId } from '../../../scripts/workload/log.js';
import { versionLedger } from '../../../scripts/workload/versionLedger.js';
import type { Clock, Key } from '../../../services/node/core/types.js';
import { covers } from '../../../services/node/core/versioning/clock.js';
import { actorsOf } from '../directory.js';
import type { Answer, Request } from '../requests.js';
import type { DotLedger } from './dots.js';
import { type Scene, sendLine, valuesOf } from './scene.js';

/**
 * Judges what clients were told by what clients did: nothing acknowledged is lost (I2, I7), nothing superseded comes back,
 * nothing is read that nobody wrote, siblings are concurrent and versions cover what they came with (I3).
 */
export interface HistoryChecker {
  sent(request: Request): void;
  answered(request: Request, answer: Answer): void;
  /** A read of all complete replicas after everything was healed: it has to account for everything acknowledged. */
  final(request: Request, answer: Answer): void;
  /** To be called once, at the end. */
  conclude(): void;
}

interface WriteFacts {
  readonly wanted: number;
  readonly strict: boolean;
  readonly sentAtMs: number;
}

interface State {
  readonly scene: Scene;
  readonly dots: DotLedger;
  readonly history: History;
  readonly given: { readonly key: Key; readonly version: string; readonly values: readonly ValueId[] }[];
  readonly lines: Map<number, SendLine>;
  /** By read in flight: how many writes of its key were acknowledged before it was sent. */
  readonly acknowledgedBefore: Map<number, number>;
  readonly facts: Map<ValueId, WriteFacts>;
  /** Where each value was first seen. */
  readonly seen: Map<ValueId, string>;
  /** Versions that came with a refusal: a client may write with one, and then supersedes what it has never seen. */
  readonly told: Map<Key, { readonly n: number; readonly clock: Clock }[]>;
}

export function createHistoryChecker(scene: Scene, dots: DotLedger): HistoryChecker {
  const state: State = {
    scene,
    dots,
    history: emptyHistory(),
    given: [],
    lines: new Map(),
    acknowledgedBefore: new Map(),
    facts: new Map(),
    seen: new Map(),
    told: new Map(),
  };
  return {
    sent: (request) => {
      onRequest(state, request);
    },
    answered: (request, answer) => {
      onAnswered(state, request, answer);
    },
    final: (request, answer) => {
      onFinal(state, request, answer);
    },
    conclude: () => {
      conclude(state);
    },
  };
}

function onRequest({ history, lines, facts, acknowledgedBefore }: State, request: Request): void {
  const line = sendLine(request);
  const { n, key, write, wanted, quorum, sentAtMs } = request;
  lines.set(n, line);
  onSend(history, line);
  if (!write) acknowledgedBefore.set(n, historyOf(history, key).acknowledged.length);
  else if (!facts.has(write.value)) facts.set(write.value, { wanted, strict: quorum === 'strict', sentAtMs });
}

function onAnswered(state: State, request: Request, answer: Answer): void {
  const { history, lines, scene } = state;
  const { n, key } = request;
  const { outcome, code, version, values } = answer;
  const shown = { ...(version !== undefined && { version }), ...(values && { values }) };
  onAnswer(history, lines.get(n)!, { t: 'answer', n, at: scene.nowMs(), outcome, code, ...shown });
  if (code === 'stale_version' && typeof version === 'string') {
    const told = { n, clock: scene.clockOf(key, version) ?? [] };
    state.told.set(key, [...(state.told.get(key) ?? []), told]);
  }
  if (outcome !== 'ok') return;
  learnTold(state, key);
  if (typeof version === 'string') checkVersion(state, request, version, valuesOf(request, answer));
  if (!request.write) checkRead(state, request, values ?? []);
}

/** A version names one state, covers all that came with it, and besides only what that superseded (I3). */
function checkVersion(
  state: State,
  { key, n, write }: Request,
  version: string,
  values: readonly ValueId[],
): void {
  const { scene, dots, history } = state;
  state.given.push({ key, version, values });
  const clock = scene.clockOf(key, version);
  if (!clock) {
    scene.report('I3', `request ${String(n)} was given a version that is none for ${key}`);
    return;
  }
  for (const value of values) {
    if (!isCovered(dots, value, write?.requestId, clock)) {
      scene.report(
        'I3',
        `the version of request ${String(n)} of ${key} does not cover ${value}, which came with it`,
      );
    }
  }
  const accounted = withAncestors(history, [...values, ...deletesOf(state, key)]);
  const surplus = dots
    .coveredBy(key, clock)
    .filter((value) => !accounted.has(value) && !isDoubled(state, value))
    .filter((value) => !isDamaged(state, key, value));
  if (surplus.length > 0) {
    const came = `[${values.join(' ')}]`;
    scene.report(
      'I3',
      `the version of request ${String(n)} of ${key} came with ${came} and covers [${surplus.join(' ')}]`,
    );
  }
}

/** Its minter has lost the record, and covers the dot by the next one that it mints; whether another has it is I2's to say. */
function isDamaged({ scene, dots }: State, key: Key, value: ValueId): boolean {
  const damaged = scene.directories().filter(({ damagedAtMs }) => damagedAtMs.has(key));
  return dots.dotsOf(value, undefined).some(({ actor }) => {
    return damaged.some((directory) => actorsOf(directory).includes(actor));
  });
}

function isCovered(dots: DotLedger, value: ValueId, requestId: string | undefined, clock: Clock): boolean {
  return dots.dotsOf(value, requestId).some((dot) => covers(clock, dot));
}

function checkRead(state: State, request: Request, values: readonly ValueId[]): void {
  const { n, key, wanted, quorum } = request;
  const where = `read ${String(n)} at n${String(request.node + 1)} showed [${values.join(' ')}] of ${key}`;
  const acknowledgedBefore = state.acknowledgedBefore.get(n) ?? 0;
  state.acknowledgedBefore.delete(n);
  noteValues(state, key, values, where);
  checkSiblings(state, values, where);
  if (quorum !== 'strict') return;
  const mustShow = (value: ValueId): boolean => {
    const facts = state.facts.get(value);
    if (!facts?.strict || lostHolders(state, key, facts) >= facts.wanted) return false;
    return facts.wanted + wanted > state.scene.primaries(key).length;
  };
  report(state, { key, values, acknowledgedBefore }, where, 'I7', mustShow);
}

/** Which writes those versions cover is known only when their dots have been seen. */
function learnTold({ told, dots, history }: State, key: Key): void {
  for (const { n, clock } of told.get(key) ?? []) history.covers.set(n, dots.coveredBy(key, clock));
}

function onFinal(state: State, { key, node }: Request, { values = [] }: Answer): void {
  learnTold(state, key);
  const where = `the final read at n${String(node + 1)} showed [${values.join(' ')}] of ${key}`;
  const acknowledgedBefore = historyOf(state.history, key).acknowledged.length;
  const mustShow = (value: ValueId): boolean => {
    const facts = state.facts.get(value);
    if (!facts || lostHolders(state, key, facts) >= facts.wanted) return false;
    return facts.strict || !isSetAside(state, key, value);
  };
  report(state, { key, values, acknowledgedBefore }, where, 'I2', mustShow);
}

function report(
  { history, scene }: State,
  view: Parameters<typeof judgeView>[1],
  where: string,
  promise: 'I2' | 'I7',
  mustShow: (value: ValueId) => boolean,
): void {
  const { missing, resurrected } = judgeView(history, view);
  for (const value of missing.filter(mustShow)) {
    scene.report(promise, `${value} was acknowledged, and ${where}`);
  }
  for (const { value, by } of resurrected) {
    if (mustShow(by)) scene.report(promise, `${value} was superseded by ${by}, and ${where}`);
  }
}

/**
 * Nodes whose copy of a write may be gone: disk lost since it was sent, or record damaged at any time (I2). With sloppy
 * quorum the copy may have been that of any node that ever had the key.
 */
function lostHolders({ scene }: State, key: Key, { strict, sentAtMs }: WriteFacts): number {
  const primaries = scene.primaries(key);
  const nodes = scene.directories().flatMap(({ node, lostAtMs, damagedAtMs, hinted }) => {
    const mayHold = primaries.includes(node) || (!strict && hinted.has(key));
    const lastLossMs = Math.max(lostAtMs ?? -1, damagedAtMs.get(key) ?? -1);
    return mayHold && lastLossMs >= sentAtMs ? [node] : [];
  });
  return new Set(nodes).size;
}

/**
 * A stand-in hands its copy over to its target even if that lost its disk before: there it waits, counting for nothing,
 * for the node to be rebuilt. Only with sloppy quorum may the copies that a write counted end so.
 */
function isSetAside({ scene, dots }: State, key: Key, value: ValueId): boolean {
  const clocks = scene.primaries(key).flatMap((node) => {
    const directory = scene.directoriesOf(node).at(-1);
    const clock = directory?.complete === false ? directory.witnessed.get(key) : undefined;
    return clock ? [clock] : [];
  });
  return dots.dotsOf(value, undefined).some((dot) => clocks.some((clock) => covers(clock, dot)));
}

function noteValues(
  { history, seen, scene }: State,
  key: Key,
  values: readonly ValueId[],
  where: string,
): void {
  for (const value of values) {
    const write = history.writes.get(value);
    if (write?.key !== key || write.deletes)
      scene.report('phantom', `${value} was never written, and ${where}`);
    else if (!seen.has(value)) seen.set(value, where);
  }
}

/** Values that stand side by side were written without knowledge of each other. */
function checkSiblings(state: State, values: readonly ValueId[], where: string): void {
  const { history, scene } = state;
  for (const value of values) {
    const write = history.writes.get(value);
    const before = withAncestors(history, write ? (history.covers.get(write.from) ?? []) : []);
    const known = values.filter((other) => other !== value && before.has(other) && !isDoubled(state, other));
    if (known.length > 0)
      scene.report('I3', `${value} was written in knowledge of ${known.join(' ')}, and ${where}`);
  }
}

function isDoubled({ history }: State, value: ValueId): boolean {
  const write = history.writes.get(value);
  return write !== undefined && maybeDoubled(write);
}

function deletesOf({ history }: State, key: Key): ValueId[] {
  return historyOf(history, key).deletes.map((write) => write.value);
}

function conclude(state: State): void {
  const { history, seen, scene } = state;
  for (const [value, where] of seen) {
    const write = history.writes.get(value);
    if (write && statusOf(write) === 'refused') scene.report('phantom', `${value} was refused, yet ${where}`);
  }
  for (const { detail, value } of ambiguousVersions(state)) {
    scene.report('I3', `one version came with different values: [${value}], and ${detail}`);
  }
}

/**
 * Writes that were sent twice are left out: whether such a write is shown when one of its dots was overwritten depends on
 * the marks of the replicas that were asked, which a version does not tell.
 */
function ambiguousVersions(state: State): readonly Finding[] {
  const ledger = versionLedger();
  for (const { key, version, values } of state.given) {
    const once = values.filter((value) => !isDoubled(state, value));
    ledger.note(key, version, once);
  }
  return ledger.ambiguous();
}
