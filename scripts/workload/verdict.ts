import {
  emptyHistory,
  historyOf,
  judgeView,
  maybeDoubled,
  onAnswer,
  onSend,
  statusOf,
  type Finding,
  type History,
} from './causality.js';
import type { AnswerLine, FinalLine, LogLine, SendLine, StartLine, UnreadableLine, ValueId } from './log.js';
import { newMeter, type Measures, type Meter } from './measures.js';
import { versionLedger, type VersionLedger } from './versionLedger.js';

/**
 * What a run proves, from its log alone. causality.ts says what "before" means and how deletes are judged.
 */
export interface Verdict {
  /** Whether nothing below was violated and the run was large enough. */
  readonly ok: boolean;
  readonly attempted: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  /** Repeated after an unknown outcome: may stand in the store twice. */
  readonly repeated: number;
  /** Acknowledged and lost: in some final read neither shown nor before anything shown. */
  readonly lost: readonly Finding[];
  /** Read, though never sent, sent later, or certainly refused. */
  readonly phantoms: readonly Finding[];
  /** In a final read, though an acknowledged write or delete had superseded it. */
  readonly resurrected: readonly Finding[];
  /** Reads during the run that missed, or still showed, what they must not; judged where reads are strict (I7). */
  readonly staleReads: readonly Finding[];
  /** One version string given with two different sets of values (I3). */
  readonly ambiguousVersions: readonly Finding[];
  /** Keys that a node could not read until the deadline. */
  readonly unreadable: readonly Finding[];
  readonly finalReads: number;
  readonly measures: Measures;
  /** Why the run is too small to mean anything. */
  readonly tooSmall: readonly string[];
}

export interface Bounds {
  readonly acknowledgedMin: number;
  readonly inFlightAtFaultMin: number;
}

export const FULL_SIZE: Bounds = { acknowledgedMin: 10_000, inFlightAtFaultMin: 100 };

interface Seen {
  readonly key: string;
  readonly value: ValueId;
  readonly where: string;
}

interface State {
  readonly history: History;
  readonly meter: Meter;
  readonly ledger: VersionLedger;
  readonly sends: Map<number, SendLine>;
  /** For each read in flight: how many writes of its key were acknowledged before it was sent. */
  readonly acknowledgedBefore: Map<number, number>;
  readonly seen: Map<ValueId, Seen>;
  readonly phantoms: Finding[];
  readonly staleReads: Finding[];
  start: StartLine | undefined;
  finals: FinalLine[];
  unreadable: UnreadableLine[];
}

/** Judges a whole log. Throws where lines contradict each other, so that a broken recorder is not taken for a pass. */
export function judge(lines: Iterable<LogLine>, bounds: Bounds = FULL_SIZE): Verdict {
  const state: State = {
    history: emptyHistory(),
    meter: newMeter(),
    ledger: versionLedger(),
    sends: new Map(),
    acknowledgedBefore: new Map(),
    seen: new Map(),
    phantoms: [],
    staleReads: [],
    start: undefined,
    finals: [],
    unreadable: [],
  };
  for (const line of lines) applyLine(state, line);
  return conclude(state, bounds);
}

function applyLine(state: State, line: LogLine): void {
  switch (line.t) {
    case 'start':
      if (state.start) throw new Error('the log holds more than one run');
      state.start = line;
      return;
    case 'send':
      applySend(state, line);
      return;
    case 'answer':
      applyAnswer(state, line);
      return;
    case 'mark':
      state.meter.onMark(line);
      return;
    case 'finals':
      state.finals = [];
      state.unreadable = [];
      return;
    case 'final':
      state.finals.push(line);
      noteValues(state, line.key, line.values, `final read at ${line.url}`);
      state.ledger.note(line.key, line.version, line.values);
      return;
    case 'unreadable':
      state.unreadable.push(line);
  }
}

function applySend(state: State, line: SendLine): void {
  if (state.sends.has(line.n)) throw new Error(`request ${String(line.n)} was sent twice`);
  state.sends.set(line.n, line);
  state.meter.onSend(line);
  onSend(state.history, line);
  if (!line.write) {
    state.acknowledgedBefore.set(line.n, historyOf(state.history, line.key).acknowledged.length);
  }
}

function applyAnswer(state: State, line: AnswerLine): void {
  const send = state.sends.get(line.n);
  if (!send) throw new Error(`request ${String(line.n)} was answered but not sent`);
  state.meter.onAnswer(send, line);
  onAnswer(state.history, send, line);
  if (line.outcome !== 'ok') return;
  const values = send.write ? (send.write.deletes === true ? [] : [send.write.value]) : (line.values ?? []);
  if (typeof line.version === 'string') state.ledger.note(send.key, line.version, values);
  if (!send.write) applyRead(state, send, values);
}

function applyRead(state: State, send: SendLine, values: readonly ValueId[]): void {
  noteValues(state, send.key, values, `read ${String(send.n)}`);
  const acknowledgedBefore = state.acknowledgedBefore.get(send.n) ?? 0;
  state.acknowledgedBefore.delete(send.n);
  if (state.start?.readsAreStrict !== true) return;
  const faults = judgeView(state.history, { key: send.key, values, acknowledgedBefore });
  const where = `read ${String(send.n)} showed [${values.join(' ')}]`;
  for (const value of faults.missing)
    state.staleReads.push({ key: send.key, value, detail: `missing: ${where}` });
  for (const { value, by } of faults.resurrected) {
    state.staleReads.push({ key: send.key, value, detail: `superseded by ${by}: ${where}` });
  }
}

/** A value must have been sent, to this key, before it is seen; whether it was refused is known only at the end. */
function noteValues(state: State, key: string, values: readonly ValueId[], where: string): void {
  for (const value of values) {
    const write = state.history.writes.get(value);
    if (write?.key !== key || write.deletes) {
      state.phantoms.push({ key, value, detail: `never sent to this key before ${where}` });
    } else if (!state.seen.has(value)) {
      state.seen.set(value, { key, value, where });
    }
  }
}

function conclude(state: State, bounds: Bounds): Verdict {
  const writes = [...state.history.writes.values()];
  const count = (status: string): number => writes.filter((write) => statusOf(write) === status).length;
  const measures = state.meter.measures();
  const acknowledged = count('acknowledged');
  const findings = {
    ...judgeFinals(state),
    phantoms: [...state.phantoms, ...refusedButSeen(state)],
    staleReads: state.staleReads,
    ambiguousVersions: state.ledger.ambiguous(),
    unreadable: state.unreadable.map((line) => ({
      key: line.key,
      value: '',
      detail: `${line.code} at ${line.url}`,
    })),
  };
  const tooSmall = whyTooSmall(acknowledged, measures, state.finals.length, bounds);
  return {
    ok: tooSmall.length === 0 && Object.values(findings).every((list) => list.length === 0),
    attempted: writes.length,
    acknowledged,
    refused: count('refused'),
    unknown: count('unknown'),
    repeated: writes.filter(maybeDoubled).length,
    ...findings,
    finalReads: state.finals.length,
    measures,
    tooSmall,
  };
}

/** Each final read is judged by itself: every node's answer has to account for every acknowledged write. */
function judgeFinals(state: State): { lost: Finding[]; resurrected: Finding[] } {
  const lost = new Map<ValueId, Finding>();
  const resurrected = new Map<ValueId, Finding>();
  for (const { key, values, url } of state.finals) {
    const acknowledgedBefore = historyOf(state.history, key).acknowledged.length;
    const faults = judgeView(state.history, { key, values, acknowledgedBefore });
    const where = `${url} shows [${values.join(' ')}]`;
    for (const value of faults.missing) lost.set(value, { key, value, detail: where });
    for (const { value, by } of faults.resurrected) {
      resurrected.set(value, { key, value, detail: `superseded by ${by}: ${where}` });
    }
  }
  for (const finding of neverReadBack(state)) lost.set(finding.value, finding);
  return { lost: [...lost.values()], resurrected: [...resurrected.values()] };
}

/** A key without any final read would otherwise count as fine. */
function neverReadBack(state: State): Finding[] {
  const read = new Set([...state.finals, ...state.unreadable].map((line) => line.key));
  return [...state.history.keys.values()]
    .filter((key) => key.acknowledged.length > 0 && !read.has(key.key))
    .flatMap((key) =>
      key.acknowledged.map(({ value }) => ({ key: key.key, value, detail: 'never read back' })),
    );
}

function refusedButSeen(state: State): Finding[] {
  return [...state.seen.values()].flatMap(({ key, value, where }) => {
    const write = state.history.writes.get(value);
    return write && statusOf(write) === 'refused'
      ? [{ key, value, detail: `refused, yet seen: ${where}` }]
      : [];
  });
}

function whyTooSmall(acknowledged: number, measures: Measures, finalReads: number, bounds: Bounds): string[] {
  const reasons: string[] = [];
  if (acknowledged < bounds.acknowledgedMin) {
    reasons.push(`${String(acknowledged)} acknowledged writes, ${String(bounds.acknowledgedMin)} wanted`);
  }
  for (const mark of measures.marks) {
    if (mark.name !== 'fault' || mark.inFlight >= bounds.inFlightAtFaultMin) continue;
    reasons.push(
      `${String(mark.inFlight)} requests in flight at the fault, ${String(bounds.inFlightAtFaultMin)} wanted`,
    );
  }
  if (finalReads === 0) reasons.push('no final reads');
  return reasons;
}
